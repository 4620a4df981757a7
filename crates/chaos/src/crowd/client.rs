//! One page: how it keeps its cursor and comes back, and the record of what it got, whatever the
//! transport.

use std::{
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use rustix::fd::OwnedFd;

use super::{
    backoff::{Backoff, jittered},
    clients::Habits,
    wire::{self, Heard, Outcome, Target, Wire},
};
use crate::{
    ledger::Ledger,
    oracle::{ToldGap, Witness},
    stamp,
    transport::{Taste, Transport},
};

/// A page gives a connection up that was silent for so many heartbeats and opens it anew: half a
/// connection tells nobody that it is dead.
const SILENT_HEARTBEATS: u32 = 3;
/// How long one that changes stays with a transport, on average, if nothing happens to it.
const STAY: Duration = Duration::from_secs(2);

/// One client of the crowd.
pub(crate) struct Client {
    channels: Vec<usize>,
    pub(crate) taste: Taste,
    transport: Transport,
    wire: Box<dyn Wire>,
    pub(crate) link: Link,
    pub(crate) witness: Witness,
    /// Of the last thing that came; empty before the first.
    cursor: String,
    backoff: Backoff,
    /// A gateway serves it, and no connection has broken since.
    served: bool,
    gateway: String,
    /// When it connects, or asks on the connection that it has.
    due: Instant,
    /// When it turns to another transport, if it is one to do so.
    moves_at: Instant,
    /// When it last heard or did something.
    heard_at: Instant,
    heartbeat: Duration,
    leisure: u32,
    /// Connections that ended, unless by its own will.
    pub(crate) reconnects: u64,
    /// Connections that it ended to turn to another transport.
    pub(crate) moves: u64,
    /// It takes nothing for now.
    pub(crate) stalled: bool,
}

/// Where a client stands with its connection.
pub(crate) enum Link {
    /// Connects when it is due.
    Away,
    /// The socket connects; the request goes out when it has.
    Connecting(OwnedFd),
    /// The request is out.
    Asked(OwnedFd),
    /// The answer has come; asks again when it is due.
    Kept(OwnedFd),
    /// It will never try again, for this reason.
    Dead(String),
}

impl Client {
    /// A page that is about to connect.
    pub(crate) fn new(channels: Vec<usize>, taste: Taste, habits: &Habits, now: Instant) -> Self {
        let transport = taste.first();
        Self {
            witness: Witness::new(&channels),
            channels,
            taste,
            transport,
            wire: wire::begin(transport, "", habits.leisure),
            link: Link::Away,
            cursor: String::new(),
            backoff: Backoff::default(),
            served: false,
            gateway: String::new(),
            due: now,
            moves_at: now + jittered(STAY * habits.leisure),
            heard_at: now,
            heartbeat: habits.heartbeat,
            leisure: habits.leisure,
            reconnects: 0,
            moves: 0,
            stalled: false,
        }
    }

    /// The request for what comes after its cursor.
    pub(crate) fn request(&mut self, server: SocketAddrV4, now: Instant) -> String {
        self.heard_at = now;
        self.wire.request(&Target { server, channels: &self.channels }, &self.cursor)
    }

    /// Whether a gateway serves it.
    pub(crate) fn is_live(&self) -> bool {
        self.served && self.death().is_none()
    }

    /// Why it will never try again, if so.
    pub(crate) fn death(&self) -> Option<&str> {
        if let Link::Dead(why) = &self.link { Some(why) } else { None }
    }

    /// Whether it is time to connect, or to ask on the connection that it has.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self.link, Link::Away | Link::Kept(_)) && now >= self.due
    }

    /// Whether it has been left without a word for too long.
    pub(crate) fn is_forsaken(&self, now: Instant) -> bool {
        let waits = matches!(self.link, Link::Connecting(_) | Link::Asked(_)) && !self.stalled;
        let limit = self.heartbeat * SILENT_HEARTBEATS + self.wire.silence();
        waits && now.duration_since(self.heard_at) > limit
    }

    /// Whether it has been with its transport for long enough.
    pub(crate) fn wants_to_move(&self, now: Instant) -> bool {
        self.taste == Taste::Changes && self.is_live() && !self.stalled && now >= self.moves_at
    }

    /// It had taken nothing for a while, and does again.
    pub(crate) fn go_on(&mut self, now: Instant) {
        self.stalled = false;
        self.heard_at = now;
    }

    /// It connects; nothing may come for a while.
    pub(crate) fn connect(&mut self, socket: OwnedFd, now: Instant) {
        self.link = Link::Connecting(socket);
        self.heard_at = now;
    }

    /// The connection is over: it comes back in a while.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.due = now + self.backoff.fail();
        self.served = false;
        self.stalled = false;
        self.reconnects += 1;
        self.hang_up(now);
    }

    /// It leaves its transport for another one.
    pub(crate) fn change(&mut self, now: Instant) {
        self.due = now;
        self.moves += 1;
        self.hang_up(now);
    }

    fn hang_up(&mut self, now: Instant) {
        self.link = Link::Away;
        self.wire.hang_up();
        let next = self.taste.after(self.transport);
        if next != self.transport {
            self.transport = next;
            self.wire = wire::begin(next, &self.cursor, self.leisure);
            self.moves_at = now + jittered(STAY * self.leisure);
        }
    }

    /// The connection that it kept for its next request is gone, which is no loss.
    pub(crate) fn lose_kept(&mut self) {
        self.link = Link::Away;
    }

    /// Takes bytes that were read.
    pub(crate) fn receive(&mut self, bytes: &[u8], ledger: &Ledger, now: Instant) -> Outcome {
        self.heard_at = now;
        let Self { wire, witness, cursor, backoff, served, gateway, .. } = self;
        let outcome = wire.receive(bytes, &mut |heard| match heard {
            Heard::Gateway(name) => name.clone_into(gateway),
            Heard::Open => {
                *served = true;
                backoff.succeed();
                witness.open(ledger);
            }
            Heard::Publication { channel, data } => match stamp::decode(data) {
                Some((own, number)) if channel.is_none_or(|name| name == stamp::channel_name(own)) => {
                    witness.receive(own, number);
                }
                _ => witness.receive_foreign(),
            },
            Heard::Gap(reason) => {
                witness.tell(ToldGap { reason: reason.to_owned(), gateway: gateway.clone() });
            }
            Heard::Cursor(new) => new.clone_into(cursor),
            Heard::Retry(pause) => backoff.tell(pause),
            Heard::Foreign => witness.receive_foreign(),
        });
        if let Outcome::Answered { pause, .. } = outcome {
            // What a gateway said when it turned this client away has been done.
            self.backoff.forget();
            self.due = now + pause;
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{oracle::Findings, transport::Mix};

    const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);

    fn client(taste: Taste) -> Client {
        let habits = Habits {
            server: SERVER,
            mix: Mix::named(taste.label()),
            leisure: 1,
            channels_each: 1,
            heartbeat: Duration::from_secs(2),
            receive_buffer_bytes: None,
        };
        Client::new(vec![0], taste, &habits, Instant::now())
    }

    fn receive(client: &mut Client, text: &str) -> Outcome {
        client.receive(text.as_bytes(), &Ledger::new(1), Instant::now())
    }

    fn request(client: &mut Client) -> String {
        client.request(SERVER, Instant::now())
    }

    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nchaos-gateway: b\r\n\r\n";

    #[test]
    fn it_comes_back_after_the_time_it_was_told() {
        let mut client = client(Taste::Keeps(Transport::Sse));
        receive(&mut client, &format!("{STREAM}event: fanfare.open\nretry: 900\nid: a\ndata: {{}}\n\n"));
        let now = Instant::now();
        client.leave(now);
        assert!(!client.is_live());
        assert!(!client.is_due(now + Duration::from_millis(899)));
        assert!(client.is_due(now + Duration::from_millis(900)));
    }

    #[test]
    fn a_gap_says_why_and_who_told_it() {
        let mut client = client(Taste::Keeps(Transport::Sse));
        receive(&mut client, &format!("{STREAM}event: fanfare.gap\ndata: {{\"reason\":\"trimmed\"}}\n\n"));
        let mut findings = Findings::default();
        client.witness.judge(&Ledger::new(1), true, &mut findings);
        assert_eq!(findings.gaps["trimmed@b"], 1);
    }

    #[test]
    fn who_changes_takes_its_cursor_along() {
        let mut client = client(Taste::Changes);
        while client.transport != Transport::Sse {
            client.change(Instant::now());
        }
        receive(&mut client, &format!("{STREAM}event: fanfare.open\nid: a\ndata: {{}}\n\n"));
        for transport in [Transport::LongPoll, Transport::Poll, Transport::WebSocket, Transport::Sse] {
            client.change(Instant::now());
            assert_eq!(client.transport, transport);
            assert!(request(&mut client).contains("&since=a "), "{transport:?}");
        }
        assert!(client.is_live());
    }

    #[test]
    fn a_publication_under_another_channels_name_is_foreign() {
        let data = stamp::encode(0, 0, 20);
        for (channel, foreign) in [("chaos-00", 0), ("chaos-01", 1)] {
            let mut client = client(Taste::Keeps(Transport::Poll));
            let body = format!(
                r#"{{"cursor":"c","gap":null,"more":false,"complete":true,
                "publications":[{{"channel":"{channel}","data":"{data}"}}]}}"#
            );
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nFanfare-Cursor: c\r\nContent-Length: {length}\r\n\r\n");
            assert!(matches!(receive(&mut client, &(head + &body)), Outcome::Answered { .. }));
            let mut findings = Findings::default();
            client.witness.judge(&Ledger::new(1), true, &mut findings);
            assert_eq!((findings.foreign, findings.received), (foreign, 1 - foreign));
        }
    }
}

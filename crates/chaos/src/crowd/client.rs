//! One page: an EventSource that comes back by the standard's rules, and the record of what it got.

use std::{
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use rustix::fd::OwnedFd;

use super::{
    event_source::{Event, EventSource, RETRY},
    response::{Head, Part, Response},
};
use crate::{
    ledger::Ledger,
    oracle::{ToldGap, Witness},
    stamp,
};

/// A page gives a stream up that was silent for so many heartbeats and opens it anew: half a
/// connection tells nobody that it is dead.
const SILENT_HEARTBEATS: u32 = 3;

/// One client of the crowd.
pub(crate) struct Client {
    channels: Vec<usize>,
    source: EventSource,
    response: Response,
    pub(crate) link: Link,
    pub(crate) witness: Witness,
    /// `fanfare.open` came on this connection.
    opened: bool,
    gateway: String,
    /// When it last heard or did something.
    pub(crate) since: Instant,
    heartbeat: Duration,
    /// Connections that ended, however it was.
    pub(crate) reconnects: u64,
    /// It takes nothing for now.
    pub(crate) stalled: bool,
}

/// Where a client stands with its connection.
pub(crate) enum Link {
    /// Reconnects when its time has come.
    Away,
    /// The socket connects; the request goes out when it has.
    Connecting(OwnedFd),
    /// The request is out.
    Asked(OwnedFd),
    /// It will never try again: what an EventSource does at any status but 200.
    Dead(String),
}

/// What comes of bytes that were read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Goes,
    /// The stream is over: back in a while.
    Ended,
    /// Never again, and why.
    Failed(String),
}

impl Client {
    /// A page that is about to connect.
    pub(crate) fn new(channels: Vec<usize>, heartbeat: Duration, now: Instant) -> Self {
        Self {
            witness: Witness::new(&channels),
            channels,
            source: EventSource::new(),
            response: Response::default(),
            link: Link::Away,
            opened: false,
            gateway: String::new(),
            // The first time it does not wait.
            since: now.checked_sub(RETRY).unwrap_or(now),
            heartbeat,
            reconnects: 0,
            stalled: false,
        }
    }

    /// The request, as an EventSource sends it.
    pub(crate) fn request(&self, server: SocketAddrV4) -> String {
        let channel = |&channel: &usize| format!("channel={}", stamp::channel_name(channel));
        let query: Vec<String> = self.channels.iter().map(channel).collect();
        let id = match &*self.source.last_id {
            "" => String::new(),
            id => format!("Last-Event-ID: {id}\r\n"),
        };
        format!(
            "GET /events?{} HTTP/1.1\r\nHost: {server}\r\nAccept: text/event-stream\r\n\
             Cache-Control: no-cache\r\n{id}\r\n",
            query.join("&"),
        )
    }

    /// Whether its session has begun and not ended.
    pub(crate) fn is_live(&self) -> bool {
        self.opened && matches!(self.link, Link::Asked(_))
    }

    /// Why it will never try again, if so.
    pub(crate) fn death(&self) -> Option<&str> {
        if let Link::Dead(why) = &self.link { Some(why) } else { None }
    }

    /// Whether it is time to connect.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self.link, Link::Away) && now.duration_since(self.since) >= self.source.retry
    }

    /// Whether it has been left without a word for too long.
    pub(crate) fn is_forsaken(&self, now: Instant) -> bool {
        let waits = matches!(self.link, Link::Connecting(_) | Link::Asked(_)) && !self.stalled;
        waits && now.duration_since(self.since) > self.heartbeat * SILENT_HEARTBEATS
    }

    /// The connection is over: it comes back when `retry` has passed.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.link = Link::Away;
        self.since = now;
        self.opened = false;
        self.stalled = false;
        self.reconnects += 1;
        self.response = Response::default();
        self.source.forget_partial();
    }

    /// Takes bytes that were read.
    pub(crate) fn receive(&mut self, bytes: &[u8], ledger: &Ledger, now: Instant) -> Outcome {
        self.since = now;
        self.response.feed(bytes);
        loop {
            match self.response.next() {
                Ok(None) => return Outcome::Goes,
                Ok(Some(Part::End)) | Err(_) => return Outcome::Ended,
                Ok(Some(Part::Head(head))) => {
                    if let Some(obstacle) = obstacle(&head) {
                        return Outcome::Failed(obstacle);
                    }
                    self.gateway = head.gateway;
                }
                Ok(Some(Part::Body(body))) => {
                    let Self { source, witness, opened, gateway, .. } = self;
                    source.feed(&body, |event| take(&event, witness, opened, gateway, ledger));
                }
            }
        }
    }
}

/// Why an EventSource stops for good at this head, if it does.
fn obstacle(head: &Head) -> Option<String> {
    let media_type = head.content_type.split(';').next().unwrap_or_default().trim();
    match head.status {
        200 if media_type.eq_ignore_ascii_case("text/event-stream") => None,
        200 => Some(format!("200 with {media_type:?}")),
        status => Some(status.to_string()),
    }
}

fn take(event: &Event, witness: &mut Witness, opened: &mut bool, gateway: &str, ledger: &Ledger) {
    match &*event.name {
        "" => match stamp::decode(&event.data) {
            Some((channel, number)) => witness.receive(channel, number),
            None => witness.receive_foreign(),
        },
        "fanfare.open" => {
            *opened = true;
            witness.open(ledger);
        }
        "fanfare.gap" => {
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
            let reason = data["reason"].as_str().unwrap_or("?").to_owned();
            witness.tell(ToldGap { reason, gateway: gateway.to_owned() });
        }
        // A bye is followed by the end of the connection, a cursor carries nothing but its id.
        "fanfare.bye" | "fanfare.cursor" => {}
        _ => witness.receive_foreign(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Findings;

    fn client() -> Client {
        Client::new(vec![0], Duration::from_secs(2), Instant::now())
    }

    fn receive(client: &mut Client, text: &str) -> Outcome {
        client.receive(text.as_bytes(), &Ledger::new(1), Instant::now())
    }

    #[test]
    fn any_status_but_200_and_any_other_type_is_the_end() {
        for (head, death) in [
            ("HTTP/1.1 503 No\r\nContent-Type: text/event-stream\r\n\r\n", "503"),
            ("HTTP/1.1 204 No\r\n\r\n", "204"),
            ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "200 with \"text/html\""),
        ] {
            assert_eq!(receive(&mut client(), head), Outcome::Failed(death.to_owned()));
        }
    }

    #[test]
    fn it_comes_back_with_its_last_id_after_the_time_it_was_told() {
        let mut client = client();
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nContent-Length: 47\r\n\r\n";
        assert_eq!(receive(&mut client, head), Outcome::Goes);
        let body = "event: fanfare.open\nretry: 900\nid: a\ndata: {}\n\n";
        assert_eq!(receive(&mut client, &body[..body.len() - 1]), Outcome::Goes);
        assert_eq!(receive(&mut client, "\n"), Outcome::Ended);
        let now = Instant::now();
        client.leave(now);
        assert!(!client.is_due(now + Duration::from_millis(899)));
        assert!(client.is_due(now + Duration::from_millis(900)));
        let request = client.request(SocketAddrV4::new([127, 0, 0, 1].into(), 80));
        assert!(request.contains("GET /events?channel=chaos-00 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nLast-Event-ID: a\r\n"), "{request}");
    }

    #[test]
    fn a_gap_says_why_and_who_told_it() {
        let mut client = client();
        let text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nchaos-gateway: b\r\n\r\n\
                    event: fanfare.gap\nid: z\ndata: {\"reason\":\"trimmed\",\"after\":null}\n\n";
        assert_eq!(receive(&mut client, text), Outcome::Goes);
        let mut findings = Findings::default();
        client.witness.judge(&Ledger::new(1), true, &mut findings);
        assert_eq!(findings.gaps["trimmed@b"], 1);
    }
}

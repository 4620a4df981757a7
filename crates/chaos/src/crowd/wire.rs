//! What goes over a client's connection: a state machine for each transport, behind one trait. None of
//! them knows of sockets, of other connections, or of the oracle.

mod event_source;
mod frame;
mod poll;
mod refusal;
mod response;
mod sse;
mod websocket;

use std::{net::SocketAddrV4, time::Duration};

use self::{
    poll::{INTERVAL, Manner, Poll},
    sse::Sse,
    websocket::WebSocket,
};
use crate::{stamp, transport::Transport};

/// One client's side of a transport.
pub(super) trait Wire: Send {
    /// The request for what comes after the cursor, which is empty if there is none.
    fn request(&self, target: &Target<'_>, cursor: &str) -> String;

    /// Takes bytes that were read, and hands on what a gateway has said in them, in order.
    fn receive(&mut self, bytes: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Outcome;

    /// The connection is over: what has not come whole never happened.
    fn hang_up(&mut self);

    /// How long nothing may come because nothing need to, beyond heartbeats.
    fn silence(&self) -> Duration {
        Duration::ZERO
    }
}

/// What is asked for, and where.
pub(super) struct Target<'a> {
    pub(super) server: SocketAddrV4,
    pub(super) channels: &'a [usize],
}

/// What a gateway says, whatever the transport.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// Who speaks, where the balancer says so.
    Gateway(&'a str),
    /// It serves this client.
    Open,
    Publication {
        /// Where the transport names it.
        channel: Option<&'a str>,
        data: &'a str,
    },
    /// Publications may be missing here, for this reason.
    Gap(&'a str),
    /// All before this has come.
    Cursor(&'a str),
    /// How long to stay away, the next time and from then on.
    Retry(Duration),
    /// Something that is neither.
    Foreign,
}

/// What comes of bytes that were read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Goes,
    /// It goes on, once this is sent.
    Replies(Vec<u8>),
    /// All that was asked for has come; it asks again after a pause, on the same connection if that is kept.
    Answered {
        pause: Duration,
        kept: bool,
    },
    /// The connection is over: back in a while.
    Ended,
    /// Never again, and why.
    Failed(String),
}

/// A client's side of this transport, for one who has this cursor already.
///
/// Polls at intervals come so many times less often as `leisure` says.
pub(super) fn begin(transport: Transport, cursor: &str, leisure: u32) -> Box<dyn Wire> {
    match transport {
        Transport::Sse => Box::new(Sse::since(cursor)),
        Transport::LongPoll => Box::new(Poll::new(Manner::Waits)),
        Transport::Poll => Box::new(Poll::new(Manner::Every(INTERVAL * leisure))),
        Transport::WebSocket => Box::new(WebSocket::default()),
    }
}

impl Target<'_> {
    /// The beginning of a request after this cursor.
    fn get(&self, cursor: &str, parameters: &str) -> String {
        let channel = |&channel: &usize| format!("channel={}", stamp::channel_name(channel));
        let channels: Vec<String> = self.channels.iter().map(channel).collect();
        let since = if cursor.is_empty() { String::new() } else { format!("&since={}", encoded(cursor)) };
        let (channels, server) = (channels.join("&"), self.server);
        format!("GET /events?{channels}{parameters}{since} HTTP/1.1\r\nHost: {server}\r\n")
    }
}

/// A cursor is opaque: whatever could mean something in a query is escaped.
fn encoded(value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a wire makes of pieces of an answer: what it hears, in words, and the last outcome.
    pub(super) fn hear(wire: &mut dyn Wire, pieces: &[&[u8]]) -> (Vec<String>, Outcome) {
        let (mut words, mut outcome) = (Vec::new(), Outcome::Goes);
        for piece in pieces {
            outcome = wire.receive(piece, &mut |heard| words.push(format!("{heard:?}")));
        }
        (words, outcome)
    }

    /// The request of a client on channel 0.
    pub(super) fn ask(wire: &dyn Wire, cursor: &str) -> String {
        let server = SocketAddrV4::new([127, 0, 0, 1].into(), 80);
        wire.request(&Target { server, channels: &[0] }, cursor)
    }

    #[test]
    fn every_transport_takes_the_cursor_along() {
        for transport in [Transport::Sse, Transport::LongPoll, Transport::Poll, Transport::WebSocket] {
            let request = ask(&*begin(transport, "a-1+", 1), "a-1+");
            assert!(request.starts_with("GET /events?channel=chaos-00"), "{request}");
            assert!(request.contains("&since=a-1%2B HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"), "{request}");
            assert!(request.ends_with("\r\n\r\n"), "{request}");
            assert!(!ask(&*begin(transport, "", 1), "").contains("since"));
        }
    }
}

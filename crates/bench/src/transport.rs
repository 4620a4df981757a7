//! How a session speaks with its server: what it asks with, and how it reads what comes.

use std::net::SocketAddrV4;

use crate::Result;
use crate::cursor::Cursor;
use crate::stamp::channel_name;
use crate::stream::{Dialect, EventStream, Socket, Stream};

/// The transports that the generator speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Server-Sent Events, as an EventSource.
    Sse,
    /// A WebSocket with the gateway's messages.
    WebSocket,
    /// Socket.IO, over a WebSocket from the beginning.
    SocketIo,
}

impl Transport {
    /// The request of a session, as the client of this transport would send it.
    pub(crate) fn request(
        self,
        server: SocketAddrV4,
        channels: impl Iterator<Item = u32>,
        after: Option<&Cursor>,
        bearer: Option<&str>,
    ) -> Vec<u8> {
        let query = channels.map(|channel| format!("channel={}", channel_name(channel)));
        let query = query.collect::<Vec<_>>().join("&");
        // A cursor is text that needs no coding in a URL, and none in a header.
        let after = after.map(|cursor| String::from_utf8_lossy(cursor.as_bytes()).into_owned());
        let since = after.as_ref().map_or(String::new(), |cursor| format!("&since={cursor}"));
        let (target, headers) = match self {
            Transport::Sse => {
                let last = after.map_or(String::new(), |cursor| format!("Last-Event-ID: {cursor}\r\n"));
                let accept = "Accept: text/event-stream\r\nCache-Control: no-cache\r\n";
                (format!("/events?{query}"), format!("{accept}{last}"))
            }
            Transport::WebSocket => (format!("/events?{query}{since}"), Socket::headers()),
            Transport::SocketIo => {
                (format!("/socket.io/?EIO=4&transport=websocket&{query}"), Socket::headers())
            }
        };
        let token = bearer.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
        format!("GET {target} HTTP/1.1\r\nHost: {server}\r\n{headers}{token}\r\n").into_bytes()
    }

    /// What a client sends to publish to the others on a channel, and not to itself. The server
    /// answers by this number.
    pub(crate) fn publish_message(self, channel: u32, data: &[u8], number: u32) -> Result<Vec<u8>> {
        // The benchmark's names and data have nothing that JSON would escape.
        let (channel, data) = (channel_name(channel), String::from_utf8_lossy(data));
        let message = match self {
            Transport::Sse => return Err("an event stream has no way back".into()),
            Transport::WebSocket => {
                let publication = format!(r#"{{"channel":"{channel}","data":"{data}"}}"#);
                format!(r#"{{"publish":{publication},"echo":false,"ref":{number}}}"#)
            }
            Transport::SocketIo => format!(r#"42{number}["publish","{channel}","{data}"]"#),
        };
        let mut out = Vec::new();
        Socket::write_message(&mut out, message.as_bytes());
        Ok(out)
    }

    /// What reads the answer.
    pub(crate) fn stream(self) -> Stream {
        match self {
            Transport::Sse => Stream::Events(EventStream::new()),
            Transport::WebSocket => Stream::Messages(Socket::new(Dialect::Envelopes)),
            Transport::SocketIo => Stream::Messages(Socket::new(Dialect::Packets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn request(transport: Transport) -> String {
        let mut cursor = Cursor::NONE;
        cursor.set(b"a-1-0");
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        String::from_utf8(transport.request(server, [1, 2].into_iter(), Some(&cursor), None)).expect("text")
    }

    #[test]
    fn each_transport_asks_in_its_own_way() {
        let sse = request(Transport::Sse);
        assert!(sse.starts_with("GET /events?channel=c1&channel=c2 HTTP/1.1\r\n"));
        assert!(sse.ends_with("\r\nLast-Event-ID: a-1-0\r\n\r\n"));
        let websocket = request(Transport::WebSocket);
        assert!(websocket.starts_with("GET /events?channel=c1&channel=c2&since=a-1-0 HTTP/1.1\r\n"));
        assert!(websocket.contains("\r\nUpgrade: websocket\r\n"));
        assert!(request(Transport::SocketIo).starts_with("GET /socket.io/?EIO=4&transport=websocket&"));
    }
}

//! What the attacks consist of.

use std::time::Duration;

use super::{Attack, Refused, Whom};
use crate::publisher::PREFIX;
use crate::stream::Socket;

const SECOND: Duration = Duration::from_secs(1);
const OFTEN: Duration = Duration::from_millis(50);
/// Connections that come back as soon as they are thrown out.
const FEW: usize = 50;
const FAST: usize = 500;

const DEFAULT: Attack = Attack {
    name: "",
    connections: FEW,
    opened_per_second: FAST,
    opening: |_| Vec::new(),
    refrain: Vec::new,
    every: SECOND,
    whom: Whom::Gateway,
    refused: Refused::Connections,
};

/// All of them.
pub(crate) static ALL: [Attack; 12] = [
    Attack {
        name: "2,000 slow heads",
        connections: 2_000,
        opened_per_second: 1_000,
        opening: |_| b"GET /events?channel=c0 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".to_vec(),
        refrain: || b"a".to_vec(),
        ..DEFAULT
    },
    Attack {
        name: "2,000 half-open bodies",
        connections: 2_000,
        opened_per_second: 1_000,
        opening: |_| {
            let head = "POST /events?channel=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                        Content-Length: 60000\r\n\r\n";
            [head.as_bytes(), &[b'x'; 4_000]].concat()
        },
        refrain: || b"x".to_vec(),
        ..DEFAULT
    },
    Attack {
        name: "10,000 silent connections of one address",
        connections: 10_000,
        opened_per_second: 1_000,
        ..DEFAULT
    },
    Attack {
        name: "10,000 sessions of one address",
        connections: 10_000,
        opened_per_second: 1_000,
        opening: |_| get("/events?channel=open&transport=sse", ""),
        ..DEFAULT
    },
    Attack {
        name: "header bombs",
        opening: |nth| match nth % 3 {
            0 => get("/events?channel=c0", &format!("X-Long: {}\r\n", "x".repeat(60_000))),
            1 => get("/events?channel=c0", &"X: y\r\n".repeat(5_000)),
            _ => get(&format!("/events?channel={}", "c".repeat(50_000)), "Connection: close\r\n"),
        },
        refrain: || b"X: y\r\n".repeat(1_000),
        every: OFTEN,
        ..DEFAULT
    },
    Attack {
        name: "garbage before a request",
        opening: |_| random(10_000),
        refrain: || random(10_000),
        every: OFTEN,
        ..DEFAULT
    },
    Attack {
        name: "garbage behind a take-over",
        opening: |_| [get("/events?channel=open&transport=sse", ""), random(1_000)].concat(),
        refrain: || random(10_000),
        every: OFTEN,
        ..DEFAULT
    },
    Attack {
        name: "smuggled requests",
        opening: |nth| smuggled(nth),
        refrain: || b"0\r\n\r\nGET /events HTTP/1.1\r\n\r\n".to_vec(),
        every: OFTEN,
        ..DEFAULT
    },
    Attack {
        name: "floods over WebSocket",
        opening: |_| get("/events?channel=open", &Socket::headers()),
        refrain: || {
            let mut out = Vec::new();
            for _ in 0..100 {
                Socket::write_message(&mut out, br#"{"presence":"open"}"#);
                // A ping.
                out.extend_from_slice(&[0x89, 0x80, 0, 0, 0, 0]);
            }
            out
        },
        every: OFTEN,
        ..DEFAULT
    },
    Attack {
        name: "fragment bombs over WebSocket",
        opening: |_| {
            let begins = [0x01, 0x81, 0, 0, 0, 0, b'x'];
            [get("/events?channel=open", &Socket::headers()), begins.to_vec()].concat()
        },
        // Continuations without end: of nothing, and of more than a message may have.
        refrain: || [0x00, 0x80, 0, 0, 0, 0].repeat(2_000),
        every: OFTEN,
        ..DEFAULT
    },
    Attack {
        name: "forged tokens",
        opening: |nth| {
            // The head of a token that asks for the same work as a good one.
            let forged = format!(
                "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjo0MDAwMDAwMDAwfQ.{nth:086x}"
            );
            let headers = format!("Authorization: Bearer {forged}\r\nConnection: close\r\n");
            get("/events?channel=c0&transport=sse", &headers)
        },
        every: OFTEN,
        ..DEFAULT
    },
    Attack {
        name: "garbage through Redis",
        connections: 4,
        opening: |_| b"CLIENT REPLY OFF\r\n".to_vec(),
        refrain: || {
            let publish = |channel: &str, data: &[u8]| {
                let name = format!("{PREFIX}{channel}");
                let head = format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{name}\r\n${}\r\n", name.len(), data.len());
                [head.as_bytes(), data, b"\r\n"].concat()
            };
            let long = vec![b'x'; 70_000];
            [
                publish("@json", b"{\"channel\":"),
                publish("@json", &random(200)),
                publish("a", &[0xff, 0xfe]),
                publish("a*b", b"x"),
                publish("@other", b"x"),
                publish("a", &long),
                publish("@control", b"{\"revoke\":"),
                publish("@control", &random(50)),
                publish("@beacon", &random(50)),
            ]
            .concat()
        },
        every: OFTEN,
        whom: Whom::Redis,
        // Of the nine, those that are none of the gateways' own are publications, and one is a directive.
        refused: Refused::Things(7),
        ..DEFAULT
    },
];

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes()
}

/// Noise of the same kind each time it is asked for.
fn random(length: usize) -> Vec<u8> {
    (0..length).map(|_| rand::random()).collect()
}

/// What two servers in a row might take for different requests.
fn smuggled(nth: usize) -> Vec<u8> {
    let shapes = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 6\r\n",
        "Host: other\r\nContent-Length: 0\r\n",
        "X: a\r\n b\r\nContent-Length: -1\r\n",
    ];
    let headers = shapes[nth % shapes.len()];
    format!("POST /events?channel=a HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\nhello")
        .into_bytes()
}

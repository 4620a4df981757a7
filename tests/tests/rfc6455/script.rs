//! A script of what a client sends and what a gateway is to say to it, step by step.

use std::{net::SocketAddr, thread};

use serde_json::{Value, json};
use tests::{Frame, Gateway, WebSocket, websocket::Width};

/// What stands for a close without a code (RFC 6455, section 7.1.5).
pub(crate) const NO_CODE: u16 = 1005;

/// For what is short enough to be sent byte by byte.
pub(crate) const SMALL: &[Cut] = &[Cut::Whole, Cut::Frames, Cut::Pieces(1)];
/// For what is not.
pub(crate) const LARGE: &[Cut] = &[Cut::Whole, Cut::Frames, Cut::Pieces(997)];

/// How what is sent without waiting is cut into writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Whole,
    Frames,
    Pieces(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// The answer to the message with this ref.
    Answer(Value),
    /// The answer to what is no command.
    Refusal,
    Pong(Vec<u8>),
    /// The server closes by itself, with one of these codes.
    Fails(Vec<u16>),
    /// The server answers a close, with one of these codes.
    Echoes(Vec<u16>),
}

pub(crate) struct Row {
    cases: String,
    steps: Vec<Step>,
}

impl Step {
    fn sent(&self) -> Option<&[u8]> {
        if let Self::Send(bytes) = self { Some(bytes) } else { None }
    }
}

pub(crate) fn row<T: Into<Vec<Step>>>(cases: impl Into<String>, steps: T) -> Row {
    Row { cases: cases.into(), steps: steps.into() }
}

impl Row {
    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// Plays every row in every cut, all at once, and names all that fail.
pub(crate) fn check<'row>(gateway: &Gateway, cuts: &[Cut], rows: &'row [Row]) {
    let address = gateway.public();
    let failed: Vec<String> = thread::scope(|scope| {
        let pairs = rows.iter().flat_map(|row| cuts.iter().map(move |cut| (row, *cut)));
        let start = |(row, cut): (&'row Row, Cut)| {
            let name = format!("case {}, {cut:?}", row.cases);
            let thread = thread::Builder::new().name(name.clone());
            (name, thread.spawn_scoped(scope, move || play(address, cut, &row.steps)).expect("a thread"))
        };
        let players: Vec<_> = pairs.map(start).collect();
        players.into_iter().filter_map(|(name, player)| player.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "these failed, each for a reason given above: {failed:#?}");
}

fn play(address: SocketAddr, cut: Cut, steps: &[Step]) {
    let mut socket = WebSocket::open(address, "channel=a");
    socket.expect_event("open");
    follow(&mut socket, cut, steps);
    if !matches!(steps.last(), Some(Step::Fails(_) | Step::Echoes(_))) {
        follow(&mut socket, cut, &[close(1000, ""), echoes(1000)]);
    }
}

pub(crate) fn follow(socket: &mut WebSocket, cut: Cut, steps: &[Step]) {
    for group in steps.chunk_by(|one, next| one.sent().is_some() && next.sent().is_some()) {
        let frames: Vec<_> = group.iter().filter_map(Step::sent).collect();
        match cut {
            _ if frames.is_empty() => expect(socket, &group[0]),
            Cut::Whole => socket.send_raw(&frames.concat()),
            Cut::Frames => frames.iter().for_each(|frame| socket.send_raw(frame)),
            Cut::Pieces(size) => frames.concat().chunks(size).for_each(|piece| socket.send_raw(piece)),
        }
    }
}

fn expect(socket: &mut WebSocket, step: &Step) {
    let frame = next(socket).unwrap_or_else(|| panic!("the connection ended instead of {step:?}"));
    let opcode = match step {
        Step::Pong(_) => Frame::PONG,
        Step::Fails(_) | Step::Echoes(_) => Frame::CLOSE,
        _ => Frame::TEXT,
    };
    assert!(frame.opcode == opcode && frame.fin, "{frame:?} instead of {step:?}");
    match step {
        Step::Send(_) => unreachable!("nobody waits for what is sent"),
        Step::Answer(reference) => assert_eq!(frame.json()["ref"], *reference),
        Step::Refusal => {
            let answer = frame.json();
            assert!(answer["error"]["code"].is_string() && answer["ref"].is_null(), "{answer}");
        }
        Step::Pong(payload) => assert_eq!(frame.payload, *payload),
        Step::Fails(codes) | Step::Echoes(codes) => {
            let (code, reason) = frame.closing();
            assert!(codes.contains(&code.unwrap_or(NO_CODE)), "{code:?} ({reason}) instead of {codes:?}");
            if matches!(step, Step::Fails(_)) {
                socket.send_raw(&frame.masked());
            }
            socket.expect_end();
        }
    }
}

/// What the server says next, but for what it says by itself: heartbeats and pings.
pub(crate) fn next(socket: &mut WebSocket) -> Option<Frame> {
    loop {
        let frame = socket.frame()?;
        match frame.opcode {
            Frame::PING => socket.send_raw(&Frame::new(Frame::PONG, frame.payload).masked()),
            Frame::TEXT if frame.json()["event"] == "fanfare.cursor" => {}
            _ => return Some(frame),
        }
    }
}

pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Step {
    Step::Send(Frame::new(opcode, payload).masked())
}

pub(crate) fn unfinished(opcode: u8, payload: impl AsRef<[u8]>) -> Step {
    Step::Send(Frame::new(opcode, payload).unfinished().masked())
}

pub(crate) fn text(payload: impl AsRef<[u8]>) -> Step {
    frame(Frame::TEXT, payload)
}

/// The first frame of a text.
pub(crate) fn first(payload: impl AsRef<[u8]>) -> Step {
    unfinished(Frame::TEXT, payload)
}

pub(crate) fn more(payload: impl AsRef<[u8]>) -> Step {
    unfinished(Frame::CONTINUATION, payload)
}

pub(crate) fn last(payload: impl AsRef<[u8]>) -> Step {
    frame(Frame::CONTINUATION, payload)
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Step {
    frame(Frame::PING, payload)
}

pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Step {
    Step::Send(Frame::close(code, reason).masked())
}

pub(crate) fn reserved(bits: u8, opcode: u8, payload: impl AsRef<[u8]>) -> Step {
    let payload = payload.as_ref();
    Step::Send(Frame::new(opcode, payload).masked_as(bits, Width::of(payload.len() as u64)))
}

/// The head of a frame that announces so many bytes, without any of them.
pub(crate) fn announced(fin: bool, opcode: u8, width: Width, length: u64) -> Step {
    let mut bytes = [vec![u8::from(fin) << 7 | opcode], width.write(length), vec![1, 2, 3, 4]].concat();
    bytes[1] |= 0x80;
    Step::Send(bytes)
}

pub(crate) fn answer(reference: impl Into<Value>) -> Step {
    Step::Answer(reference.into())
}

pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Step {
    Step::Pong(payload.as_ref().to_vec())
}

pub(crate) fn fails(code: u16) -> Step {
    Step::Fails(vec![code])
}

pub(crate) fn echoes(code: u16) -> Step {
    Step::Echoes(vec![code])
}

/// A message that is answered with this ref.
pub(crate) fn command(reference: impl Into<Value>) -> String {
    json!({"unsubscribe": ["nothing"], "ref": reference.into()}).to_string()
}

/// One of so many bytes, with the ref 7; both of its ends matter.
pub(crate) fn padded(length: usize) -> String {
    let (head, tail) = (r#"{"unsubscribe":["nothing"],"#, r#""ref":7}"#);
    format!("{head}{}{tail}", " ".repeat(length - head.len() - tail.len()))
}

/// A text in frames of so many bytes.
pub(crate) fn fragments(message: impl AsRef<[u8]>, size: usize) -> Vec<Step> {
    let parts: Vec<_> = message.as_ref().chunks(size).collect();
    let step = |(index, part): (usize, &&[u8])| match index {
        _ if parts.len() == 1 => text(part),
        0 => first(part),
        _ if index + 1 < parts.len() => more(part),
        _ => last(part),
    };
    parts.iter().enumerate().map(step).collect()
}

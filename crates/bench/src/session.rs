//! One subscriber: its request, what it was sent so far, and what it expects next.

use std::net::SocketAddrV4;

use rustix::fd::OwnedFd;

use crate::checker::Checker;
use crate::cursor::Cursor;
use crate::stamp::Stamp;
use crate::stream::{Event, Malformed, OPEN, Stream};
use crate::tally::Tally;
use crate::transport::Transport;

/// What a session asks for and what must come.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// Channels, each with the number of the first publication that must come.
    pub(crate) channels: Vec<(u32, u32)>,
    /// The cursor to resume after.
    pub(crate) after: Option<Cursor>,
    /// The token to show.
    pub(crate) bearer: Option<String>,
    /// Write down every publication with its cursor.
    pub(crate) record: bool,
    /// A small one makes a stalled reader's server feel it soon; none leaves it to the kernel.
    pub(crate) receive_buffer_bytes: Option<usize>,
}

impl Subscription {
    /// A plain live subscriber of channels on which nothing has been published yet.
    pub(crate) fn live(channels: &[u32]) -> Subscription {
        Subscription {
            channels: channels.iter().map(|&channel| (channel, 0)).collect(),
            after: None,
            bearer: None,
            record: false,
            receive_buffer_bytes: None,
        }
    }

    /// The request's bytes.
    pub(crate) fn request(&self, transport: Transport, server: SocketAddrV4) -> Vec<u8> {
        let channels = self.channels.iter().map(|&(channel, _)| channel);
        transport.request(server, channels, self.after.as_ref(), self.bearer.as_deref())
    }
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request is not written yet.
    Connecting,
    /// The request is written, the answer has not come in full.
    Asked,
    /// The head and, where the server sends one, the open message are here.
    Live,
    /// The server ended it.
    Ended,
}

/// One subscriber of the generator.
pub(crate) struct Session {
    /// None once the session has ended.
    pub(crate) socket: Option<OwnedFd>,
    pub(crate) stage: Stage,
    /// The last id that came.
    pub(crate) cursor: Cursor,
    pub(crate) checker: Checker,
    /// The request, until it is written.
    pub(crate) request: Vec<u8>,
    stream: Stream,
    record: bool,
    awaits_open: bool,
}

impl Session {
    /// A session on a socket that is connecting. `awaits_open`: live means that
    /// `fanfare.open` has come, not only the head.
    pub(crate) fn new(
        socket: OwnedFd,
        subscription: &Subscription,
        transport: Transport,
        request: Vec<u8>,
        run: u32,
        awaits_open: bool,
    ) -> Session {
        Session {
            socket: Some(socket),
            stage: Stage::Connecting,
            cursor: Cursor::NONE,
            checker: Checker::new(run, subscription.channels.iter().copied()),
            request,
            stream: transport.stream(),
            record: subscription.record,
            awaits_open,
        }
    }

    /// Takes bytes that were read at `now_nanos` and counts what they say. What the server wants to
    /// hear at once is added to `answers`.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        now_nanos: u64,
        answers: &mut Vec<u8>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        let Session { stream, checker, cursor, record, awaits_open, .. } = self;
        stream.feed(bytes, answers, &mut |event: Event<'_>| {
            if let Some(id) = event.id {
                cursor.set(id);
            }
            match event.name {
                b"" => {
                    let Some(data) = event.data else { return };
                    let Some(stamp) = Stamp::decode(data) else {
                        tally.faults.foreign += 1;
                        return;
                    };
                    if checker.take(stamp, &mut tally.faults) {
                        tally.deliver(stamp, now_nanos);
                    }
                    if *record {
                        tally.recorded.push((stamp, *cursor));
                    }
                }
                OPEN => *awaits_open = false,
                b"fanfare.gap" => {
                    tally.gaps += 1;
                    tally.note_reason(event.name, event.data);
                }
                // The end of the connection follows, and is counted.
                b"fanfare.bye" => tally.note_reason(event.name, event.data),
                // A cursor carries nothing but its id.
                _ => {}
            }
        })?;
        if self.stage == Stage::Asked && self.stream.has_begun() && !self.awaits_open {
            self.stage = Stage::Live;
        }
        Ok(())
    }
}

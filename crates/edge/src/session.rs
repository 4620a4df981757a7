//! One browser that listens.

use bytes::Bytes;
use hub::Place;

use crate::{
    access::WhenSlow, asker::Asker, census::Permit, dialogue::Dialogue, encoding::Encoding, present::Present,
    wire::Wire,
};

/// A session's side of the socket; where it stands is the hub's business.
pub(crate) struct Session {
    pub(crate) wire: Wire,
    /// Who its client is.
    pub(crate) asker: Asker,
    pub(crate) encoding: Encoding,
    pub(crate) flags: Flags,
    /// Latest values that it is to get before anything else that the hub has for it.
    pub(crate) owed: Option<Box<Owed>>,
    /// What its client says, where it may say anything.
    pub(crate) dialogue: Option<Box<Dialogue>>,
    /// Its part in presence, where it takes part.
    pub(crate) present: Option<Box<Present>>,
    /// What becomes of it if it cannot follow.
    pub(crate) when_slow: WhenSlow,
    /// Milliseconds of the shard's life: when it began, and when it last took something.
    pub(crate) opened: u32,
    pub(crate) last_write: u32,
    pub(crate) delivered: u32,
    /// Its place among all that the gateway may hold.
    pub(crate) permit: Permit,
}

/// Latest values that a session has not got yet. They have no ids: it can come back to none of them.
pub(crate) struct Owed {
    /// It has those up to here ...
    pub(crate) after: Place,
    /// ... and needs none behind this: what is newer comes to it as it comes to all.
    pub(crate) upto: Place,
}

/// What is to be remembered of a session in a bit each.
#[derive(Default)]
pub(crate) struct Flags {
    /// It stands in the ready list.
    pub(crate) queued: bool,
    /// The socket takes nothing until it says so.
    pub(crate) blocked: bool,
    /// Its socket has refused something since it last had all.
    pub(crate) lagging: bool,
    /// It waits for something to be read back.
    pub(crate) fetching: bool,
    /// Its socket may have something to be heard.
    pub(crate) audible: bool,
    /// It asked for the latest values, and gets them again after a gap.
    pub(crate) since_last: bool,
    /// It has once read all there was: what comes now is new.
    pub(crate) live: bool,
    /// It was told that its token is about to expire.
    pub(crate) warned: bool,
}

impl Session {
    /// It gets the latest values up to a place.
    pub(crate) fn owe_latest(&mut self, upto: Place) {
        self.owed = Some(Box::new(Owed { after: Place::START, upto }));
    }

    /// Its socket took so many bytes at this time, and with them so many publications.
    pub(crate) fn took(&mut self, bytes: usize, frames: usize, now: u32) {
        if bytes > 0 {
            self.last_write = now;
        }
        // One session never gets four billion frames in one write.
        self.delivered = self.delivered.saturating_add(frames as u32);
    }

    /// Its socket took nothing beyond this rest of a frame.
    pub(crate) fn block(&mut self, cut: &[u8]) {
        (self.flags.blocked, self.flags.lagging) = (true, true);
        self.wire.pinned.push(Bytes::copy_from_slice(cut), 1);
    }
}

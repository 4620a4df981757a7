//! Where one session stands.

use std::time::Instant;

use publication::Cursor;

use crate::{gap::Gap, keys::AudienceKey, place::Place};

/// Where a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes next.
    Live,
    /// With all that history holds.
    Earliest,
    /// After this cursor.
    After(Cursor),
    /// After a cursor that could not be read: a gap, then with what comes next.
    Unknown,
}

/// What a session is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Everything.
    All,
    /// The latest publication of each channel: what has been superseded is no loss.
    Latest,
}

/// What to do next for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it has read all, or waits for its cursor to become known.
    Rest,
    /// Tell it a gap, then go on: the hub has already moved it to where delivery goes on.
    Gap(Gap),
    /// Have what comes after this cursor read back and lent to the hub, and ask again: memory no
    /// longer holds it, but the stream may.
    Fetch(Cursor),
    /// Deliver what its audience has after this place, up to the other at most.
    Read {
        /// What it has read.
        after: Place,
        /// Where to stop for now: a break follows, or nothing.
        until: Place,
        /// The latest publication of each channel is enough.
        latest: bool,
    },
}

/// One session, as the hub sees it.
pub(crate) struct Session {
    pub(crate) audience: AudienceKey,
    /// Its index among the audience's members.
    pub(crate) seat: u32,
    pub(crate) position: Position,
}

pub(crate) enum Position {
    /// It has read all that its audience has; unrelated publications do not move it.
    Tip,
    /// It has read up to here.
    Reading(Place),
    /// Something rare, kept apart so that the common cases stay small.
    Held(Box<Held>),
}

pub(crate) enum Held {
    /// Its cursor is not known yet, and is waited for since then.
    Waiting { cursor: Cursor, since: Instant },
    /// It is to be told this first.
    Gapped(Gap),
}

impl Position {
    /// The cursor that it waits for, and since when.
    pub(crate) fn waits_for(&self) -> Option<(Cursor, Instant)> {
        match self {
            Self::Held(held) => match **held {
                Held::Waiting { cursor, since } => Some((cursor, since)),
                Held::Gapped(_) => None,
            },
            Self::Tip | Self::Reading(_) => None,
        }
    }

    pub(crate) fn gapped(gap: Gap) -> Self {
        Self::Held(Box::new(Held::Gapped(gap)))
    }
}

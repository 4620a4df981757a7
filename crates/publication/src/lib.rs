//! The words that every part of Fanfare shares: what is published, where, and how a place in the
//! order of publications is written down.
//!
//! This crate knows no runtime and no I/O. Strings from outside become its types once, at the
//! border; from there on they are valid by construction.

mod arrival;
mod channel;
mod cursor;
mod directive;
mod event;
mod json;
mod once;
mod pattern;
mod presence;
mod publication;
mod published;
mod revocations;
mod roll;
mod session_name;
mod snapshot;

pub use arrival::{Arrival, Batch, Excerpt};
pub use channel::{ChannelName, MAX_NAME_BYTES, NameError};
pub use cursor::{BeaconId, Cursor, CursorError, EntryId, MAX_CURSOR_BYTES};
pub use directive::Directive;
pub use event::{EventError, EventType};
pub use json::compact_json;
pub use once::{NotRemembered, Once, Remembered};
pub use pattern::Pattern;
pub use presence::{Member, News, Presence};
pub use publication::{Draft, MAX_CHANNELS, Publication, PublicationError};
pub use published::Published;
pub use revocations::{MAX_REVOCATIONS, Revocable, Revocation, Revocations};
pub use roll::{Members, Roll, Touched, Watchers};
pub use session_name::SessionName;
pub use snapshot::{Known, Sender, Snapshot};

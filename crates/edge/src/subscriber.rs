//! Who wants to read what.

use hub::Start;

use crate::{asker::Asker, client::Client, request::Wanted};

/// One who wants to read, by whatever transport.
pub(crate) struct Subscriber {
    pub(crate) client: Client,
    pub(crate) asker: Asker,
    pub(crate) wanted: Wanted,
    /// Where it begins.
    pub(crate) start: Start,
}

//! What Redis says of the stream as a whole.

use publication::EntryId;

use crate::{connection::Connection, link_error::LinkError, resp::Reply};

/// From XINFO STREAM. A stream that does not exist has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The id of the newest entry that was ever added.
    pub last: EntryId,
    /// The oldest entry there is.
    pub first: Option<EntryId>,
    /// How many there are.
    pub length: u64,
    /// How many were ever added; Redis says so from version 7 on.
    pub added: Option<u64>,
}

impl Survey {
    /// Nothing that was ever added is missing, as far as Redis says.
    pub(crate) fn is_complete(&self) -> bool {
        self.added == Some(self.length)
    }

    /// Asks. The answer holds the first and the last entry whole.
    pub(crate) async fn take(connection: &mut Connection, key: &str) -> Result<Option<Self>, LinkError> {
        match connection.ask_abridged(&["XINFO", "STREAM", key]).await {
            Ok(reply) => Ok(Self::read(&reply)),
            Err(LinkError::Refused { error, .. }) if error.contains("no such key") => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(reply: &Reply) -> Option<Self> {
        let Reply::List(list) = reply else { return None };
        let find = |wanted: &str| {
            let mut pairs = list.chunks_exact(2);
            pairs.find(|pair| pair[0].text().as_deref() == Some(wanted)).map(|pair| &pair[1])
        };
        let number = |wanted: &str| find(wanted)?.text()?.parse().ok();
        let first = match find("first-entry") {
            Some(Reply::List(entry)) => entry.first().and_then(|id| id.text()?.parse().ok()),
            _ => None,
        };
        Some(Self {
            last: find("last-generated-id")?.text()?.parse().ok()?,
            first,
            length: number("length")?,
            added: number("entries-added"),
        })
    }
}

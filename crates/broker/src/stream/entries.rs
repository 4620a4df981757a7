//! Reads entries of the stream over a connection.

use std::time::Duration;

use publication::EntryId;
use tokio::time::timeout;

use crate::{
    connection::Connection,
    link_error::LinkError,
    resp::{Entries, Fields, Part},
};

/// An entry as it was read; without fields if it was too long.
pub(crate) type Raw<'a> = (EntryId, Option<Fields<&'a [u8]>>);

/// Waits for the reply of a command that was sent, and lends its entries. Each piece of it must
/// come as soon as an answer must, and that of a command that blocks by so much later. Returns how many
/// bytes the reply had.
pub(crate) async fn receive(
    connection: &mut Connection,
    command: &'static str,
    blocked: Duration,
    max_value: usize,
    mut take: impl FnMut(Raw<'_>),
) -> Result<usize, LinkError> {
    let (mut entries, mut bytes) = (Entries::new(max_value), 0);
    loop {
        let Some((part, length)) = entries.next(connection.unparsed())? else {
            timeout(connection.timeout() + blocked, connection.fill())
                .await
                .map_err(|_| LinkError::Timeout("answer"))??;
            continue;
        };
        let mut ended = false;
        match part {
            Part::Entry(id, fields) => take((id, Some(fields))),
            Part::TooLong(id) => take((id, None)),
            Part::Between => {}
            Part::End => ended = true,
            Part::Refused(error) => {
                let error = String::from_utf8_lossy(error).into_owned();
                return Err(LinkError::Refused { command: command.to_owned(), error });
            }
        }
        connection.consume(length);
        bytes += length;
        if ended {
            return Ok(bytes);
        }
    }
}

/// The newest entry of the stream, if there is one.
pub(crate) async fn newest(connection: &mut Connection, key: &str) -> Result<Option<EntryId>, LinkError> {
    connection.send(&["XREVRANGE", key, "+", "-", "COUNT", "1"]).await?;
    let mut newest = None;
    receive(connection, "XREVRANGE", Duration::ZERO, 0, |(id, _)| newest = Some(id)).await?;
    Ok(newest)
}

//! Rows as a database hands them on, and why it does not.

use std::{fmt, pin::pin};

use futures_util::{Stream, TryStreamExt};
use sqlx::Either;

use crate::table::Row;

/// The URL names no database, or no connection is had, or the query fails.
#[derive(Debug)]
pub struct DatabaseError(String);

/// What becomes of a row: an error ends the reading.
pub(crate) type Sink<'a, E> = &'a mut dyn FnMut(&dyn Row) -> Result<(), E>;

/// Why a result was not read to its end.
pub(crate) enum ReadError<E> {
    Database(DatabaseError),
    /// Whoever took the rows wants no more.
    Sink(E),
}

impl DatabaseError {
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// Hands on the rows of the one statement that has any. (Others, such as SET, may stand beside it.)
pub(crate) async fn read_rows<D, R: Row, E>(
    steps: impl Stream<Item = Result<Either<D, R>, sqlx::Error>>,
    sink: Sink<'_, E>,
) -> Result<(), ReadError<E>> {
    let mut steps = pin!(steps);
    let (mut had_rows, mut is_over) = (false, false);
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Left(_end_of_statement) => is_over = had_rows,
            Either::Right(_) if is_over => {
                let reason = "the sql has several statements with results; a query is one";
                return Err(ReadError::Database(DatabaseError::new(reason)));
            }
            Either::Right(row) => {
                had_rows = true;
                sink(&row).map_err(ReadError::Sink)?;
            }
        }
    }
    Ok(())
}

impl<E> From<sqlx::Error> for ReadError<E> {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        // A database's own words, without the driver's around them.
        Self(error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned()))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for DatabaseError {}

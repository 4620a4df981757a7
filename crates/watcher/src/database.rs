//! Who is asked: Postgres or SQLite.

use std::{fmt, pin::pin, str::FromStr, time::Duration};

use futures_util::{Stream, TryStreamExt};
use sqlx::{ConnectOptions, Either, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

use crate::{postgres::Postgres, sqlite::Sqlite, table::Row};

/// A database, by its URL.
#[derive(Clone, Debug)]
pub struct Database(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Postgres(Box<PgConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
}

/// A connection to one.
pub(crate) enum Connection {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

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

impl FromStr for Database {
    type Err = DatabaseError;

    fn from_str(url: &str) -> Result<Self, DatabaseError> {
        let unusable = |error: sqlx::Error| DatabaseError(error.to_string());
        let scheme = url.split(':').next().unwrap_or_default();
        let kind = match scheme {
            "postgres" | "postgresql" => {
                let options: PgConnectOptions = url.parse().map_err(unusable)?;
                let options = options.application_name("fanfare watch").disable_statement_logging();
                Kind::Postgres(Box::new(options))
            }
            "sqlite" => {
                let options: SqliteConnectOptions = url.parse().map_err(unusable)?;
                Kind::Sqlite(Box::new(Sqlite::options(options.disable_statement_logging())))
            }
            _ => {
                return Err(DatabaseError("it must begin with postgres:// or sqlite:".to_owned()));
            }
        };
        Ok(Self(kind))
    }
}

impl Database {
    pub(crate) async fn connect(&self) -> Result<Connection, DatabaseError> {
        match &self.0 {
            Kind::Postgres(options) => Postgres::connect(options).await.map(Connection::Postgres),
            Kind::Sqlite(options) => Sqlite::connect(options).await.map(Connection::Sqlite),
        }
    }
}

impl Connection {
    /// Whether what it leads to is still what its URL names.
    pub(crate) fn is_current(&self) -> bool {
        match self {
            Self::Postgres(_) => true,
            Self::Sqlite(sqlite) => sqlite.is_current(),
        }
    }

    /// Asks, and hands every row on. After an error the connection is not to be used again. The database itself stops
    /// after `timeout`.
    pub(crate) async fn read<E>(
        &mut self,
        sql: &str,
        timeout: Duration,
        sink: Sink<'_, E>,
    ) -> Result<(), ReadError<E>> {
        match self {
            Self::Postgres(postgres) => postgres.read(sql, timeout, sink).await,
            Self::Sqlite(sqlite) => sqlite.read(sql, timeout, sink).await,
        }
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
                return Err(ReadError::Database(DatabaseError(reason.to_owned())));
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

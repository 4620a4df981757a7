//! Who is asked: Postgres or SQLite.

use std::{str::FromStr, time::Duration};

use sqlx::{ConnectOptions, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

use crate::{
    postgres::Postgres,
    reading::{DatabaseError, ReadError, Sink},
    sqlite::Sqlite,
};

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

impl FromStr for Database {
    type Err = DatabaseError;

    fn from_str(url: &str) -> Result<Self, DatabaseError> {
        let unusable = |error: sqlx::Error| DatabaseError::new(error);
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
                return Err(DatabaseError::new("it must begin with postgres:// or sqlite:"));
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

//! Where it is written down: tables in SQLite or Postgres, in words that both understand.
//!
//! Times are in milliseconds since 1970; `recent` is a JSON array.

use std::fmt;

use sqlx::{AnyConnection, Connection, Row, any::install_default_drivers};

use crate::{
    monitor::{Monitor, Status, Turn},
    target::Target,
};

const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS uptime_monitors (id VARCHAR(255) PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL, \
     status TEXT, since BIGINT NOT NULL, checked_at BIGINT NOT NULL, http_status BIGINT, latency_ms DOUBLE PRECISION, \
     error TEXT, certificate_until BIGINT, recent TEXT NOT NULL, checks BIGINT NOT NULL, failures BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS uptime_incidents (id VARCHAR(255) PRIMARY KEY, monitor VARCHAR(255) NOT NULL, \
     name TEXT NOT NULL, began BIGINT NOT NULL, ended BIGINT, cause TEXT NOT NULL)",
];

const WRITE: &str = "INSERT INTO uptime_monitors (id, name, url, status, since, checked_at, http_status, latency_ms, error, \
     certificate_until, recent, checks, failures) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
     ON CONFLICT (id) DO UPDATE SET name = $2, url = $3, status = $4, since = $5, checked_at = $6, http_status = $7, \
     latency_ms = $8, error = $9, certificate_until = $10, recent = $11, checks = $12, failures = $13";

const FALL: &str = "INSERT INTO uptime_incidents (id, monitor, name, began, cause) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (id) DO NOTHING";

const RISE: &str = "UPDATE uptime_incidents SET ended = $1 WHERE monitor = $2 AND ended IS NULL";

/// A database.
pub struct Store {
    connection: AnyConnection,
}

/// The database is not there, or does not take it.
#[derive(Debug)]
pub struct StoreError(sqlx::Error);

impl Store {
    /// Opens a database by its URL (`sqlite:` or `postgres://`), and makes the tables that are not there.
    ///
    /// # Errors
    /// It is not there, or may not be written to.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        let mut connection = AnyConnection::connect(url).await?;
        let settings: &[&str] = match url.starts_with("sqlite:") {
            // Read while it is written to, and waited for rather than given up.
            true => {
                &["PRAGMA journal_mode = wal", "PRAGMA synchronous = normal", "PRAGMA busy_timeout = 5000"]
            }
            // That a table is there already is no news.
            false => &["SET client_min_messages = warning"],
        };
        for setting in settings {
            sqlx::raw_sql(*setting).execute(&mut connection).await?;
        }
        for table in TABLES {
            sqlx::query(table).execute(&mut connection).await?;
        }
        // Before anything is deleted: a table of this name with other columns is somebody else's.
        let ours = "SELECT id, status, since, recent, checks, failures FROM uptime_monitors LIMIT 1";
        sqlx::query(ours).fetch_optional(&mut connection).await?;
        Ok(Self { connection })
    }

    /// Forgets the monitors that are not among these.
    pub(crate) async fn keep(&mut self, targets: &[Target]) -> Result<(), StoreError> {
        let known = sqlx::query("SELECT id FROM uptime_monitors").fetch_all(&mut self.connection).await?;
        for row in known {
            let id: String = row.try_get(0)?;
            if !targets.iter().any(|target| target.id == id) {
                sqlx::query("DELETE FROM uptime_monitors WHERE id = $1")
                    .bind(&id)
                    .execute(&mut self.connection)
                    .await?;
                sqlx::query("DELETE FROM uptime_incidents WHERE monitor = $1")
                    .bind(&id)
                    .execute(&mut self.connection)
                    .await?;
            }
        }
        Ok(())
    }

    /// What was known of a target.
    pub(crate) async fn read(&mut self, target: &Target) -> Result<Monitor, StoreError> {
        let sql = "SELECT status, since, checked_at, certificate_until, recent, checks, failures FROM uptime_monitors WHERE id = $1";
        let row = sqlx::query(sql).bind(&target.id).fetch_optional(&mut self.connection).await?;
        let Some(row) = row else { return Ok(Monitor::unknown()) };
        let status: Option<String> = row.try_get(0)?;
        let recent: String = row.try_get(4)?;
        Ok(Monitor {
            status: status.as_deref().and_then(Status::of_word),
            since: row.try_get(1)?,
            checked_at: row.try_get(2)?,
            certificate_until: row.try_get(3)?,
            recent: serde_json::from_str(&recent).unwrap_or_default(),
            checks: row.try_get(5)?,
            failures: row.try_get(6)?,
            ..Monitor::unknown()
        })
    }

    /// Writes down what is known of a target now, and what that ends or begins: both or neither.
    pub(crate) async fn write(
        &mut self,
        target: &Target,
        monitor: &Monitor,
        turn: Option<&Turn>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.connection.begin().await?;
        sqlx::query(WRITE)
            .bind(&target.id)
            .bind(&target.name)
            .bind(&target.url)
            .bind(monitor.status.map(Status::word))
            .bind(monitor.since)
            .bind(monitor.checked_at)
            .bind(monitor.http_status.map(i64::from))
            .bind(monitor.latency_ms)
            .bind(&monitor.error)
            .bind(monitor.certificate_until)
            .bind(serde_json::json!(monitor.recent).to_string())
            .bind(monitor.checks)
            .bind(monitor.failures)
            .execute(&mut *transaction)
            .await?;
        match turn {
            Some(Turn::Fell(cause)) => {
                let began = monitor.checked_at;
                let fall = sqlx::query(FALL).bind(format!("{}.{began}", target.id)).bind(&target.id);
                fall.bind(&target.name).bind(began).bind(cause).execute(&mut *transaction).await?;
            }
            Some(Turn::Rose) => {
                let rise = sqlx::query(RISE).bind(monitor.checked_at).bind(&target.id);
                rise.execute(&mut *transaction).await?;
            }
            None => {}
        }
        transaction.commit().await?;
        Ok(())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl std::error::Error for StoreError {}

//! SQLite: a file on this machine, whose values each have a type of their own.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Row as _, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use crate::{
    database::{DatabaseError, ReadError, Sink},
    table::{Hash, Row},
    value::Value,
};

/// How many of SQLite's steps lie between two looks at the clock.
const STEPS: i32 = 10_000;
/// Rows that its thread may be ahead.
const AHEAD: usize = 1_000;

/// A connection.
pub(crate) struct Sqlite {
    connection: SqliteConnection,
    /// When the query that runs has to be over.
    deadline: Arc<Mutex<Option<Instant>>>,
}

impl Sqlite {
    /// A file that is there is read and never written to. (A database in WAL mode cannot be opened for reading alone.)
    pub(crate) fn options(options: SqliteConnectOptions) -> SqliteConnectOptions {
        options.create_if_missing(false).pragma("query_only", "on").row_buffer_size(AHEAD)
    }

    pub(crate) async fn connect(options: &SqliteConnectOptions) -> Result<Self, DatabaseError> {
        let mut connection = options.connect().await?;
        let deadline = Arc::new(Mutex::new(None::<Instant>));
        let watched = Arc::clone(&deadline);
        connection.lock_handle().await?.set_progress_handler(STEPS, move || {
            let deadline = watched.lock().unwrap_or_else(PoisonError::into_inner);
            deadline.is_none_or(|deadline| Instant::now() < deadline)
        });
        Ok(Self { connection, deadline })
    }

    pub(crate) async fn read<E>(
        &mut self,
        sql: &str,
        timeout: Duration,
        sink: Sink<'_, E>,
    ) -> Result<(), ReadError<E>> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + timeout);
        // The operator's own words.
        let mut rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            sink(&row).map_err(ReadError::Sink)?;
        }
        Ok(())
    }
}

impl Row for SqliteRow {
    fn columns(&self) -> Vec<String> {
        sqlx::Row::columns(self).iter().map(|column| column.name().to_owned()).collect()
    }

    fn hash(&self, hash: &mut Hash) {
        for column in 0..self.len() {
            match raw(self, column) {
                Ok(Raw::Null) | Err(_) => hash.add(None),
                Ok(Raw::Integer(number)) => hash.add(Some(&number.to_le_bytes())),
                Ok(Raw::Real(number)) => hash.add(Some(&number.to_le_bytes())),
                Ok(Raw::Text(text)) => hash.add(Some(text.as_bytes())),
                Ok(Raw::Blob(bytes)) => hash.add(Some(bytes)),
            }
        }
    }

    fn value(&self, column: usize) -> Result<Value<'_>, String> {
        let value = raw(self, column).map_err(|error| error.to_string())?;
        let declared = sqlx::Row::column(self, column).type_info().name();
        Ok(match value {
            Raw::Null => Value::Null,
            Raw::Integer(number @ (0 | 1)) if declared == "BOOLEAN" => Value::Bool(number == 1),
            Raw::Integer(number) => Value::integer(number.to_string()),
            Raw::Real(number) if number.is_finite() => {
                Value::float(serde_json::to_string(&number).unwrap_or_default())
            }
            Raw::Real(number) => Value::Text(number.to_string().into()),
            Raw::Text(text) if declared == "DATETIME" => Value::Text(instant(text)),
            Raw::Text(text) => Value::Text(text.into()),
            Raw::Blob(bytes) => Value::Bytes(bytes.into()),
        })
    }
}

enum Raw<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    Blob(&'a [u8]),
}

fn raw(row: &SqliteRow, column: usize) -> Result<Raw<'_>, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(Raw::Null);
    }
    Ok(match value.type_info().name() {
        "INTEGER" => Raw::Integer(row.try_get_unchecked(column)?),
        "REAL" => Raw::Real(row.try_get_unchecked(column)?),
        "BLOB" => Raw::Blob(row.try_get_unchecked(column)?),
        _ => Raw::Text(row.try_get_unchecked(column)?),
    })
}

/// SQLite's own form of a moment, which is in UTC, as ISO 8601 has it; anything else as it is.
fn instant(text: &str) -> Cow<'_, str> {
    let form = b"dddd-dd-dd dd:dd:dd";
    let is_one = text.len() >= form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            form => byte == *form,
        })
        && text[form.len()..].bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    if is_one { format!("{}T{}Z", &text[..10], &text[11..]).into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_iso_8601() {
        assert_eq!(instant("2026-11-26 10:53:41"), "2026-11-26T10:53:41Z");
        assert_eq!(instant("2026-11-26 10:53:41.5"), "2026-11-26T10:53:41.5Z");
        for same in
            ["2026-11-26", "2026-11-26T10:53:41Z", "2026-11-26 10:53:41+02:00", "now", "2026-11-26 1ö:53:41"]
        {
            assert_eq!(instant(same), same);
        }
    }
}

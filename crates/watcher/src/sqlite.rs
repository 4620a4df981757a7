//! SQLite: a file on this machine, whose values each have a type of their own.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Row as _, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use crate::{
    reading::{DatabaseError, ReadError, Sink, read_rows},
    table::{Column, Hash, Row},
    value::Value,
};

/// How many of SQLite's steps lie between two looks at the clock.
const STEPS: i32 = 10_000;
/// Rows that its thread may be ahead.
const AHEAD: usize = 1_000;

/// A connection.
pub(crate) struct Sqlite {
    connection: SqliteConnection,
    path: PathBuf,
    /// Which file it was when it was opened; `None` where there is none, or one cannot tell.
    file: Option<FileId>,
    /// When the query that runs has to be over.
    deadline: Arc<Mutex<Option<Instant>>>,
}

impl Sqlite {
    /// A file that is there is read and never written to. (A database in WAL mode cannot be opened for reading alone.)
    pub(crate) fn options(options: SqliteConnectOptions) -> SqliteConnectOptions {
        options.create_if_missing(false).pragma("query_only", "on").row_buffer_size(AHEAD)
    }

    pub(crate) async fn connect(options: &SqliteConnectOptions) -> Result<Self, DatabaseError> {
        let path = options.get_filename().to_owned();
        let mut connection = options.connect().await?;
        let file = file_id(&path);
        let deadline = Arc::new(Mutex::new(None::<Instant>));
        let watched = Arc::clone(&deadline);
        connection.lock_handle().await?.set_progress_handler(STEPS, move || {
            let deadline = watched.lock().unwrap_or_else(PoisonError::into_inner);
            deadline.is_none_or(|deadline| Instant::now() < deadline)
        });
        Ok(Self { connection, path, file, deadline })
    }

    /// Whether the file that was opened is still the one under its path: another may have been put in its place.
    pub(crate) fn is_current(&self) -> bool {
        file_id(&self.path) == self.file
    }

    pub(crate) async fn read<E>(
        &mut self,
        sql: &str,
        timeout: Duration,
        sink: Sink<'_, E>,
    ) -> Result<(), ReadError<E>> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + timeout);
        // The operator's own words.
        read_rows(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_many(&mut self.connection), sink).await
    }
}

/// A file system's own name for a file.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn file_id(_path: &Path) -> Option<FileId> {
    None
}

impl Row for SqliteRow {
    fn columns(&self) -> Vec<Column> {
        sqlx::Row::columns(self).iter().map(Column::of).collect()
    }

    fn hash(&self, hash: &mut Hash) {
        for column in 0..self.len() {
            let mut add = |kind: &[u8], value: &[u8]| {
                hash.add(Some(kind));
                hash.add(Some(value));
            };
            match raw(self, column) {
                Ok(Raw::Null) | Err(_) => hash.add(None),
                Ok(Raw::Integer(number)) => add(b"i", &number.to_le_bytes()),
                Ok(Raw::Real(number)) => add(b"r", &number.to_le_bytes()),
                Ok(Raw::Text(text)) => add(b"t", text),
                Ok(Raw::Blob(bytes)) => add(b"b", bytes),
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
            // As Postgres writes what JSON has not.
            Raw::Real(number) => Value::Text(if number > 0.0 { "Infinity" } else { "-Infinity" }.into()),
            Raw::Text(text) => {
                let text = str::from_utf8(text).map_err(|_| "a text that is not UTF-8".to_owned())?;
                Value::Text(if declared == "DATETIME" { instant(text) } else { text.into() })
            }
            Raw::Blob(bytes) => Value::Bytes(bytes.into()),
        })
    }
}

enum Raw<'a> {
    Null,
    Integer(i64),
    Real(f64),
    /// UTF-8, if whoever wrote it kept to it.
    Text(&'a [u8]),
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

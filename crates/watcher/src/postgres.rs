//! Postgres, asked by its simple protocol: every value comes as text, of whatever type it is.

mod array;
mod text;

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, PgConnection, Row as _, TypeInfo, ValueRef,
    postgres::{PgConnectOptions, PgRow},
};

use crate::{
    reading::{DatabaseError, ReadError, Sink, read_rows},
    table::{Column, Hash, Row},
    value::Value,
};

/// A connection.
pub(crate) struct Postgres {
    connection: PgConnection,
}

impl Postgres {
    pub(crate) async fn connect(options: &PgConnectOptions) -> Result<Self, DatabaseError> {
        Ok(Self { connection: options.connect().await? })
    }

    /// All in one message and one transaction that reads only: that also holds behind a pooler that gives each
    /// transaction another connection.
    pub(crate) async fn read<E>(
        &mut self,
        sql: &str,
        timeout: Duration,
        sink: Sink<'_, E>,
    ) -> Result<(), ReadError<E>> {
        let sql = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL bytea_output = 'hex';\n{sql}\n;COMMIT",
            timeout.as_millis().max(1)
        );
        // The operator's own words.
        read_rows(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut self.connection), sink).await
    }
}

impl Row for PgRow {
    fn columns(&self) -> Vec<Column> {
        sqlx::Row::columns(self).iter().map(Column::of).collect()
    }

    fn hash(&self, hash: &mut Hash) {
        for column in 0..self.len() {
            hash.add(self.try_get_raw(column).ok().and_then(|value| value.as_bytes().ok()));
        }
    }

    fn value(&self, column: usize) -> Result<Value<'_>, String> {
        let value = self.try_get_raw(column).map_err(|error| error.to_string())?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        let text = value.as_str().map_err(|error| error.to_string())?;
        Ok(text::value(sqlx::Row::column(self, column).type_info().name(), text))
    }
}

//! A result as the watcher sees it: rows of values, by column.

use std::hash::Hasher;

use xxhash_rust::xxh3::Xxh3Default;

use crate::value::Value;

/// A column of a result.
pub(crate) struct Column {
    pub(crate) name: String,
    /// What its database calls the type of its values, on which it hangs what they mean.
    pub(crate) kind: String,
}

impl Column {
    pub(crate) fn of(column: &impl sqlx::Column) -> Self {
        let kind = sqlx::TypeInfo::name(column.type_info()).to_owned();
        Self { name: column.name().to_owned(), kind }
    }
}

/// One row, as its database holds it.
pub(crate) trait Row {
    /// The columns.
    fn columns(&self) -> Vec<Column>;

    /// Everything that tells it from another row, as cheap as that can be had.
    fn hash(&self, hasher: &mut Hash);

    /// The value of a column.
    ///
    /// # Errors
    /// The database's driver cannot read it.
    fn value(&self, column: usize) -> Result<Value<'_>, String>;
}

/// What rows are hashed with.
#[derive(Default)]
pub(crate) struct Hash(Xxh3Default);

impl Hash {
    /// Where a value is `None`, or these bytes; no two sequences of values come to the same.
    pub(crate) fn add(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.0.write_u64(u64::MAX),
            Some(bytes) => {
                self.0.write_u64(bytes.len() as u64);
                self.0.update(bytes);
            }
        }
    }

    pub(crate) fn finish(self) -> u64 {
        self.0.digest()
    }
}

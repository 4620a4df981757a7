//! An entry that is not read whole, since it has very many strings or a very long one.

use publication::EntryId;

use super::{Fields, Part, Read, Reader};

/// Reads it string by string and keeps what is known and not too long: what a publisher adds for
/// others than us is not held, however long it is.
pub(super) struct LongEntry {
    id: EntryId,
    max_value: usize,
    /// Strings still to come.
    strings: usize,
    /// Bytes to be thrown away before the next one.
    skip: usize,
    /// The name whose value comes next.
    name: Option<Vec<u8>>,
    fields: Fields<Vec<u8>>,
    /// A known field was longer than it may be.
    too_long: bool,
}

impl LongEntry {
    pub(super) fn new(id: EntryId, strings: usize, max_value: usize) -> Self {
        let fields = Fields::default();
        Self { id, max_value, strings, skip: 0, name: None, fields, too_long: false }
    }

    /// Whether it has been read.
    pub(super) fn is_over(&self) -> bool {
        self.strings == 0 && self.skip == 0
    }

    /// The entry, when it is over.
    pub(super) fn part(&self) -> Part<'_> {
        if self.too_long { Part::TooLong(self.id) } else { Part::Entry(self.id, self.fields.lent()) }
    }

    /// Reads on; returns nothing if more bytes are needed.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        if self.skip > 0 {
            let skipped = self.skip.min(reader.bytes.len());
            self.skip -= skipped;
            reader.at = skipped;
            return Ok((skipped > 0).then_some(()));
        }
        let start = reader.at;
        let length = some!(reader.bulk_length());
        match self.name.take() {
            None if length > Fields::<Vec<u8>>::MAX_NAME_BYTES => {
                // A name that cannot be known, so that its value is not looked at.
                (self.name, self.skip) = (Some(Vec::new()), length + 2);
            }
            None => self.name = Some(some!(reader.take(length)).to_vec()),
            Some(name) => match self.fields.slot(&name) {
                None => self.skip = length + 2,
                Some(_) if length > self.max_value => (self.too_long, self.skip) = (true, length + 2),
                Some(slot) => match reader.take(length)? {
                    Some(value) => *slot = Some(value.to_vec()),
                    None => {
                        (self.name, reader.at) = (Some(name), start);
                        return Ok(None);
                    }
                },
            },
        }
        self.strings -= 1;
        Ok(Some(()))
    }
}

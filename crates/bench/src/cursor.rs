//! The last `id:` that a session received, kept inline: it changes with every delivery.

/// Fanfare's cursors have at most 64 bytes; peers' ids are shorter.
const MAX_BYTES: usize = 64;

/// A cursor as opaque text; empty if none has come yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    length: u8,
    bytes: [u8; MAX_BYTES],
}

impl Cursor {
    pub(crate) const NONE: Cursor = Cursor { length: 0, bytes: [0; MAX_BYTES] };

    /// Takes a new id. One that is too long leaves none, and a resume then fails loudly.
    pub(crate) fn set(&mut self, id: &[u8]) {
        self.length = 0;
        if let Some(room) = self.bytes.get_mut(..id.len()) {
            room.copy_from_slice(id);
            self.length = id.len() as u8;
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cursor({})", self.as_bytes().escape_ascii())
    }
}

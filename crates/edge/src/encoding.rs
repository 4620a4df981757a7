//! In how many ways the same publication can be written.

/// How a session's frames are written. Sessions that differ in it are different audiences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// The data is the JSON envelope and not the bare data.
    pub(crate) envelope: bool,
    /// Frames are chunks of HTTP/1.1 and not a body that ends with the connection.
    pub(crate) chunked: bool,
}

impl Encoding {
    /// As the hub knows those to whom nothing is written.
    pub(crate) const NONE: u8 = 4;

    /// As the hub knows it.
    pub(crate) const fn number(self) -> u8 {
        (self.envelope as u8) | ((self.chunked as u8) << 1)
    }

    pub(crate) const fn from_number(number: u8) -> Self {
        Self { envelope: number & 1 != 0, chunked: number & 2 != 0 }
    }
}

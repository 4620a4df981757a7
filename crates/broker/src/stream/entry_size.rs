//! How many entries to ask for at once, so that they have about so many bytes.

/// What an entry takes on average, as far as replies have shown.
pub(super) struct EntrySize(usize);

impl EntrySize {
    /// Until a reply has shown it.
    pub(super) const fn guess(bytes: usize) -> Self {
        Self(bytes)
    }

    /// So many fit into so many bytes.
    pub(super) fn fit(&self, bytes: usize) -> usize {
        bytes / self.0
    }

    /// Learns from a reply of so many entries and bytes.
    pub(super) fn learn(&mut self, count: usize, bytes: usize) {
        if let Some(average) = bytes.checked_div(count) {
            // Growth counts at once, shrinking slowly.
            self.0 = average.max(self.0 * 3 / 4).max(1);
        }
    }
}

//! A position in this process's order of publications.

/// Counts what arrived, from 1. As a position it is exclusive: delivery goes on *after* it.
///
/// Places mean nothing outside the process; cursors are their public form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    /// Before everything.
    pub const START: Self = Self(0);

    /// The place of what arrives next.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place before this one; the start has none before it and stays.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How far this place lies behind `earlier`; 0 if it does not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Half way to `later`, rounded up.
    #[must_use]
    pub(crate) const fn middle(self, later: Self) -> Self {
        Self(self.0 + later.since(self).div_ceil(2))
    }

    /// The place `count` arrivals further on.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0 + count as u64)
    }
}

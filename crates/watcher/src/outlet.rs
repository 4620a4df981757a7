//! Where changes go, and where it is remembered what went there.

use std::fmt::Display;

use crate::{change::Change, shown::Fingerprint};

/// Publishes, as the only one who may. When that is over, or whether it is cannot be known any more, it fails; who
/// goes on after that begins with what [`Outlet::shown`] says.
pub trait Outlet {
    /// Why it is over.
    type Ended: Display;

    /// What is shown, by channel, as far as a query has published it.
    fn shown(&self, query: &str) -> impl Future<Output = Result<Vec<(String, Fingerprint)>, Self::Ended>>;

    /// Publishes in order, and remembers what was.
    fn publish(&self, query: &str, changes: &[Change]) -> impl Future<Output = Result<Heard, Self::Ended>>;
}

/// Whether anybody was there to hear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was published.
    Yes,
    /// No gateway listens, and nothing keeps it for one that comes: it is as if it had not been published.
    ByNobody,
}

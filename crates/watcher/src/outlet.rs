//! Where changes go, and where it is remembered what went there.

use std::{collections::BTreeMap, fmt::Display};

use crate::{change::Change, query::Query, shown::Fingerprint};

/// Publishes, as the only one who may. When that is over, or whether it is cannot be known any more, it fails; who
/// goes on after that begins with what [`Outlet::shown`] says.
pub trait Outlet {
    /// Why it is over.
    type Ended: Display;

    /// What is shown, by channel, as far as a query has published it.
    fn shown(&self, query: &Query) -> impl Future<Output = Result<Vec<(String, Fingerprint)>, Self::Ended>>;

    /// Publishes in order, and remembers what was.
    fn publish(&self, query: &Query, changes: &[Change]) -> impl Future<Output = Result<Heard, Self::Ended>>;
}

/// Why changes were not taken, by their place among those that were to be published.
pub type Refusals = BTreeMap<usize, String>;

/// Whether anybody was there to hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All of it was published.
    Yes,
    /// All but these, which are tried again with the next result.
    Except(Refusals),
    /// No gateway listens, and nothing keeps it for one that comes: it is as if it had not been published.
    ByNobody,
}

//! What the edge is doing, as a whole.

/// The phases that a gateway goes through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Taking sessions in, but other gateways may know publications that this one does not.
    Starting,
    /// Taking sessions in.
    Serving,
    /// Saying good-bye.
    Draining,
}

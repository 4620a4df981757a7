//! Short names for what a shard's tables hold.

/// Names a session of this shard; used again after it left.
pub type SessionKey = u32;

/// Names an audience of this shard; used again after its last session left.
pub type AudienceKey = u32;

/// Names a channel of this shard; used again after it was forgotten.
pub(crate) type ChannelId = u32;

/// A table's index as the 32 bits that it is kept in. A hub never holds four billion of anything.
pub(crate) fn key(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than four billion channels, audiences and sessions a shard")
}

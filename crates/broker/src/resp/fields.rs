//! What an entry of the stream says of its publication.

/// The known fields of an entry, as they were written; unknown ones are left out, and of one that is
/// named twice the last counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<T> {
    /// One channel.
    pub channel: Option<T>,
    /// Several, as a JSON array.
    pub channels: Option<T>,
    /// The event type.
    pub event: Option<T>,
    /// The data.
    pub data: Option<T>,
    /// Whether it retracts the latest value.
    pub retract: Option<T>,
    /// How long it is the latest value.
    pub ttl: Option<T>,
    /// The client that published it.
    pub from: Option<T>,
    /// The session that is not shown it.
    pub except: Option<T>,
}

impl<T> Fields<T> {
    /// The longest name of a known field.
    pub(super) const MAX_NAME_BYTES: usize = 8;

    /// Where the value of the field with this name belongs, if it is a known one.
    pub(crate) fn slot(&mut self, name: &[u8]) -> Option<&mut Option<T>> {
        match name {
            b"channel" => Some(&mut self.channel),
            b"channels" => Some(&mut self.channels),
            b"event" => Some(&mut self.event),
            b"data" => Some(&mut self.data),
            b"retract" => Some(&mut self.retract),
            b"ttl" => Some(&mut self.ttl),
            b"from" => Some(&mut self.from),
            b"except" => Some(&mut self.except),
            _ => None,
        }
    }
}

impl Fields<Vec<u8>> {
    pub(super) fn lent(&self) -> Fields<&[u8]> {
        Fields {
            channel: self.channel.as_deref(),
            channels: self.channels.as_deref(),
            event: self.event.as_deref(),
            data: self.data.as_deref(),
            retract: self.retract.as_deref(),
            ttl: self.ttl.as_deref(),
            from: self.from.as_deref(),
            except: self.except.as_deref(),
        }
    }
}

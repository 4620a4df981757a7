//! From what a link delivers to items of the order: decoding, counting, and saying what was dropped.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus::IntCounter;
use publication::{Arrival, Publication, PublicationError};

use crate::{
    beacon::Beacon, control::Control, decode::Rules, directives::Directives, link::Delivery,
    metrics::Metrics, order::Item, resp::Fields,
};

/// Decodes what stands under one prefix.
pub(crate) struct Intake {
    prefix: Vec<u8>,
    rules: Rules,
    metrics: Metrics,
    ok: IntCounter,
    complaint: Complaint,
    directives: Directives,
}

impl Intake {
    pub(crate) fn new(prefix: &str, rules: Rules, metrics: Metrics, directives: Directives) -> Self {
        let ok = metrics.publications.with_label_values(&["ok"]);
        Self { prefix: prefix.into(), rules, metrics, ok, complaint: Complaint::default(), directives }
    }

    /// What a publication must be like.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What a delivery means; `None` for what does not count: a beacon or control message that is none.
    pub(crate) fn take(&mut self, delivery: &Delivery<'_>) -> Option<Item> {
        let (full_name, payload) = match delivery {
            Delivery::Message { channel, payload } => (*channel, Some(*payload)),
            Delivery::Oversized { channel } => (*channel, None),
        };
        let name = full_name.strip_prefix(&*self.prefix).unwrap_or(full_name);
        let decoded = match (name, payload) {
            (b"@beacon", payload) => return payload.and_then(Beacon::decode).map(Item::Beacon),
            (b"@control", Some(directive @ [b'{', ..])) => {
                self.directives.overhear(directive);
                return None;
            }
            (b"@control", payload) => return payload.and_then(Control::decode).map(Item::Control),
            (_, None) => Err(PublicationError::TooLong { limit: self.rules.max_data_bytes }),
            (b"@json", Some(payload)) => self.rules.envelope(payload),
            (name, Some(payload)) => self.rules.plain(name, payload),
        };
        Some(self.account(name, decoded))
    }

    /// The publication of a stream's entry that was added so many seconds ago, if it holds a valid
    /// one; without fields it is too long.
    pub(crate) fn take_entry(&mut self, fields: Option<Fields<&[u8]>>, age: u32) -> Option<Arc<Publication>> {
        let decoded = match fields {
            None => Err(PublicationError::TooLong { limit: self.rules.max_data_bytes }),
            Some(fields) => self.rules.entry(&fields).map(|publication| publication.aged(age)),
        };
        let name = fields.and_then(|fields| fields.channel).unwrap_or_default();
        match self.account(name, decoded) {
            Item::Publication(publication) => Some(publication),
            Item::Skipped | Item::Beacon(_) | Item::Control(_) => None,
        }
    }

    /// Counts what is handed on.
    pub(crate) fn count_delivered(&self, arrivals: &[Arrival]) {
        let valid = arrivals
            .iter()
            .filter(|arrival| matches!(arrival, Arrival::Publication(_) | Arrival::Entry(_, Some(_))));
        self.ok.inc_by(valid.count() as u64);
    }

    fn account(&mut self, name: &[u8], decoded: Result<Publication, PublicationError>) -> Item {
        match decoded {
            Ok(publication) => Item::Publication(Arc::new(publication)),
            Err(error) => {
                self.metrics.publications.with_label_values(&[error.label()]).inc();
                self.complaint.about(name, error);
                Item::Skipped
            }
        }
    }
}

/// Logs dropped publications, but never more than one line a second.
#[derive(Default)]
struct Complaint {
    last: Option<Instant>,
    silenced: u64,
}

impl Complaint {
    fn about(&mut self, name: &[u8], error: PublicationError) {
        if self.last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            self.silenced += 1;
            return;
        }
        let shown = &name[..name.len().min(100)];
        let channel = String::from_utf8_lossy(shown);
        tracing::warn!(%channel, %error, not_logged = self.silenced, "a publication was dropped");
        *self = Self { last: Some(Instant::now()), silenced: 0 };
    }
}

//! What is published in a measurement: which channels, how many at a time, how often.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock;
use crate::stamp::{DATA_BYTES, Stamp};

/// One publication to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    run: u32,
    /// The channel it goes to.
    pub(crate) channel: u32,
    number: u32,
}

/// Bursts of publications at a fixed interval.
#[derive(Debug)]
pub(crate) struct Plan {
    items: Vec<Item>,
    per_burst: usize,
    /// From the start of one burst to the start of the next.
    pub(crate) every: Duration,
}

/// Gives every publication of a measurement its number, across all its plans.
#[derive(Debug)]
pub(crate) struct Ledger {
    run: u32,
    published: HashMap<u32, u32>,
}

impl Item {
    /// The data to publish, stamped with the present.
    pub(crate) fn data(self) -> [u8; DATA_BYTES] {
        let stamp = Stamp {
            run: self.run,
            channel: self.channel,
            number: self.number,
            sent_nanos: clock::now_nanos(),
        };
        stamp.encode()
    }
}

impl Plan {
    /// The bursts in order.
    pub(crate) fn bursts(&self) -> impl Iterator<Item = &[Item]> {
        self.items.chunks(self.per_burst)
    }

    pub(crate) fn count(&self) -> usize {
        self.items.len()
    }
}

impl Ledger {
    pub(crate) fn new(run: u32) -> Ledger {
        Ledger { run, published: HashMap::new() }
    }

    /// Publications on these channels, one after the other at a rate.
    pub(crate) fn at_rate(&mut self, channels: impl IntoIterator<Item = u32>, per_second: u32) -> Plan {
        self.in_bursts(channels, 1, Duration::from_secs(1) / per_second)
    }

    /// All publications at once.
    pub(crate) fn at_once(&mut self, channels: impl IntoIterator<Item = u32>) -> Plan {
        self.in_bursts(channels, usize::MAX, Duration::ZERO)
    }

    /// Publications on these channels, so many at a time.
    pub(crate) fn in_bursts(
        &mut self,
        channels: impl IntoIterator<Item = u32>,
        per_burst: usize,
        every: Duration,
    ) -> Plan {
        let items = channels.into_iter().map(|channel| self.number(channel)).collect();
        Plan { items, per_burst, every }
    }

    /// How many publications all plans together have put on a channel.
    pub(crate) fn published(&self, channel: u32) -> u32 {
        self.published.get(&channel).copied().unwrap_or(0)
    }

    fn number(&mut self, channel: u32) -> Item {
        let next = self.published.entry(channel).or_default();
        let item = Item { run: self.run, channel, number: *next };
        *next += 1;
        item
    }
}

//! What was published: the numbers of each channel, and which of them Redis acknowledged.

use std::{
    ops::Range,
    sync::{Mutex, MutexGuard},
};

/// Shared by the publisher, who writes it, and by the crowd, who reads where a session begins.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// By channel, then by number: whether Redis said that it has it. What it did not acknowledge
    /// may have been published or not; nobody counts on it.
    channels: Mutex<Vec<Vec<bool>>>,
}

impl Ledger {
    /// Nothing is published yet on so many channels.
    pub(crate) fn new(channels: usize) -> Self {
        Self { channels: Mutex::new(vec![Vec::new(); channels]) }
    }

    /// How many channels there are.
    pub(crate) fn channels(&self) -> usize {
        self.lock().len()
    }

    /// The number for the next publication on a channel, about to be sent, once.
    pub(crate) fn begin(&self, channel: usize) -> u32 {
        let mut channels = self.lock();
        let numbers = &mut channels[channel];
        numbers.push(false);
        numbers.len() as u32 - 1
    }

    /// Redis has it.
    pub(crate) fn acknowledge(&self, channel: usize, number: u32) {
        self.lock()[channel][number as usize] = true;
    }

    /// The number that the next publication on a channel will get.
    pub(crate) fn next(&self, channel: usize) -> u32 {
        self.lock()[channel].len() as u32
    }

    /// How many of these numbers were acknowledged.
    pub(crate) fn acknowledged(&self, channel: usize, numbers: Range<u32>) -> u64 {
        let numbers = numbers.start as usize..numbers.end as usize;
        let acknowledged = |numbers: &[bool]| numbers.iter().filter(|&&acknowledged| acknowledged).count();
        self.lock()[channel].get(numbers).map_or(0, acknowledged) as u64
    }

    /// How many were acknowledged in all.
    pub(crate) fn total(&self) -> u64 {
        (0..self.channels()).map(|channel| self.acknowledged(channel, 0..self.next(channel))).sum()
    }

    /// The newest acknowledged number of each channel.
    pub(crate) fn newest(&self) -> Vec<Option<u32>> {
        let newest = |numbers: &Vec<bool>| {
            numbers.iter().rposition(|&acknowledged| acknowledged).map(|number| number as u32)
        };
        self.lock().iter().map(newest).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<bool>>> {
        self.channels.lock().expect("nothing panics while it holds this")
    }
}

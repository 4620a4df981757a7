//! A publication as a reader is shown it.

use crate::{history::Entry, selection::Selection};

/// A publication on several channels is shown once, under one of them.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// What is shown.
    pub entry: &'a Entry,
    /// Under which of its channels.
    pub channel: &'a str,
    /// For how many seconds it is the channel's value, if not for ever: a publication that is
    /// delivered, from when it was published; a value that is shown, from now.
    pub ttl: Option<u32>,
}

impl<'a> Shown<'a> {
    /// As it is delivered to readers of `selection`: under the first of its channels that they read.
    #[must_use]
    pub fn delivered(entry: &'a Entry, selection: &Selection) -> Self {
        let publication = &entry.publication;
        let channel = selection.shown(publication).unwrap_or_default();
        Self { entry, channel, ttl: publication.ttl() }
    }

    /// Which of its publication's channels it is shown under: the first, the second ...
    pub(crate) fn rank(&self) -> Option<usize> {
        self.entry.publication.channels().position(|channel| channel == self.channel)
    }
}

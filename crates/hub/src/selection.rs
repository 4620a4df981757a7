//! The channels that a session asked for.

use std::rc::Rc;

use publication::{ChannelName, Pattern, Publication};

/// A set of channels and prefixes, in one form for every order in which they can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    channels: Rc<[ChannelName]>,
    prefixes: Rc<[Box<str>]>,
}

impl Selection {
    /// The set of these patterns. Channels that a prefix of the set covers are dropped: they add
    /// nothing.
    #[must_use]
    pub fn new(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let (mut channels, mut prefixes) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match pattern {
                Pattern::Channel(name) => channels.push(name),
                Pattern::Prefix(prefix) => prefixes.push(prefix),
            }
        }
        prefixes.sort_unstable();
        // Sorted, a prefix directly follows the shorter ones that cover it.
        prefixes.dedup_by(|longer, shorter| longer.starts_with(&**shorter));
        channels.retain(|name| !prefixes.iter().any(|prefix| name.starts_with(&**prefix)));
        channels.sort_unstable();
        channels.dedup();
        Self { channels: channels.into(), prefixes: prefixes.into() }
    }

    /// The single channels, sorted.
    #[must_use]
    pub fn channels(&self) -> &[ChannelName] {
        &self.channels
    }

    /// The prefixes, sorted; none covers another.
    #[must_use]
    pub fn prefixes(&self) -> &[Box<str>] {
        &self.prefixes
    }

    /// Both, as patterns.
    pub fn patterns(&self) -> impl Iterator<Item = Pattern> {
        let channels = self.channels.iter().cloned().map(Pattern::Channel);
        channels.chain(self.prefixes.iter().cloned().map(Pattern::Prefix))
    }

    /// Whether `channel` is in the set.
    #[must_use]
    pub fn matches(&self, channel: &str) -> bool {
        self.channels.binary_search_by(|name| name.as_str().cmp(channel)).is_ok()
            || self.matches_prefix(channel)
    }

    /// The channel under which a session with this selection sees a publication: the first that it
    /// reads.
    #[must_use]
    pub fn shown<'a>(&self, publication: &'a Publication) -> Option<&'a str> {
        publication.channels().find(|channel| self.matches(channel))
    }

    pub(crate) fn matches_prefix(&self, channel: &str) -> bool {
        // Sorted and none covering another, only the last one up to the name can be its prefix.
        let upto = self.prefixes.partition_point(|prefix| **prefix <= *channel);
        upto.checked_sub(1).is_some_and(|last| channel.starts_with(&*self.prefixes[last]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_selection_matches_what_one_of_its_patterns_matches(
            patterns in prop::collection::vec("[ab]{0,3}[*]?", 1..6),
            name in "[ab]{1,4}",
        ) {
            let patterns: Vec<_> = patterns.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
            let selection = Selection::new(patterns.clone());
            prop_assert_eq!(selection.matches(&name), patterns.iter().any(|pattern| pattern.matches(&name)));
            let reversed = Selection::new(patterns.into_iter().rev());
            prop_assert_eq!(selection, reversed);
        }
    }
}

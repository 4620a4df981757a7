//! What is shown as the values of channels, against a naive model.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use hub::{Config, Hub, Place, Selection, Shown};
use proptest::prelude::*;
use publication::{Arrival, BeaconId, Draft, Pattern, Publication};

const CHANNELS: [&str; 4] = ["a", "ab", "b", "c"];
/// The rules show nothing of it to those who come.
const NOT_KEPT: &str = "ab";

/// What is published: on which channels, in this order, and how.
#[derive(Clone, Debug)]
struct Published {
    channels: Vec<&'static str>,
    retraction: bool,
    ttl: Option<u32>,
}

fn published() -> impl Strategy<Value = Published> {
    let channels = prop::sample::subsequence(CHANNELS.to_vec(), 1..4).prop_shuffle();
    (channels, prop::bool::weighted(0.3), prop::option::of(1u32..6))
        .prop_map(|(channels, retraction, ttl)| Published { channels, retraction, ttl })
}

/// One that has seen a beacon.
fn new_hub() -> Hub {
    let mut hub = empty_hub();
    hub.append(&Arrival::Beacon(BeaconId { gateway: 1, counter: 0 }), Instant::now());
    hub
}

fn empty_hub() -> Hub {
    Hub::new(Config {
        keep_count: 3,
        keep_bytes: usize::MAX,
        keep_for: Duration::MAX,
        keep_channels: 100,
        keep_cursors: Duration::MAX,
    })
}

fn arrival(number: usize, published: &Published) -> Arrival {
    let Published { channels, retraction, ttl } = published;
    let (data, retraction, ttl) = (number.to_string(), *retraction, *ttl);
    let draft = Draft {
        channel: channels[0],
        further: &channels[1..],
        data: &data,
        retraction,
        ttl,
        ..Draft::default()
    };
    Arrival::Publication(Arc::new(Publication::new(&draft, 10).expect("valid")))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// A value is shown once, in order, under the first of those channels whose value it is, with the
    /// time that it has left; what has been retracted, superseded or has expired on a channel is not
    /// shown under it. So also where it came in a picture.
    #[test]
    fn each_value_is_shown_under_the_first_channel_whose_value_it_is(
        happened in prop::collection::vec((published(), 0u64..3), 0..12),
        asked in prop::sample::subsequence(vec!["a", "b", "c", "a*", "*"], 1..4),
    ) {
        let (mut hub, mut now) = (new_hub(), Instant::now());
        let mut latest = BTreeMap::new();
        for (number, (published, seconds)) in happened.iter().enumerate() {
            now += Duration::from_secs(*seconds);
            hub.append(&arrival(number, published), now);
            for channel in &published.channels {
                latest.insert(*channel, (number, now));
            }
        }
        let patterns: Vec<_> = asked.iter().map(|text| Pattern::parse(text).expect("valid")).collect();
        let holds = |(channel, (number, at)): &(&&str, &(usize, Instant))| {
            let Published { retraction, ttl, .. } = &happened[*number].0;
            let expired = ttl.is_some_and(|ttl| *at + Duration::from_secs(ttl.into()) <= now);
            let wanted = patterns.iter().any(|pattern| pattern.matches(channel));
            wanted && **channel != NOT_KEPT && !retraction && !expired
        };
        let holding: BTreeSet<(usize, &str)> =
            latest.iter().filter(holds).map(|(channel, (number, _))| (*number, *channel)).collect();
        let first = |number: usize| {
            happened[number].0.channels.iter().find(|channel| holding.contains(&(number, channel)))
        };
        let left = |number: usize, channel: &str| {
            let passed = now - latest[channel].1;
            happened[number].0.ttl.map(|ttl| ttl - u32::try_from(passed.as_secs()).expect("a few"))
        };
        let shown_as = |number: usize| {
            first(number).map(|channel| (number.to_string(), (*channel).to_owned(), left(number, channel)))
        };
        let expected: Vec<_> = (0..happened.len()).filter_map(shown_as).collect();
        let selection = Selection::new(patterns.clone());
        let shown = |hub: &Hub| -> Vec<(String, String, Option<u32>)> {
            let values = hub.values(&selection, now, |channel| channel != NOT_KEPT);
            let of = |value: &Shown<'_>| {
                (value.entry.publication.data().to_owned(), value.channel.to_owned(), value.ttl)
            };
            values.iter().map(of).collect()
        };
        prop_assert_eq!(shown(&hub), expected);

        let picture = hub.snapshot(usize::MAX, now).expect("there was a beacon");
        let mut started = empty_hub();
        started.append(&Arrival::Known(Arc::new(picture)), now);
        prop_assert_eq!(shown(&started), shown(&hub));
        for entry in started.read(&selection, Place::START, started.place(), usize::MAX) {
            let number: usize = entry.publication.data().parse().expect("a number");
            prop_assert_eq!(Shown::delivered(entry, &selection).ttl, happened[number].0.ttl, "as published");
        }
    }
}

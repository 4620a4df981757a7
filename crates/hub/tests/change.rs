//! Sessions that go on with other channels: what they had all along is neither lost nor doubled, and
//! what is new to them begins where they are.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hub::{Config, GapReason, Hub, Place, Selection, SessionKey, Start, Step, Want};
use proptest::prelude::*;
use publication::{Arrival, BeaconId, Draft, EntryId, Pattern, Publication};

const CHANNELS: [&str; 4] = ["a", "ab", "b", "c"];
const SELECTIONS: [&[&str]; 6] = [&["a"], &["a*"], &["*"], &["b", "c"], &["a", "b"], &[]];
const READERS: usize = 3;

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    Publish(usize),
    /// Who stood at the tip learns of what came.
    Wake,
    /// A reader reads up to so many publications.
    Read(usize, usize),
    /// A reader goes on with another selection.
    Change(usize, usize),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        4 => (0..CHANNELS.len()).prop_map(Happening::Publish),
        2 => Just(Happening::Wake),
        3 => (0..READERS, 1usize..4).prop_map(|(reader, count)| Happening::Read(reader, count)),
        2 => (0..READERS, 0..SELECTIONS.len()).prop_map(|(reader, to)| Happening::Change(reader, to)),
    ];
    prop::collection::vec(happening, 0..60)
}

struct Reader {
    key: SessionKey,
    seen: Vec<Place>,
    /// Its selections, each with the number of publications before it.
    selections: Vec<(usize, usize)>,
}

fn selection(index: usize) -> Selection {
    Selection::new(SELECTIONS[index].iter().map(|text| Pattern::parse(text).expect("valid")))
}

/// Reads up to so many publications, as far as there are any.
fn read(hub: &mut Hub, reader: &mut Reader, count: usize) {
    // After a round of appends, before anybody reads.
    hub.wake(&mut Vec::new());
    for _ in 0..count {
        let Step::Read { after, until, .. } = hub.step(reader.key, Want::All) else { return };
        let (selection, _) = hub.audience(hub.audience_of(reader.key)).expect("it has an audience");
        let next = hub.read(selection, after, until, 1).first().map(|entry| entry.place);
        reader.seen.extend(next);
        hub.advance(reader.key, next.unwrap_or(until));
    }
}

/// Plays it, all read to the end. Readers change only when they have all, if `careful`. Returns what
/// was published, and the readers.
fn play(happenings: &[Happening], careful: bool) -> (Vec<(usize, Place)>, Vec<Reader>) {
    let (keep_count, keep_bytes, keep_for) = (1_000, usize::MAX, Duration::MAX);
    let mut hub =
        Hub::new(Config { keep_count, keep_bytes, keep_for, keep_channels: 10, keep_cursors: keep_for });
    let now = Instant::now();
    hub.append(&Arrival::Beacon(BeaconId { gateway: 1, counter: 1 }), now);
    let enter = |hub: &mut Hub| hub.enter(&selection(0), 0, Start::Live, now);
    let mut readers: Vec<_> = (0..READERS)
        .map(|_| Reader { key: enter(&mut hub), seen: Vec::new(), selections: vec![(0, 0)] })
        .collect();
    let mut published = Vec::new();
    for happening in happenings {
        match *happening {
            Happening::Publish(channel) => {
                let draft = Draft { channel: CHANNELS[channel], data: "x", ..Draft::default() };
                let publication = Publication::new(&draft, 10).expect("valid");
                hub.append(&Arrival::Publication(Arc::new(publication)), now);
                published.push((channel, hub.place()));
            }
            Happening::Wake => hub.wake(&mut Vec::new()),
            Happening::Read(reader, count) => read(&mut hub, &mut readers[reader], count),
            Happening::Change(reader, to) => {
                let reader = &mut readers[reader];
                if hub.has_all(reader.key) || !careful {
                    hub.change(reader.key, &selection(to));
                    reader.selections.push((published.len(), to));
                }
            }
        }
    }
    for reader in &mut readers {
        read(&mut hub, reader, usize::MAX);
        assert!(hub.has_all(reader.key) && hub.at_tip(reader.key));
    }
    assert_eq!(hub.behind(), 0, "all have read all");
    (published, readers)
}

fn matches(selected: usize, channel: usize) -> bool {
    selection(selected).matches(CHANNELS[channel])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn who_changes_when_it_has_all_sees_exactly_what_came_while_it_was_selected(
        happenings in happenings(),
    ) {
        let (published, readers) = play(&happenings, true);
        for Reader { seen, selections, .. } in readers {
            let selected = |index| selections[selections.partition_point(|(from, _)| *from <= index) - 1].1;
            let expected: Vec<_> = (0..published.len())
                .filter(|index| matches(selected(*index), published[*index].0))
                .map(|index| published[index].1)
                .collect();
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn who_changes_at_any_moment_neither_loses_nor_doubles_what_it_keeps(happenings in happenings()) {
        let (published, readers) = play(&happenings, false);
        for Reader { seen, selections, .. } in readers {
            prop_assert!(seen.is_sorted_by(|one, next| one < next), "in order, each once");
            for (index, (channel, place)) in published.iter().enumerate() {
                let current = selections.partition_point(|(from, _)| *from <= index) - 1;
                let keeps = selections[current..].iter().all(|(_, selected)| matches(*selected, *channel));
                prop_assert!(!keeps || seen.contains(place), "{:?} is lost", place);
                let ever = selections[current..].iter().any(|(_, selected)| matches(*selected, *channel));
                prop_assert!(ever || !seen.contains(place), "{:?} was never asked for", place);
            }
        }
    }
}

/// A stream is begun with, or begun with anew; `meanwhile`, what it holds has come but for its end.
fn begin(hub: &mut Hub, epoch: u64, entries: std::ops::Range<u64>, meanwhile: impl FnOnce(&mut Hub)) {
    let (id, now) = (|ms| EntryId { ms, seq: 0 }, Instant::now());
    hub.append(&Arrival::Anew { epoch, after: id(1) }, now);
    for ms in entries {
        let draft = Draft { channel: "a", ..Draft::default() };
        let publication = Publication::new(&draft, 1).expect("valid");
        hub.append(&Arrival::Entry(id(ms), Some(Arc::new(publication))), now);
    }
    meanwhile(hub);
    hub.append(&Arrival::Warm, now);
    hub.wake(&mut Vec::new());
}

#[test]
fn who_changes_channels_while_a_stream_is_read_anew_reads_nothing_of_what_is_restored() {
    let select =
        |names: &[&str]| Selection::new(names.iter().map(|name| Pattern::parse(name).expect("valid")));
    let mut hub = Hub::new(Config {
        keep_count: 100,
        keep_bytes: usize::MAX,
        keep_for: Duration::MAX,
        keep_channels: 100,
        keep_cursors: Duration::MAX,
    });
    begin(&mut hub, 1, 2..10, |_| {});
    let session = hub.enter(&select(&["a", "z"]), 0, Start::Live, Instant::now());
    assert_eq!(hub.step(session, Want::All), Step::Rest);
    begin(&mut hub, 2, 2..8, |hub| assert!(hub.change(session, &select(&["a"])).is_some()));
    assert!(matches!(hub.step(session, Want::All), Step::Gap(gap) if gap.reason == GapReason::BrokerLost));
    assert_eq!(hub.step(session, Want::All), Step::Rest);
    assert_eq!(hub.behind(), 0);
}

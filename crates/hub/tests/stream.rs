//! The hub on a stream, of which memory holds the newest part and the store an older one, against a
//! naive model that keeps everything.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use hub::{Beginning, Config, GapReason, Hub, Place, Selection, SessionKey, Start, Step, Want};
use proptest::prelude::*;
use publication::{Arrival, Cursor, Draft, EntryId, Excerpt, Pattern, Publication};

#[derive(Clone, Debug)]
enum Happening {
    /// A publication on these of the channels.
    Publish(BTreeSet<u8>),
    /// An entry that holds none.
    Skip,
    Loss,
    /// The store lets go of its oldest entries.
    Trim(usize),
    /// A reader reads up to so many publications.
    Read(usize, usize),
    Tick,
}

const CHANNELS: [&str; 4] = ["a", "ab", "b", "c"];
const READERS: [&[&str]; 4] = [&["a"], &["a*"], &["*"], &["b", "c"]];

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        8 => prop::collection::btree_set(0u8..4, 1..3).prop_map(Happening::Publish),
        1 => Just(Happening::Skip),
        1 => Just(Happening::Loss),
        1 => (1usize..6).prop_map(Happening::Trim),
        4 => (0..READERS.len(), 1usize..4).prop_map(|(reader, count)| Happening::Read(reader, count)),
        1 => Just(Happening::Tick),
    ];
    prop::collection::vec(happening, 0..60)
}

/// What the store holds: the entries from some place on.
struct Store {
    entries: Vec<(EntryId, Option<BTreeSet<u8>>)>,
    trimmed: usize,
    page: usize,
}

impl Store {
    fn held(&self) -> &[(EntryId, Option<BTreeSet<u8>>)] {
        &self.entries[self.trimmed..]
    }

    /// The part around a place, as the archive reads it.
    fn excerpt(&self, place: Cursor) -> Excerpt {
        let is_before = |id: EntryId| match place {
            Cursor::After(after) => id <= after,
            Cursor::Before(before) => id < before,
            Cursor::Counted { .. } => panic!("cursors of a stream only"),
        };
        let held = self.held();
        let start = held.partition_point(|(id, _)| is_before(*id));
        let first = start.saturating_sub(self.page / 2);
        let entries = &held[first..held.len().min(start + self.page)];
        let oldest = first == 0 && start < self.page / 2 || start == 0;
        let (Some((oldest_id, _)), Some((newest, _))) = (entries.first(), entries.last()) else {
            let last = self.entries.last().map_or(EntryId::default(), |(id, _)| *id);
            return Excerpt {
                after: Cursor::After(last),
                upto: last,
                reaches_start: true,
                epoch: 1,
                publications: Vec::new(),
            };
        };
        let complete = oldest && self.trimmed == 0;
        let after = if complete { Cursor::After(EntryId::default()) } else { Cursor::Before(*oldest_id) };
        let publications = entries
            .iter()
            .filter_map(|(id, channels)| Some((*id, publication(channels.as_ref()?))))
            .collect();
        Excerpt { after, upto: *newest, reaches_start: oldest, epoch: 1, publications }
    }
}

struct World {
    hub: Hub,
    store: Store,
    /// The places of losses.
    losses: Vec<Place>,
    readers: Vec<(SessionKey, Vec<Seen>)>,
    fetches: usize,
    now: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Publication(Place),
    Gap(GapReason, Place),
}

impl World {
    /// The first `before` entries were there before this hub.
    fn new(keep_count: usize, before: usize, page: usize) -> Self {
        let mut hub = Hub::new(Config {
            keep_count,
            keep_bytes: usize::MAX,
            keep_for: Duration::MAX,
            keep_channels: 100,
            keep_cursors: Duration::MAX,
        });
        let mut store = Store { entries: Vec::new(), trimmed: 0, page };
        for index in 0..before {
            store.entries.push((id(index), Some([index as u8 % 4].into())));
        }
        hub.append(
            &Arrival::Anew {
                epoch: 1,
                after: store.entries.last().map_or(EntryId::default(), |(id, _)| *id),
            },
            Instant::now(),
        );
        hub.append(&Arrival::Warm, Instant::now());
        let now = Instant::now();
        let mut world = Self { hub, store, losses: Vec::new(), readers: Vec::new(), fetches: 0, now };
        for patterns in READERS {
            let key = world.hub.enter(&selection(patterns), 0, Start::Live, now);
            world.readers.push((key, Vec::new()));
        }
        world
    }

    fn take(&mut self, happening: &Happening) {
        match happening {
            Happening::Publish(channels) => self.add(Some(channels.clone())),
            Happening::Skip => self.add(None),
            Happening::Loss => {
                let place = self.hub.place();
                let verified = self.store.entries.last().map_or(EntryId::default(), |(id, _)| *id);
                self.hub.append(&Arrival::Loss(verified), Instant::now());
                if self.hub.place() != place {
                    self.losses.push(self.hub.place());
                }
            }
            Happening::Trim(count) => {
                self.store.trimmed = (self.store.trimmed + count).min(self.store.entries.len());
            }
            Happening::Read(reader, count) => {
                self.hub.wake(&mut Vec::new());
                for _ in 0..*count {
                    let (key, mut seen) =
                        (self.readers[*reader].0, std::mem::take(&mut self.readers[*reader].1));
                    let more = self.step(key, READERS[*reader], 1, &mut seen);
                    self.readers[*reader].1 = seen;
                    if !more {
                        return;
                    }
                }
            }
            Happening::Tick => self.hub.tick(self.now),
        }
    }

    fn add(&mut self, channels: Option<BTreeSet<u8>>) {
        let id = id(self.store.entries.len());
        self.hub.append(&Arrival::Entry(id, channels.as_ref().map(publication)), Instant::now());
        self.store.entries.push((id, channels));
    }

    /// Takes one step for a session; false if it rests.
    fn step(&mut self, key: SessionKey, patterns: &[&str], limit: usize, seen: &mut Vec<Seen>) -> bool {
        match self.hub.step(key, Want::All) {
            Step::Rest => return false,
            Step::Fetch(after) => {
                self.fetches += 1;
                self.hub.lend(&self.store.excerpt(after));
            }
            Step::Gap(gap) => seen.push(Seen::Gap(gap.reason, gap.resume)),
            Step::Read { after, until, .. } => {
                let entries = self.hub.read(&selection(patterns), after, until, limit);
                let places: Vec<Place> = entries.iter().map(|entry| entry.place).collect();
                let upto = if places.len() < limit { until } else { *places.last().expect("limit is not 0") };
                seen.extend(places.into_iter().map(Seen::Publication));
                self.hub.advance(key, upto);
            }
        }
        true
    }

    /// Reads a returning session to the end.
    fn resume(&mut self, patterns: &[&str], cursor: Cursor) -> Vec<Seen> {
        let key = self.hub.enter(&selection(patterns), 0, Start::After(cursor), self.now);
        let mut seen = Vec::new();
        let mut steps = 0;
        while self.step(key, patterns, 3, &mut seen) {
            steps += 1;
            assert!(steps < 2_000, "it comes to an end");
        }
        self.hub.leave(key);
        seen
    }

    /// The places of a selection's publications after a place.
    fn wanted(&self, patterns: &[&str], after: Place) -> Vec<(usize, Place)> {
        let selection = selection(patterns);
        let matches = |channels: &Option<BTreeSet<u8>>| {
            channels.iter().flatten().any(|channel| selection.matches(CHANNELS[usize::from(*channel)]))
        };
        let entries = self.store.entries.iter().enumerate();
        entries
            .map(|(index, (id, channels))| (index, Place::of(*id), channels))
            .filter(|(_, place, channels)| *place > after && matches(channels))
            .map(|(index, place, _)| (index, place))
            .collect()
    }
}

/// Several in one millisecond, then the next.
fn id(index: usize) -> EntryId {
    EntryId { ms: 10 + index as u64 / 3, seq: index as u64 % 3 }
}

fn selection(patterns: &[&str]) -> Selection {
    Selection::new(patterns.iter().map(|text| Pattern::parse(text).expect("valid")))
}

fn publication(channels: &BTreeSet<u8>) -> Arc<Publication> {
    let names: Vec<&str> = channels.iter().map(|channel| CHANNELS[usize::from(*channel)]).collect();
    let draft = Draft { channel: names[0], further: &names[1..], data: "x", ..Draft::default() };
    Arc::new(Publication::new(&draft, 10).expect("valid"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// From whatever cursor: all that memory and store hold comes, in order and once; what neither
    /// holds is told, and nothing is told without cause.
    #[test]
    fn resuming_from_any_cursor_reads_store_and_memory_as_one(
        happenings in happenings(),
        keep in 1usize..8,
        before in 0usize..10,
        page in 2usize..6,
    ) {
        let mut world = World::new(keep, before, page);
        happenings.iter().for_each(|happening| world.take(happening));
        let ids: Vec<EntryId> = world.store.entries.iter().map(|(id, _)| *id).collect();
        for cursor in ids.iter().flat_map(|id| [Cursor::Before(*id), Cursor::After(*id)]) {
            for patterns in READERS {
                let place = world.hub.place_of(cursor).expect("on a stream every cursor is a place");
                let wanted = world.wanted(patterns, place);
                // What memory holds: the newest publications that came while this hub was there.
                let published: Vec<usize> = (before..ids.len()).filter(|index| world.store.entries[*index].1.is_some()).collect();
                let in_memory = published.iter().rev().take(keep).copied().collect::<BTreeSet<_>>();
                let not_in_memory = wanted.iter().any(|(index, _)| !in_memory.contains(index));
                let seen = world.resume(patterns, cursor);
                let got: Vec<Place> = seen.iter().filter_map(|seen| match seen { Seen::Publication(place) => Some(*place), Seen::Gap(..) => None }).collect();
                let trimmed = seen.iter().any(|seen| matches!(seen, Seen::Gap(GapReason::Trimmed, _)));
                // What was there before this hub, and has gone, may have been anything.
                let unknown = ids[..before].last().is_some_and(|last| place < Place::of(*last));
                prop_assert!(not_in_memory || unknown || !trimmed, "a gap without cause from {:?} for {:?}", cursor, patterns);
                // What the store has let go of may still be lent to this hub; else it must be told.
                if !trimmed {
                    prop_assert_eq!(&got, &wanted.iter().map(|(_, place)| *place).collect::<Vec<_>>());
                    let losses: Vec<_> = world.losses.iter().copied().filter(|loss| *loss > place).collect();
                    let told: Vec<_> = seen.iter().filter_map(|seen| match seen { Seen::Gap(_, place) => Some(*place), Seen::Publication(_) => None }).collect();
                    prop_assert_eq!(told, losses);
                } else {
                    let held: Vec<Place> = wanted.iter().filter(|(index, _)| *index >= world.store.trimmed).map(|(_, place)| *place).collect();
                    prop_assert!(got.ends_with(&held), "what the store holds comes: {:?} {:?}", got, held);
                }
                let order: Vec<Place> = seen.iter().map(|seen| match seen { Seen::Publication(place) | Seen::Gap(_, place) => *place }).collect();
                prop_assert!(order.is_sorted(), "in order: {:?}", seen);
                prop_assert!(matches!(world.hub.begin(&selection(patterns), cursor), Beginning::At(..) | Beginning::Fetch(_)));
            }
        }
    }

    /// However slowly a live session reads, it misses nothing that the store still has.
    #[test]
    fn a_slow_live_session_reads_on_from_the_store(happenings in happenings(), keep in 1usize..6, page in 2usize..6) {
        let mut world = World::new(keep, 0, page);
        let happenings: Vec<_> = happenings.into_iter().filter(|happening| !matches!(happening, Happening::Trim(_))).collect();
        happenings.iter().for_each(|happening| world.take(happening));
        for reader in 0..READERS.len() {
            world.take(&Happening::Read(reader, usize::MAX));
        }
        for (patterns, (_, seen)) in READERS.iter().zip(&world.readers) {
            let mut expected: Vec<(Place, Seen)> = world.wanted(patterns, Place::START).into_iter().map(|(_, place)| (place, Seen::Publication(place))).collect();
            expected.extend(world.losses.iter().map(|loss| (*loss, Seen::Gap(GapReason::BrokerLost, *loss))));
            expected.sort_by_key(|(place, _)| *place);
            prop_assert_eq!(seen, &expected.into_iter().map(|(_, seen)| seen).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_cursor_that_names_nothing_in_the_stream_is_told_and_goes_on_from_there() {
    let mut world = World::new(5, 3, 3);
    world.add(Some([0].into()));
    world.add(None);
    (0..3).for_each(|_| world.add(Some([0].into())));
    let ids: Vec<EntryId> = world.store.entries.iter().map(|(id, _)| *id).collect();
    let places: Vec<_> = ids.iter().map(|id| Place::of(*id)).collect();
    // Of an end of the stream that another gateway has seen, and that is lost.
    let foreign = EntryId { seq: 7, ..ids[5] };
    let told = Seen::Gap(GapReason::UnknownCursor, Place::of(foreign).next());
    let seen = world.resume(&["a"], Cursor::After(foreign));
    assert_eq!(seen, [told, Seen::Publication(places[6]), Seen::Publication(places[7])]);
    let beginning = world.hub.begin(&selection(&["a"]), Cursor::After(foreign));
    let Beginning::At(place, Some(gap)) = beginning else { panic!("{beginning:?}") };
    assert_eq!((place, gap.reason), (Place::of(foreign).next(), GapReason::UnknownCursor));
    // Told once: the cursor that it got with the gap is no entry's.
    let again = world.resume(&["a"], gap.cursor.expect("there always is one"));
    assert_eq!(again, [Seen::Publication(places[6]), Seen::Publication(places[7])]);
    // The entry without a publication is one all the same, and of older ones memory cannot say.
    assert_eq!(world.resume(&["c"], Cursor::After(ids[4])), []);
    assert_eq!(world.resume(&["c"], Cursor::After(EntryId { seq: 7, ..ids[0] })), []);
}

#[test]
fn a_stream_that_is_another_one_is_told_to_all_and_goes_on() {
    let mut world = World::new(10, 3, 3);
    for reader in 0..READERS.len() {
        world.take(&Happening::Read(reader, 9));
    }
    let old = world.hub.tip().expect("on a stream there is always one");
    // One entry that nobody has read yet, and then ids go back: all in one round.
    world.add(Some([0].into()));
    let id = |seq| EntryId { ms: 1, seq };
    let entry = |seq| Arrival::Entry(id(seq), Some(publication(&[0].into())));
    world.hub.append(&Arrival::Anew { epoch: 2, after: id(0) }, Instant::now());
    world.hub.append(&entry(1), Instant::now());
    world.take(&Happening::Read(0, 9));
    assert_eq!(world.readers[0].1, [], "until all of it has come, nobody reads");
    assert!(!world.hub.is_warm());
    world.hub.append(&Arrival::Warm, Instant::now());
    world.hub.append(&entry(2), Instant::now());
    for reader in 0..READERS.len() {
        world.take(&Happening::Read(reader, 9));
    }
    let told = Seen::Gap(GapReason::BrokerLost, Place::of(id(1)).next());
    assert_eq!(
        world.readers[0].1,
        [told, Seen::Publication(Place::of(id(2)))],
        "what was there before is not new"
    );
    assert_eq!(world.readers[3].1, [told]);
    assert_eq!(world.hub.behind(), 0);
    assert_eq!(world.hub.begin(&selection(&["a"]), old), Beginning::Ahead);
    assert_eq!(world.hub.latest(&selection(&["a"])).len(), 1, "the old latest values are gone");
    // What was read of the other stream is of no use.
    world.hub.lend(&world.store.excerpt(Cursor::After(EntryId::default())));
    let before = Cursor::After(EntryId::default());
    assert!(matches!(world.hub.begin(&selection(&["a"]), before), Beginning::Fetch(_)));
}

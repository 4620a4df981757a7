//! The hub against a naive model that keeps everything for ever: append, evict, forget, break, and
//! resume from any cursor.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use hub::{Beginning, Config, GapReason, Hub, Place, Selection, SessionKey, Start, Step, Want};
use proptest::prelude::*;
use publication::{Arrival, BeaconId, Cursor, Draft, Pattern, Publication};

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    /// A publication on these of the channels, with so much data.
    Publish(BTreeSet<u8>, usize),
    Skip,
    Beacon,
    Break,
    /// A reader reads up to so many publications.
    Read(usize, usize),
    /// History keeps so many publications from now on.
    Keep(usize),
}

const CHANNELS: [&str; 5] = ["a", "ab", "b", "ba", "c"];
const READERS: [&[&str]; 5] = [&["a"], &["a*"], &["*"], &["b", "c"], &["a", "b*"]];

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        8 => (prop::collection::btree_set(0u8..5, 1..3), prop_oneof![Just(1), Just(400)])
            .prop_map(|(channels, bytes)| Happening::Publish(channels, bytes)),
        1 => Just(Happening::Skip),
        3 => Just(Happening::Beacon),
        1 => Just(Happening::Break),
        4 => (0..READERS.len(), 1usize..4).prop_map(|(reader, count)| Happening::Read(reader, count)),
        1 => (1usize..12).prop_map(Happening::Keep),
    ];
    prop::collection::vec(happening, 0..80)
}

/// Everything that ever happened, by place.
#[derive(Default)]
struct Model {
    /// Channels of each publication; a break is none; skipped places are not listed.
    published: Vec<(Place, BTreeSet<u8>)>,
    /// How many of the newest publications history holds, and how many it may hold.
    held: usize,
    keep: usize,
    breaks: Vec<Place>,
    /// Cursors that were given out, with their places.
    cursors: Vec<(Cursor, Place)>,
}

impl Model {
    /// The places of the publications that history holds.
    fn held(&self) -> BTreeSet<Place> {
        self.published.iter().rev().take(self.held).map(|(place, _)| *place).collect()
    }

    /// The places of a selection's publications after a place.
    fn wanted(&self, patterns: &[&str], after: Place) -> Vec<Place> {
        let patterns: Vec<Pattern> =
            patterns.iter().map(|text| Pattern::parse(text).expect("valid")).collect();
        let matches = |channels: &BTreeSet<u8>| {
            channels
                .iter()
                .any(|channel| patterns.iter().any(|pattern| pattern.matches(CHANNELS[*channel as usize])))
        };
        self.published
            .iter()
            .filter(|(place, channels)| *place > after && matches(channels))
            .map(|(place, _)| *place)
            .collect()
    }
}

/// The hub, the model beside it, and readers that come and go on.
struct World {
    hub: Hub,
    config: Config,
    model: Model,
    counter: u32,
    readers: Vec<(SessionKey, Vec<Seen>)>,
    now: Instant,
}

/// What a reader got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Publication(Place),
    Gap(GapReason, Place),
}

impl World {
    fn new(keep_count: usize, keep_channels: usize) -> Self {
        let config = config(keep_count, keep_channels);
        let now = Instant::now();
        let model = Model { keep: keep_count, ..Model::default() };
        let mut world = Self { hub: Hub::new(config), config, model, counter: 0, readers: Vec::new(), now };
        world.take(&Happening::Beacon);
        for patterns in READERS {
            let key = world.hub.enter(&selection(patterns), 0, Start::Live, now);
            world.readers.push((key, Vec::new()));
        }
        world
    }

    fn take(&mut self, happening: &Happening) {
        match happening {
            Happening::Publish(channels, bytes) => {
                self.hub.append(&Arrival::Publication(publication(channels, *bytes)), Instant::now());
                self.model.published.push((self.hub.place(), channels.clone()));
                self.model.held = self.model.keep.min(self.model.held + 1);
            }
            Happening::Skip => self.hub.append(&Arrival::Skipped, Instant::now()),
            Happening::Beacon => self.beacon(false),
            Happening::Break => {
                self.beacon(true);
                self.model.breaks.push(self.hub.place());
            }
            Happening::Read(reader, count) => self.read(*reader, *count),
            Happening::Keep(count) => {
                self.config.keep_count = *count;
                self.hub.set_config(self.config);
                (self.model.keep, self.model.held) = (*count, self.model.held.min(*count));
            }
        }
        let cursor = self.hub.tip().expect("there was a beacon");
        self.model.cursors.push((cursor, self.hub.place()));
    }

    fn beacon(&mut self, broken: bool) {
        let id = BeaconId { gateway: u64::from(self.counter % 3), counter: self.counter / 3 };
        self.counter += 1;
        self.hub.append(&if broken { Arrival::Break(id) } else { Arrival::Beacon(id) }, Instant::now());
    }

    fn read(&mut self, reader: usize, count: usize) {
        self.hub.wake(&mut Vec::new());
        let (key, seen) = &mut self.readers[reader];
        for _ in 0..count {
            if !take_step(&mut self.hub, *key, READERS[reader], 1, seen) {
                return;
            }
        }
    }
}

/// Takes one step for a session, reading at most `limit` publications; false if it rests.
fn take_step(hub: &mut Hub, key: SessionKey, patterns: &[&str], limit: usize, seen: &mut Vec<Seen>) -> bool {
    match hub.step(key, Want::All) {
        Step::Rest => return false,
        Step::Fetch(cursor) => panic!("nothing was ever stored behind {cursor}"),
        Step::Gap(gap) => seen.push(Seen::Gap(gap.reason, gap.resume)),
        Step::Read { after, until, .. } => {
            let places: Vec<Place> =
                hub.read(&selection(patterns), after, until, limit).iter().map(|entry| entry.place).collect();
            let upto = if places.len() < limit { until } else { *places.last().expect("limit is not 0") };
            seen.extend(places.into_iter().map(Seen::Publication));
            hub.advance(key, upto);
        }
    }
    true
}

fn config(keep_count: usize, keep_channels: usize) -> Config {
    Config {
        keep_count,
        keep_bytes: usize::MAX,
        keep_for: Duration::MAX,
        keep_channels,
        keep_cursors: Duration::MAX,
    }
}

fn selection(patterns: &[&str]) -> Selection {
    Selection::new(patterns.iter().map(|text| Pattern::parse(text).expect("valid")))
}

fn publication(channels: &BTreeSet<u8>, bytes: usize) -> Arc<Publication> {
    let names: Vec<&str> = channels.iter().map(|channel| CHANNELS[*channel as usize]).collect();
    let data = "x".repeat(bytes);
    let draft = Draft { channel: names[0], further: &names[1..], data: &data, ..Draft::default() };
    Arc::new(Publication::new(&draft, bytes).expect("valid"))
}

/// Reads a returning session to the end.
fn resume(world: &mut World, patterns: &[&str], cursor: Cursor) -> Vec<Seen> {
    let key = world.hub.enter(&selection(patterns), 0, Start::After(cursor), world.now);
    let mut seen = Vec::new();
    while take_step(&mut world.hub, key, patterns, 3, &mut seen) {}
    assert!(world.hub.at_tip(key));
    world.hub.leave(key);
    seen
}

/// The publications among what a reader got.
fn publications(seen: &[Seen]) -> Vec<Place> {
    let publication = |seen: &Seen| match seen {
        Seen::Publication(place) => Some(*place),
        Seen::Gap(..) => None,
    };
    seen.iter().filter_map(publication).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    /// A session with a known cursor is told a gap if and only if one of its channels lost a
    /// publication after it, or a break lies after it; and it gets all that history holds.
    #[test]
    fn resuming_from_any_cursor_is_exact(happenings in happenings(), keep in 1usize..12) {
        let mut world = World::new(keep, 100);
        happenings.iter().for_each(|happening| world.take(happening));
        let held = world.model.held();
        for (cursor, place) in world.model.cursors.clone() {
            prop_assert_eq!(world.hub.place_of(cursor), Some(place));
            for patterns in READERS {
                let wanted = world.model.wanted(patterns, place);
                let lost = wanted.iter().any(|place| !held.contains(place));
                let begin = if lost { world.hub.earliest() } else { place };
                let mut expected: Vec<(Place, Seen)> = wanted
                    .iter()
                    .filter(|place| held.contains(place))
                    .map(|place| (*place, Seen::Publication(*place)))
                    .chain(world.model.breaks.iter().filter(|at| **at > begin).map(|at| (*at, Seen::Gap(GapReason::BrokerLost, *at))))
                    .collect();
                expected.sort_by_key(|(place, _)| *place);
                let mut expected: Vec<Seen> = expected.into_iter().map(|(_, seen)| seen).collect();
                if lost {
                    expected.insert(0, Seen::Gap(GapReason::Trimmed, begin));
                }
                let seen = resume(&mut world, patterns, cursor);
                prop_assert_eq!(&seen, &expected, "{:?} from {:?}", patterns, place);
                // A poll's beginning says the same as a session's.
                let Beginning::At(_, gap) = world.hub.begin(&selection(patterns), cursor) else {
                    return Err(TestCaseError::fail("a known cursor"));
                };
                let first = match seen.first() {
                    Some(Seen::Gap(reason, resume)) if *reason == GapReason::Trimmed || resume.before() == place => Some(*reason),
                    _ => None,
                };
                prop_assert_eq!(gap.map(|gap| gap.reason), first);
            }
        }
    }

    /// With few channel states, what was lost is told all the same; a gap too many is allowed.
    #[test]
    fn forgetting_channels_costs_told_gaps_only(happenings in happenings(), keep in 1usize..6, channels in 0usize..4) {
        let mut world = World::new(keep, channels);
        happenings.iter().for_each(|happening| world.take(happening));
        let held = world.model.held();
        for (cursor, place) in world.model.cursors.clone() {
            for patterns in READERS {
                let wanted = world.model.wanted(patterns, place);
                let seen = resume(&mut world, patterns, cursor);
                let lost = wanted.iter().any(|place| !held.contains(place));
                let told = seen.iter().any(|seen| matches!(seen, Seen::Gap(GapReason::Trimmed, _)));
                prop_assert!(told || !lost, "silent loss for {:?}", patterns);
                let got = publications(&seen);
                let all: Vec<Place> = wanted.into_iter().filter(|place| held.contains(place)).collect();
                prop_assert_eq!(got, all);
            }
        }
    }

    /// However slowly a session reads: in order, nothing twice, and nothing missing but in a gap.
    #[test]
    fn a_live_session_misses_nothing_silently(happenings in happenings(), keep in 1usize..6) {
        let mut world = World::new(keep, 100);
        happenings.iter().for_each(|happening| world.take(happening));
        for reader in 0..READERS.len() {
            world.read(reader, usize::MAX);
        }
        for (patterns, (_, seen)) in READERS.iter().zip(&world.readers) {
            let wanted = world.model.wanted(patterns, Place::START);
            let mut next = wanted.iter().copied().peekable();
            for seen in seen {
                match *seen {
                    Seen::Publication(place) => prop_assert_eq!(next.next(), Some(place)),
                    Seen::Gap(GapReason::Overtaken, resume) => {
                        prop_assert!(next.peek().is_some_and(|place| *place <= resume), "a gap without cause");
                        while next.next_if(|place| *place <= resume).is_some() {}
                    }
                    Seen::Gap(reason, resume) => {
                        prop_assert_eq!(reason, GapReason::BrokerLost);
                        prop_assert!(world.model.breaks.contains(&resume));
                        prop_assert!(next.peek().is_none_or(|place| *place > resume), "told in order");
                    }
                }
            }
            prop_assert_eq!(next.next(), None, "nothing is left out at the end");
        }
    }
}

#[test]
fn cursors_beyond_a_known_stretch_are_unknown_and_those_ahead_are_waited_for() {
    let mut world = World::new(10, 10);
    let Some(Cursor::Counted { beacon, .. }) = world.hub.tip() else { panic!("there was a beacon") };
    world.take(&Happening::Publish([0].into(), 1));
    let begin =
        |world: &World, number| world.hub.begin(&selection(&["a"]), Cursor::Counted { beacon, number });
    assert!(matches!(begin(&world, 1), Beginning::At(_, None)));
    assert_eq!(begin(&world, 2), Beginning::Ahead);
    world.take(&Happening::Break);
    assert!(matches!(begin(&world, 1), Beginning::At(_, Some(gap)) if gap.reason == GapReason::BrokerLost));
    assert!(
        matches!(begin(&world, 2), Beginning::At(_, Some(gap)) if gap.reason == GapReason::UnknownCursor)
    );
}

#[test]
fn a_waiting_session_reads_on_when_its_cursor_becomes_known_and_gives_up_in_time() {
    let mut world = World::new(10, 10);
    let Some(Cursor::Counted { beacon, .. }) = world.hub.tip() else { panic!("there was a beacon") };
    let since = world.now + Duration::from_secs(1);
    let mut enter = |number| {
        world.hub.enter(&selection(&["a"]), 0, Start::After(Cursor::Counted { beacon, number }), since)
    };
    let (soon, never) = (enter(1), enter(9));
    let mut woken = Vec::new();
    world.take(&Happening::Publish([0].into(), 1));
    world.take(&Happening::Publish([0].into(), 1));
    world.hub.wake(&mut woken);
    assert!(woken.contains(&soon) && !woken.contains(&never));
    let mut seen = Vec::new();
    while take_step(&mut world.hub, soon, &["a"], 9, &mut seen) {}
    assert_eq!(seen, [Seen::Publication(world.hub.place())]);
    assert_eq!(world.hub.step(never, Want::All), Step::Rest);
    world.hub.set_current(since - Duration::from_millis(1));
    world.hub.wake(&mut woken);
    assert_eq!(world.hub.step(never, Want::All), Step::Rest, "it may have been given out meanwhile");
    world.hub.set_current(since);
    world.hub.wake(&mut woken);
    assert!(
        matches!(world.hub.step(never, Want::All), Step::Gap(gap) if gap.reason == GapReason::UnknownCursor)
    );
}

#[test]
fn cursors_expire_with_age_and_never_the_newest_beacon() {
    let mut hub = Hub::new(Config {
        keep_count: 10,
        keep_bytes: 1 << 20,
        keep_for: Duration::from_secs(5),
        keep_channels: 10,
        keep_cursors: Duration::from_secs(60),
    });
    let now = Instant::now();
    hub.append(&Arrival::Beacon(BeaconId { gateway: 1, counter: 0 }), Instant::now());
    hub.append(&Arrival::Publication(publication(&[0].into(), 1)), Instant::now());
    let old = hub.tip().unwrap();
    hub.tick(now);
    hub.append(&Arrival::Beacon(BeaconId { gateway: 1, counter: 1 }), Instant::now());
    for second in 1..120 {
        hub.tick(now + Duration::from_secs(second));
    }
    assert_eq!(hub.gauges(now).history_publications, 0, "publications expire");
    assert_eq!(hub.place_of(old), None, "cursors expire");
    assert!(hub.tip().is_some_and(|tip| hub.place_of(tip).is_some()), "the newest beacon stays");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// A gateway that starts and takes a peer's picture answers every cursor as the peer does.
    #[test]
    fn a_hub_that_takes_anothers_snapshot_answers_like_it(
        before in happenings(),
        after in prop_oneof![Just(Vec::new()), happenings()],
        keep in 1usize..8,
        channels in prop_oneof![1usize..5, Just(100)],
        max_bytes in prop_oneof![Just(usize::MAX), 200usize..1500],
    ) {
        // A hub that forgets channels may remember more for an audience that has looked before.
        let exact = max_bytes == usize::MAX && channels >= CHANNELS.len();
        let mut peer = World::new(keep, channels);
        before.iter().for_each(|happening| peer.take(happening));
        let snapshot = peer.hub.snapshot(max_bytes, Instant::now()).expect("there was a beacon");
        // The limits may have been changed meanwhile, as a new gateway's are.
        let mut hub = Hub::new(peer.config);
        hub.append(&Arrival::Known(Arc::new(snapshot)), Instant::now());
        let (model, config) = (Model::default(), peer.config);
        let mut started = World { hub, config, model, counter: peer.counter, readers: Vec::new(), now: peer.now };
        for patterns in READERS {
            let key = started.hub.enter(&selection(patterns), 0, Start::Live, started.now);
            started.readers.push((key, Vec::new()));
        }
        for happening in &after {
            peer.take(happening);
            started.take(happening);
        }
        prop_assert_eq!(started.hub.tip(), peer.hub.tip());
        for (cursor, place) in peer.model.cursors.clone() {
            prop_assert_eq!(started.hub.place_of(cursor), Some(place));
            for patterns in READERS {
                let (ours, theirs) = (resume(&mut started, patterns, cursor), resume(&mut peer, patterns, cursor));
                if exact {
                    prop_assert_eq!(&ours, &theirs, "{:?} from {:?}", patterns, place);
                    continue;
                }
                // Where less is known, what is missing is told.
                let told = ours.iter().any(|seen| matches!(seen, Seen::Gap(GapReason::Trimmed, _)));
                let misses_nothing = || publications(&ours) == peer.model.wanted(patterns, place);
                prop_assert!(told || ours == theirs || misses_nothing(), "silent loss");
            }
        }
        for channel in CHANNELS {
            let ours = started.hub.newest(&selection(&[channel])).map(|entry| entry.place);
            let newest = peer.model.wanted(&[channel], Place::START).last().copied();
            prop_assert!(ours == newest || (ours.is_none() && !exact), "{channel}: {ours:?} for {newest:?}");
        }
    }
}

#[test]
fn who_wants_the_latest_alone_is_told_what_was_lost_before_a_break() {
    let mut world = World::new(2, 100);
    let key = world.hub.enter(&selection(&["a", "b"]), 0, Start::Live, world.now);
    for happening in [
        Happening::Publish([2].into(), 1),
        Happening::Publish([0].into(), 1),
        Happening::Publish([0].into(), 1),
        Happening::Publish([0].into(), 1),
    ] {
        world.take(&happening);
    }
    let latest = |step| matches!(step, Step::Read { latest: true, .. });
    world.hub.wake(&mut Vec::new());
    assert!(latest(world.hub.step(key, Want::Latest)), "what was superseded is no loss");
    world.take(&Happening::Break);
    assert!(
        matches!(world.hub.step(key, Want::Latest), Step::Gap(gap) if gap.reason == GapReason::Overtaken)
    );
}

/// A gateway that starts with what a picture of 2,000 bytes has room for.
fn started_with_little_of(peer: &World) -> World {
    let snapshot = peer.hub.snapshot(2_000, Instant::now()).expect("there was a beacon");
    let mut started = World::new(1, 100);
    started.hub = Hub::new(peer.config);
    started.hub.append(&Arrival::Known(Arc::new(snapshot)), Instant::now());
    started
}

#[test]
fn a_value_without_room_in_a_picture_is_told_as_lost_where_an_older_one_names_its_channel_too() {
    let mut peer = World::new(1, 100);
    peer.take(&Happening::Publish([0, 2].into(), 1));
    let cursor = peer.hub.tip().expect("there was a beacon");
    peer.take(&Happening::Publish([2].into(), 10_000));
    peer.take(&Happening::Publish([4].into(), 1));
    let started = started_with_little_of(&peer);
    assert!(matches!(started.hub.begin(&selection(&["b"]), cursor), Beginning::At(_, Some(_))), "it is told");
    assert!(started.hub.newest(&selection(&["a"])).is_some(), "what there is room for is known");
    assert!(started.hub.newest(&selection(&["b"])).is_none(), "what was superseded is not shown");
}

#[test]
fn a_value_that_history_without_room_supersedes_is_not_shown() {
    let mut peer = World::new(2, 100);
    peer.take(&Happening::Publish([0, 2].into(), 1));
    peer.take(&Happening::Publish([2].into(), 10_000));
    peer.take(&Happening::Publish([4].into(), 1));
    let started = started_with_little_of(&peer);
    assert!(started.hub.newest(&selection(&["a"])).is_some(), "what there is room for is known");
    assert!(started.hub.newest(&selection(&["b"])).is_none(), "what was superseded is not shown");
}

/// How long it takes to let a crowd in whose cursors are not known yet, one by one, each of whom
/// makes the shard take a turn; at best, since others use this machine too.
fn time_to_let_in(count: usize) -> Duration {
    let cursor = Cursor::Counted { beacon: BeaconId { gateway: 9, counter: 7 }, number: 1 };
    let time = |_| {
        let World { mut hub, now, .. } = World::new(10, 10);
        let mut woken = Vec::new();
        hub.wake(&mut woken);
        woken.clear();
        let began = Instant::now();
        for _ in 0..count {
            hub.enter(&selection(&["a"]), 0, Start::After(cursor), now);
            hub.wake(&mut woken);
        }
        assert!(woken.is_empty(), "all of them wait");
        began.elapsed()
    };
    (0..3).map(time).min().expect("three times")
}

#[test]
fn a_crowd_with_unknown_cursors_is_let_in_in_linear_time() {
    let (few, many) = (time_to_let_in(500), time_to_let_in(10_000));
    assert!(many < few * 100, "{few:?} for 500, {many:?} for 10,000");
}

//! The ledger against a simulated Redis whose stream is added to, trimmed, emptied, and swapped for
//! a replica's that lacks its tail.

use broker::{Finding, Ledger, Survey, ZERO};
use proptest::prelude::*;
use publication::EntryId;

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    /// Entries are added.
    Add(u8),
    /// The oldest go.
    Trim(u8),
    Empty,
    /// A replica that lacks the newest takes over, and so many are added there.
    FailOver {
        lacking: u8,
        added: u8,
    },
    /// So many are read.
    Read(u8),
    Check,
    /// The connection broke and is made anew.
    Reconnect,
}

/// A stream, and all that it ever held and lost.
struct Stream {
    entries: Vec<EntryId>,
    last: EntryId,
    added: u64,
    clock: u64,
    exists: bool,
}

/// A reader as the tail is one.
struct Reader {
    ledger: Ledger,
    /// Entries that were added and can never be read any more, though they came after all that was
    /// read.
    missed: bool,
    told: bool,
    /// There was a cause to tell a gap, whether something was missed or not.
    excused: bool,
    /// All there was has been trimmed: without a count nobody can say what that was.
    bare: bool,
}

impl Stream {
    fn new() -> Self {
        Self { entries: Vec::new(), last: ZERO, added: 0, clock: 1, exists: false }
    }

    fn add(&mut self) {
        self.clock += 1;
        self.last = EntryId { ms: self.clock, seq: 0 };
        self.entries.push(self.last);
        self.added += 1;
        self.exists = true;
    }

    fn survey(&self, counts: bool) -> Option<Survey> {
        self.exists.then(|| Survey {
            last: self.last,
            first: self.entries.first().copied(),
            length: self.entries.len() as u64,
            added: counts.then_some(self.added),
        })
    }
}

impl Reader {
    fn find(&mut self, finding: Finding, stream: &Stream, counts: bool) {
        match finding {
            Finding::Fine => {}
            Finding::Lost(after) => {
                assert!(after <= self.ledger.position() || self.ledger.position() == ZERO);
                self.told = true;
            }
            Finding::Another => {
                // What the stream holds is read back.
                let after = stream.entries.first().map_or(stream.last, |first| first.before());
                self.ledger = Ledger::begin(after, stream.entries.iter().copied(), stream.survey(counts));
                self.told = true;
            }
        }
    }

    fn read(&mut self, stream: &Stream, counts: bool, count: usize) {
        let position = self.ledger.position();
        let unread: Vec<_> = stream.entries.iter().copied().filter(|id| *id > position).take(count).collect();
        for id in unread {
            let finding = self.ledger.read(id);
            self.find(finding, stream, counts);
        }
    }

    fn unread(&self, stream: &Stream) -> usize {
        stream.entries.iter().filter(|id| **id > self.ledger.position()).count()
    }

    fn reconnect(&mut self, stream: &Stream, counts: bool) {
        let found = stream.entries.contains(&self.ledger.position());
        if !found && stream.exists && stream.last != self.ledger.position() {
            // Without its last entry it may be another stream, unless it was just checked.
            self.excused = true;
        }
        let finding = self.ledger.resume(stream.survey(counts), found);
        self.find(finding, stream, counts);
    }
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        6 => (1u8..5).prop_map(Happening::Add),
        2 => (1u8..8).prop_map(Happening::Trim),
        1 => Just(Happening::Empty),
        1 => (0u8..4, 1u8..4).prop_map(|(lacking, added)| Happening::FailOver { lacking, added }),
        5 => (1u8..6).prop_map(Happening::Read),
        4 => Just(Happening::Check),
        1 => Just(Happening::Reconnect),
    ];
    prop::collection::vec(happening, 0..60)
}

/// Plays it all, then reads to the end and checks twice.
fn play(happenings: &[Happening], counts: bool) -> Reader {
    let mut stream = Stream::new();
    let ledger = Ledger::new(ZERO, None);
    let mut reader = Reader { ledger, missed: false, told: false, excused: false, bare: false };
    for happening in happenings {
        match *happening {
            Happening::Add(count) => (0..count).for_each(|_| stream.add()),
            Happening::Trim(count) => {
                let gone = usize::from(count).min(stream.entries.len());
                let position = reader.ledger.position();
                // Of a stream of which nothing was ever seen nobody can say what is gone.
                let missed = stream.entries.drain(..gone).filter(|id| *id > position).count();
                reader.missed |= position > ZERO && missed > 0;
                reader.excused |= missed > 0;
                // An old Redis does not say whether more has gone.
                reader.excused |= !counts;
                reader.bare |= stream.entries.is_empty();
            }
            Happening::Empty => {
                reader.missed |= reader.ledger.position() > ZERO && reader.unread(&stream) > 0;
                reader.excused = true;
                // Of two streams whose counts agree by chance nobody can say that they are two.
                let (clock, added) = (stream.clock + 1, stream.added + 1_000);
                stream = Stream { clock, added, ..Stream::new() };
            }
            Happening::FailOver { lacking, added } => {
                let kept = stream.entries.len().saturating_sub(lacking.into());
                let position = reader.ledger.position();
                let lost = stream.entries.split_off(kept);
                // What nobody ever saw is beyond all notice unless what was seen last has gone with it.
                reader.missed |= lost.contains(&position) && lost.iter().any(|id| *id > position);
                reader.excused |= !lost.is_empty();
                stream.added -= lost.len() as u64;
                stream.last = stream.entries.last().copied().unwrap_or(stream.last.min(position));
                (0..added).for_each(|_| stream.add());
                reader.reconnect(&stream, counts);
            }
            Happening::Read(count) => reader.read(&stream, counts, count.into()),
            Happening::Check => {
                // Between two checks something is read, if there is anything.
                reader.read(&stream, counts, 1);
                let finding = reader.ledger.check(stream.survey(counts));
                reader.find(finding, &stream, counts);
            }
            Happening::Reconnect => reader.reconnect(&stream, counts),
        }
    }
    for _ in 0..2 {
        reader.read(&stream, counts, usize::MAX);
        let finding = reader.ledger.check(stream.survey(counts));
        reader.find(finding, &stream, counts);
    }
    reader
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// What was missed is told, and nothing is told without cause.
    #[test]
    fn on_a_redis_that_counts_a_gap_is_told_if_something_was_missed(happenings in happenings()) {
        let reader = play(&happenings, true);
        prop_assert!(reader.told || !reader.missed, "silent loss");
        prop_assert!(reader.missed || reader.excused || !reader.told, "a gap without cause");
    }

    /// An older Redis that is only added to, read, checked and reconnected to tells no gap.
    #[test]
    fn on_an_older_redis_too_and_nothing_is_told_without_cause(happenings in happenings()) {
        let reader = play(&happenings, false);
        prop_assert!(reader.told || !reader.missed || reader.bare, "silent loss");
        prop_assert!(reader.missed || reader.excused || !reader.told, "a gap without cause");
    }
}

#[test]
fn a_miss_that_a_failover_hides_from_the_count_is_told() {
    use Happening::{Add, Check, FailOver, Read, Trim};
    // One is trimmed before it is read, and one that was read goes with the old primary.
    for added in 1..4 {
        let happenings = [Add(9), Read(6), Trim(7), Check, FailOver { lacking: 2, added }];
        let reader = play(&happenings, true);
        assert!(reader.missed && reader.told);
    }
}

#[test]
fn a_stream_that_has_lost_its_tail_is_begun_anew() {
    let entries: Vec<_> = (1..=10).map(|second| EntryId { ms: 1_000 * second, seq: 0 }).collect();
    let mut ledger = Ledger::new(ZERO, None);
    for id in &entries {
        assert_eq!(ledger.read(*id), Finding::Fine);
    }
    let (first, last) = (Some(entries[0]), entries[6]);
    let left = Survey { last, first, length: 7, added: None };
    assert_eq!(ledger.resume(Some(left), false), Finding::Another);
    assert_eq!(ledger.read(EntryId { ms: 8_000, seq: 1 }), Finding::Another, "its ids may come again");
}

//! Records that are right, and records that are wrong in every way there is.

use super::*;

/// What a test lets happen to a session on channels 0 and 1.
enum Step {
    Open,
    Gap,
    Receive(usize, u32),
    /// Publications on both channels, acknowledged.
    Publish(u32),
    /// One on both that nobody acknowledges.
    Doubtful,
}
use Step::{Doubtful, Gap, Open, Publish, Receive};

fn findings_of(steps: impl IntoIterator<Item = Step>) -> Findings {
    let ledger = Ledger::new(2);
    let mut witness = Witness::new(&[0, 1]);
    for step in steps {
        match step {
            Open => witness.open(&ledger),
            Gap => witness.tell(ToldGap { reason: "trimmed".to_owned(), gateway: "a".to_owned() }),
            Receive(channel, number) => witness.receive(channel, number),
            Publish(count) => {
                for channel in [0, 1].repeat(count as usize) {
                    let number = ledger.begin(channel);
                    ledger.acknowledge(channel, number);
                }
            }
            Doubtful => {
                ledger.begin(0);
                ledger.begin(1);
            }
        }
    }
    let mut findings = Findings::default();
    witness.judge(&ledger, true, &mut findings);
    findings
}

/// Lost silently, lost in gaps, doubled, disordered.
fn check(steps: impl IntoIterator<Item = Step>, expected: [u64; 4]) {
    let found = findings_of(steps);
    assert_eq!(
        [found.lost_silently, found.lost_in_gaps, found.doubled, found.disordered],
        expected,
        "{found:?}"
    );
}

fn both(numbers: impl IntoIterator<Item = u32>) -> Vec<Step> {
    numbers.into_iter().flat_map(|number| [Receive(0, number), Receive(1, number)]).collect()
}

fn session(steps: Vec<Step>) -> Vec<Step> {
    [Open, Publish(5)].into_iter().chain(steps).collect()
}

#[test]
fn a_whole_record_is_clean() {
    check(session(both(0..5)), [0, 0, 0, 0]);
    assert_eq!(findings_of(session(both(0..5))).received, 10);
}

#[test]
fn a_hole_is_a_silent_loss() {
    check(session(both([0, 1, 4])), [4, 0, 0, 0]);
}

#[test]
fn what_was_published_after_the_open_must_come_from_the_first_on() {
    check(session(both(2..5)), [4, 0, 0, 0]);
    check([vec![Publish(2), Open, Publish(3)], both(2..5)].into_iter().flatten(), [0, 0, 0, 0]);
}

#[test]
fn what_was_under_way_at_the_open_may_come() {
    check([vec![Publish(2), Open, Publish(3)], both(1..5)].into_iter().flatten(), [0, 0, 0, 0]);
    check([vec![Publish(2), Open, Publish(3)], both([0, 2, 3, 4])].into_iter().flatten(), [2, 0, 0, 0]);
}

#[test]
fn a_second_open_forgives_nothing() {
    check(session([both(0..2), vec![Open], both(4..5)].into_iter().flatten().collect()), [4, 0, 0, 0]);
}

#[test]
fn a_hole_with_a_gap_told_in_it_is_not_silent() {
    check(session([both(0..2), vec![Gap], both(4..5)].into_iter().flatten().collect()), [0, 4, 0, 0]);
}

#[test]
fn a_gap_told_before_or_after_the_hole_covers_nothing() {
    check(session([both(0..1), vec![Gap], both([1, 4])].into_iter().flatten().collect()), [4, 0, 0, 0]);
    check(session([both([0, 4]), vec![Gap]].into_iter().flatten().collect()), [6, 0, 0, 0]);
}

#[test]
fn what_never_comes_at_the_end_is_lost() {
    check(session(both(0..3)), [4, 0, 0, 0]);
    check(session(vec![]), [10, 0, 0, 0]);
}

#[test]
fn a_session_that_left_has_lost_only_what_it_passed_over() {
    let ledger = Ledger::new(1);
    let mut witness = Witness::new(&[0]);
    witness.open(&ledger);
    for _ in 0..5 {
        let number = ledger.begin(0);
        ledger.acknowledge(0, number);
    }
    witness.receive(0, 0);
    witness.receive(0, 2);
    let mut findings = Findings::default();
    witness.judge(&ledger, false, &mut findings);
    assert_eq!(findings.lost_silently, 1);
}

#[test]
fn a_duplicate_is_one_even_after_a_gap() {
    check(session(both([0, 1, 1, 2, 3, 4])), [0, 0, 2, 0]);
    check(session([both(0..3), vec![Gap], both(2..5)].into_iter().flatten().collect()), [0, 0, 2, 0]);
}

#[test]
fn one_that_comes_late_is_disordered_and_not_lost() {
    check(session(both([0, 2, 1, 3, 4])), [0, 0, 0, 2]);
    check(session(both([0, 4, 2])), [4, 0, 0, 2]);
    check(session(both([0, 2, 1, 1, 3, 4])), [0, 0, 2, 2]);
}

#[test]
fn nobody_counts_on_what_was_not_acknowledged() {
    check([vec![Open, Publish(1), Doubtful, Publish(1)], both([0, 2])].into_iter().flatten(), [0; 4]);
    check([vec![Open, Publish(1), Doubtful, Publish(1)], both(0..3)].into_iter().flatten(), [0; 4]);
    check([vec![Open, Publish(1), Doubtful], both(0..1)].into_iter().flatten(), [0; 4]);
}

#[test]
fn a_foreign_channel_is_noticed() {
    assert_eq!(
        findings_of(session([both(0..5), vec![Receive(7, 0)]].into_iter().flatten().collect())).foreign,
        1
    );
}

#[test]
fn gaps_are_counted_by_reason_and_gateway() {
    let found = findings_of(session([vec![Gap, Gap], both(0..5)].into_iter().flatten().collect()));
    assert_eq!(found.gaps, BTreeMap::from([("trimmed@a".to_owned(), 2)]));
    assert_eq!(found.told(), 2);
}

#[test]
fn a_session_has_all_when_the_newest_of_each_channel_came() {
    let ledger = Ledger::new(2);
    let mut witness = Witness::new(&[0, 1]);
    assert!(witness.has_all(&ledger.newest()));
    witness.open(&ledger);
    let number = ledger.begin(1);
    assert!(witness.has_all(&ledger.newest()));
    ledger.acknowledge(1, number);
    assert!(!witness.has_all(&ledger.newest()));
    witness.receive(1, number);
    assert!(witness.has_all(&ledger.newest()));
}

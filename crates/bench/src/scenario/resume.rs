//! Everybody comes back at once, each from another cursor: how long until all have caught up.

use std::time::Duration;

use crate::Result;
use crate::clock;
use crate::cursor::Cursor;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::session::Subscription;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "resume";
/// Sessions are 1 to this many publications behind, evenly.
pub(super) const DEPTH: u32 = 400;
const WANTED_CHANNEL: u32 = 0;
/// Publications here only make places, so that every session has a cursor of its own.
pub(super) const OTHER_CHANNEL: u32 = 1;
const LIMIT: Duration = Duration::from_secs(120);

/// What it took until all had caught up.
pub(super) struct Figures {
    pub(super) seconds: f64,
    pub(super) frames: f64,
    pub(super) load_busy: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let contenders = lab.present(&[Contender::Fanfare, Contender::Floor]);
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &contenders, |lab, contender| match contender {
        Contender::Floor => write_frames(lab),
        _ => remember_and_catch_up(lab, contender),
    });
    let rows = [
        series
            .against_floor((NAME, "until all have caught up", Unit::Seconds), |figures| figures.seconds)
            .target(Target::AtMost(1.0), None),
        series.against_floor((NAME, "frames a second", Unit::PerSecond), |figures| {
            figures.frames / figures.seconds
        }),
        Row::new(NAME, "generator's core busy", Unit::Share)
            .ours(series.figures(Contender::Fanfare, |figures| figures.load_busy)),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(format!(
        "resume: {} sessions at as many cursors, 1 to {DEPTH} behind, their connecting included; \
         the floor writes as many frames one by one to sessions that are connected",
        lab.scale.sessions,
    ));
    Ok(())
}

/// The gateway, with all of it in memory.
fn remember_and_catch_up(lab: &Lab, contender: Contender) -> Result<Measured<Figures>> {
    let mut trial = Trial::start(lab, contender)?;
    let cursors = publish_and_record(&mut trial)?;
    let figures = catch_up(&mut trial, &cursors)?;
    Ok(Measured { figures, trouble: trial.finish() })
}

/// One session for each cursor, the first of which is the oldest: from the first connect to the
/// last frame that was missed.
pub(super) fn catch_up(trial: &mut Trial<'_>, cursors: &[Cursor]) -> Result<Figures> {
    let sessions = trial.lab.scale.sessions;
    let returning = || cursors.iter().zip(0..sessions);
    let deliveries: u64 = returning().map(|(_, session)| u64::from(behind(session, sessions))).sum();
    let wanted = trial.generator.tally.delivered + deliveries;

    let meter = trial.meter()?;
    let began_nanos = clock::now_nanos();
    trial.generator.subscribe(returning().map(|(cursor, session)| Subscription {
        channels: vec![(WANTED_CHANNEL, DEPTH - behind(session, sessions))],
        after: Some(*cursor),
        bearer: None,
        record: false,
        receive_buffer_bytes: None,
    }));
    trial.generator.run_until_delivered(wanted, LIMIT)?;
    trial.generator.run_until_live(LIMIT)?;
    let seconds = clock::between(began_nanos, trial.generator.tally.last_delivery_nanos);
    let usage = meter.stop()?;
    // Whoever gets something twice gets it soon after; nothing else is expected any more.
    trial.generator.run_for(Duration::from_millis(200))?;
    Ok(Figures { seconds: seconds.as_secs_f64(), frames: deliveries as f64, load_busy: usage.load_busy })
}

/// The floor: as many frames, one by one, to sessions that are there.
fn write_frames(lab: &Lab) -> Result<Measured<Figures>> {
    let sessions = lab.scale.sessions;
    let mut trial = Trial::start(lab, Contender::Floor)?;
    trial.connect((0..sessions).map(|_| Subscription::live(&[WANTED_CHANNEL])))?;
    let publications = DEPTH / 2;
    let plan = trial.ledger.at_once((0..publications).map(|_| WANTED_CHANNEL));
    let deliveries = u64::from(publications) * u64::from(sessions);
    let meter = trial.meter()?;
    let took = trial.deliver_fast(plan, deliveries)?;
    let usage = meter.stop()?;
    Ok(Measured {
        figures: Figures {
            seconds: took.as_secs_f64(),
            frames: deliveries as f64,
            load_busy: usage.load_busy,
        },
        trouble: trial.finish(),
    })
}

/// Fills history and returns a cursor for each session: that of the publication before the
/// first one that it misses.
pub(super) fn publish_and_record(trial: &mut Trial<'_>) -> Result<Vec<Cursor>> {
    let sessions = trial.lab.scale.sessions;
    let mut witness = Subscription::live(&[WANTED_CHANNEL, OTHER_CHANNEL]);
    witness.record = true;
    trial.connect([witness])?;
    let channels = (0..=sessions).map(|place| {
        let is_wanted = place > 0 && behind(place, sessions) < behind(place - 1, sessions);
        if is_wanted { WANTED_CHANNEL } else { OTHER_CHANNEL }
    });
    let plan = trial.ledger.at_once(channels);
    trial.deliver_fast(plan, u64::from(sessions) + 1)?;
    let recorded = std::mem::take(&mut trial.generator.tally.recorded);
    Ok(recorded.into_iter().map(|(_, cursor)| cursor).collect())
}

/// How many wanted publications follow a place: all of them after the first, none after the last.
fn behind(place: u32, sessions: u32) -> u32 {
    DEPTH - place * DEPTH / sessions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_one_to_depth_behind_and_evenly() {
        let sessions = 5_000;
        assert_eq!(behind(0, sessions), DEPTH);
        assert_eq!(behind(sessions - 1, sessions), 1);
        assert_eq!(behind(sessions, sessions), 0);
        let frames: u32 = (0..sessions).map(|session| behind(session, sessions)).sum();
        assert_eq!(frames, 1_002_600);
    }
}

//! Everybody comes back to a gateway whose memory no longer reaches so far: how often it reads back.

use std::fmt;

use super::resume::{DEPTH, OTHER_CHANNEL, catch_up, publish_and_record};
use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured, Peer};
use crate::report::{Row, Unit};
use crate::server::{Contender, SHORT_MEMORY, stream_reads};
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "stream-resume";
/// A crowd may make the gateway read so much more than one session that reads the whole range.
const MAX_READS_RATIO: f64 = 3.0;

#[derive(Clone, Copy, PartialEq)]
enum Case {
    /// All, each at a cursor of its own, beyond memory.
    Crowd,
    /// The one that is farthest behind: it needs each page of the range once.
    Alone,
    /// All, with the whole range in memory.
    Remembered,
}

struct Figures {
    seconds: f64,
    load_busy: f64,
    /// Parts read back, by the gateway's account.
    reads: f64,
    /// XRANGE and XREVRANGE, by the account of Redis.
    commands: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if lab.present(&[Contender::Stream]).is_empty() {
        return Ok(());
    }
    let cases = [Case::Crowd, Case::Alone, Case::Remembered];
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &cases, measure);
    let row = |measure, unit, base, figure: fn(&Figures) -> f64| {
        let mut row = series.row((NAME, measure, unit), Case::Crowd, base, figure);
        row.peers.clear();
        row
    };
    let rows = [
        row("parts read back", Unit::Count, Case::Alone, |figures| figures.reads)
            .target(Target::AtMost(MAX_READS_RATIO), None),
        row("XRANGE and XREVRANGE that Redis saw", Unit::Count, Case::Alone, |figures| figures.commands)
            .target(Target::AtMost(MAX_READS_RATIO), None),
        row("until all have caught up", Unit::Seconds, Case::Remembered, |figures| figures.seconds),
        Row::new(NAME, "generator's core busy", Unit::Share)
            .ours(series.figures(Case::Crowd, |figures| figures.load_busy)),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(format!(
        "stream-resume: {0} sessions at as many cursors among {0} publications, 1 to {DEPTH} of them wanted, \
         on a gateway that has just started and keeps {SHORT_MEMORY}; alone: the oldest cursor only, \
         which needs each page of the range once",
        lab.scale.sessions,
    ));
    Ok(())
}

/// The cursors are those of a gateway that is gone; the one that is measured has just started.
fn measure(lab: &Lab, case: Case) -> Result<Measured<Figures>> {
    let mut trial = Trial::start(lab, Contender::Stream)?;
    let cursors = publish_and_record(&mut trial)?;
    push_out_of_memory(&mut trial)?;
    let trouble = trial.restart(case.contender())?;
    let admin = trial.server.admin.ok_or("the gateway has no admin port")?;

    let (reads, commands) = (stream_reads(admin)?, lab.redis.range_commands()?);
    let returning = if case == Case::Alone { 1 } else { lab.scale.sessions as usize };
    let resumed = catch_up(&mut trial, &cursors[..returning])?;
    let figures = Figures {
        seconds: resumed.seconds,
        load_busy: resumed.load_busy,
        reads: (stream_reads(admin)? - reads) as f64,
        commands: (lab.redis.range_commands()? - commands) as f64,
    };
    let unread = (figures.reads == 0.0) != (case == Case::Remembered);
    let unread = unread.then(|| format!("{} reads back", figures.reads));
    Ok(Measured { figures, trouble: trouble.or(trial.finish()).or(unread) })
}

/// Publishes as much more as a short memory keeps, so that all that is wanted lies beyond it.
fn push_out_of_memory(trial: &mut Trial<'_>) -> Result<()> {
    let plan = trial.ledger.at_once((0..SHORT_MEMORY).map(|_| OTHER_CHANNEL));
    // The session that recorded the cursors hears them.
    trial.deliver_fast(plan, u64::from(SHORT_MEMORY))?;
    Ok(())
}

impl Case {
    fn contender(self) -> Contender {
        match self {
            Case::Crowd | Case::Alone => Contender::ShortMemory,
            Case::Remembered => Contender::Stream,
        }
    }
}

impl Peer for Case {}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Case::Crowd => "beyond memory",
            Case::Alone => "one session",
            Case::Remembered => "in memory",
        })
    }
}

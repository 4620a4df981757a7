//! Polls that bring nothing new: how many a second one core answers, beside nginx with a small file.

use std::fmt;
use std::net::SocketAddrV4;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::http;
use crate::lab::Lab;
use crate::meter::Meter;
use crate::pairs::{self, Measured, Peer};
use crate::report::{Row, Unit};
use crate::server::{Contender, FILE_TARGET, Server};
use crate::stamp::channel_name;
use crate::trial::Trial;
use crate::verdict::Target;
use crate::wrk;

pub(super) const NAME: &str = "polls";
const CHANNEL: u32 = 0;
const WARM_UP: Duration = Duration::from_secs(1);
/// A gateway gives no ETag before it is sure to know what its peers know.
const COMPLETE_LIMIT: Duration = Duration::from_secs(30);
const COMPLETE_PAUSE: Duration = Duration::from_millis(50);

/// Who answers, and what.
#[derive(Clone, Copy, PartialEq)]
enum Case {
    /// The gateway: there is nothing new.
    Unchanged,
    /// The gateway: the latest publication, to somebody who has none.
    Whole,
    /// nginx: the file.
    File,
    /// nginx: the file is unchanged.
    FileUnchanged,
}

struct Figures {
    per_second: f64,
    cpu_micros: f64,
    busy: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if let Some(obstacle) = wrk::obstacle() {
        lab.report.note(format!("{NAME} is skipped: {obstacle}"));
        return Ok(());
    }
    let cases = [Case::Unchanged, Case::File, Case::FileUnchanged, Case::Whole];
    let present: Vec<Case> =
        cases.into_iter().filter(|case| !lab.present(&[case.contender()]).is_empty()).collect();
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &present, measure);
    let row = |measure, unit, figure: fn(&Figures) -> f64| {
        series.row((NAME, measure, unit), Case::Unchanged, Case::File, figure)
    };
    let against_unchanged = (NAME, "answers a second, beside nginx's 304", Unit::PerSecond);
    let rows = [
        row("answers a second", Unit::PerSecond, |figures| figures.per_second)
            .target(Target::AtLeast(0.7), None),
        Row {
            peers: Vec::new(),
            ..series
                .row(against_unchanged, Case::Unchanged, Case::FileUnchanged, |figures| figures.per_second)
        },
        row("CPU per answer", Unit::Micros, |figures| figures.cpu_micros),
        row("server's core busy", Unit::Share, |figures| figures.busy),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(format!(
        "{NAME}: by wrk over 64 connections that stay open; ours answers 304, nginx serves a file of a poll's \
         size"
    ));
    Ok(())
}

fn measure(lab: &Lab, case: Case) -> Result<Measured<Figures>> {
    let mut trial = Trial::start(lab, case.contender())?;
    if case.contender() == Contender::Fanfare {
        let plan = trial.ledger.at_once([CHANNEL]);
        trial.server.steady_door(lab.redis.address).publish(plan).finish()?;
    }
    let server = &trial.server;
    let condition = case.condition(server.public)?;
    case.check(server.public, condition.as_deref())?;
    let url = format!("http://{}{}", server.public, case.target());
    wrk::run(&url, condition.as_deref(), WARM_UP)?;
    let figures = measure_with_wrk(lab, server, &url, condition.as_deref())?;
    case.check(server.public, condition.as_deref())?;
    Ok(Measured { figures, trouble: None })
}

fn measure_with_wrk(lab: &Lab, server: &Server, url: &str, condition: Option<&str>) -> Result<Figures> {
    let meter = Meter::start(server.pid, lab.redis.pid())?;
    let began = Instant::now();
    let answers = wrk::run(url, condition, lab.scale.window())? as f64;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = meter.stop()?.server.total.as_secs_f64();
    Ok(Figures {
        per_second: answers / lab.scale.window().as_secs_f64(),
        cpu_micros: cpu_seconds * 1e6 / answers,
        busy: cpu_seconds / seconds,
    })
}

impl Case {
    fn contender(self) -> Contender {
        match self {
            Case::Unchanged | Case::Whole => Contender::Fanfare,
            Case::File | Case::FileUnchanged => Contender::Nginx,
        }
    }

    fn target(self) -> String {
        match self.contender() {
            Contender::Nginx => FILE_TARGET.to_owned(),
            _ => format!("/events?channel={}&transport=poll", channel_name(CHANNEL)),
        }
    }

    fn wanted_status(self) -> u16 {
        match self {
            Case::Unchanged | Case::FileUnchanged => 304,
            Case::Whole | Case::File => 200,
        }
    }

    /// The header that says what is known already, once the server says by what name.
    fn condition(self, server: SocketAddrV4) -> Result<Option<String>> {
        let deadline = Instant::now() + COMPLETE_LIMIT;
        loop {
            let answer = http::get(server, &self.target(), None)?;
            let etag = answer.header("ETag").map(|etag| String::from_utf8_lossy(etag).into_owned());
            match etag {
                // The publication is on its way until then.
                Some(etag) if !etag.contains("none") => {
                    let is_conditional = self.wanted_status() == 304;
                    return Ok(is_conditional.then(|| format!("If-None-Match: {etag}")));
                }
                _ if Instant::now() > deadline => return Err("there is no ETag".into()),
                _ => thread::sleep(COMPLETE_PAUSE),
            }
        }
    }

    /// wrk does not tell one good status from another.
    fn check(self, server: SocketAddrV4, condition: Option<&str>) -> Result<()> {
        match http::get(server, &self.target(), condition)?.status() {
            status if status == self.wanted_status() => Ok(()),
            status => Err(format!("the answer is {status} and not {}", self.wanted_status()).into()),
        }
    }
}

impl Peer for Case {
    fn is_peer(&self) -> bool {
        self.contender().is_peer()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Case::Unchanged => "fanfare 304",
            Case::Whole => "fanfare 200",
            Case::File => "nginx 200",
            Case::FileUnchanged => "nginx 304",
        })
    }
}

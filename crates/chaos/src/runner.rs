//! Runs scenarios one after the other, each in a process of its own, and collects what came of them.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    Result,
    broker::Broker,
    child::JobProcess,
    interrupt,
    job::{Job, Work},
    options::{Options, SoakOptions},
    outcome::Outcome,
    report::{Report, Row},
    scenario::Scenario,
    soak::{SoakJob, SoakOutcome},
};

/// A soak takes longer than it was asked for: everything starts and ends.
const SOAK_EXTRA: Duration = Duration::from_secs(300);
const SOAK_TEMPLATE: &str = "{elapsed_precise} soak  {msg}";

const TEMPLATE: &str = "{elapsed_precise} {bar:30} {pos}/{len} scenarios  {msg}";
/// The longest scenario takes a minute; one that hangs must not hang us.
const JOB_LIMIT: Duration = Duration::from_secs(240);

/// Runs everything that the options ask for.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let pairs: Vec<(&Scenario, Broker)> = options
        .scenarios()
        .flat_map(|scenario| options.brokers().iter().map(move |&broker| (scenario, broker)))
        .collect();
    let bar = bar(pairs.len(), options.speaks_json())?;
    let mut report = Report::default();
    for (scenario, broker) in pairs {
        if interrupt::is_wanted() {
            break;
        }
        let who = format!("{} on {}", scenario.name, broker.label());
        bar.set_message(who.clone());
        let outcome = run_one(options, scenario, broker, |what| bar.set_message(format!("{who}: {what}")));
        let row = Row::new(scenario, broker, outcome);
        let line = format!("{who}: {}", row.in_words());
        // Where nobody looks at a terminal there is no bar, and the lines are the progress.
        match bar.is_hidden() && !options.speaks_json() {
            true => eprintln!("{line}"),
            false => bar.println(line),
        }
        report.rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report)
}

/// Runs a soak.
pub(crate) fn soak(options: &SoakOptions) -> Result<SoakOutcome> {
    let bar = bar(0, options.json.as_ref().is_some_and(|path| path.as_os_str() == "-"))?;
    bar.set_style(ProgressStyle::with_template(SOAK_TEMPLATE)?);
    let job = SoakJob {
        broker: options.broker,
        sessions: options.size.sessions.unwrap_or(1_000),
        mix: options.transport.clone(),
        rate: options.size.rate,
        seconds: options.minutes * 60.0,
    };
    let limit = Duration::from_secs_f64(job.seconds) + SOAK_EXTRA;
    let outcome = JobProcess::start(&Work::Soak(job))?.finish(limit, |what| bar.set_message(what));
    bar.finish_and_clear();
    outcome
}

fn run_one(
    options: &Options,
    scenario: &Scenario,
    broker: Broker,
    says: impl FnMut(String),
) -> Result<Outcome> {
    let job = Job {
        scenario: scenario.name.to_owned(),
        broker,
        sessions: options.sessions(),
        mix: options.transport.clone(),
        rate: options.size.rate,
        quick: options.quick,
        logs: options.logs.clone(),
    };
    JobProcess::start(&Work::Scenario(job))?.finish(JOB_LIMIT, says)
}

fn bar(length: usize, is_silent: bool) -> Result<ProgressBar> {
    let target = if is_silent { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(length as u64), target);
    bar.set_style(ProgressStyle::with_template(TEMPLATE)?);
    bar.enable_steady_tick(Duration::from_millis(500));
    Ok(bar)
}

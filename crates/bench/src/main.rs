//! The load generator of Fanfare, and the comparison with the floor and with peers.

mod attack;
mod checker;
mod child;
mod client_socket;
mod clock;
mod cores;
mod counter;
mod cursor;
mod descriptors;
mod floor;
mod generator;
mod http;
mod interrupt;
mod lab;
mod meter;
mod options;
mod pairs;
mod plan;
mod poller;
mod progress;
mod publisher;
mod report;
mod scenario;
mod server;
mod session;
mod stamp;
mod statistics;
mod stream;
mod table;
mod tally;
mod transport;
mod trial;
mod usage;
mod verdict;
mod wrk;

use std::process::ExitCode;

use clap::Parser;

use lab::Lab;
use options::{CommandLine, Options, Part};
use report::Report;
use scenario::Scenario;

/// Errors end a benchmark with a sentence; nobody decides on their kind.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let outcome = match &command_line.part {
        Some(Part::Floor(options)) => floor::run(options).map(|()| ExitCode::SUCCESS),
        Some(Part::Count(options)) => counter::run(options).map(|()| ExitCode::SUCCESS),
        None => benchmark(&command_line.options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bench: {error}");
        ExitCode::FAILURE
    })
}

/// Runs the scenarios; fails if any delivery went wrong or any scenario could not be measured.
fn benchmark(options: &Options) -> Result<ExitCode> {
    let wanted: Vec<&Scenario> =
        scenario::ALL.iter().filter(|scenario| options.wants(scenario.name)).collect();
    interrupt::watch()?;
    let pairs = options.scale().pairs;
    let mut lab = Lab::open(options, wanted.len() * pairs)?;
    lab.report.note(format!(
        "ratios are medians of {pairs} pairs; an interval holds the true median with 93 % or more \
         (order statistics, binomial), with fewer than five pairs it is min–max"
    ));
    for scenario in wanted {
        if interrupt::is_wanted() {
            break;
        }
        if let Err(error) = (scenario.run)(&mut lab) {
            lab.trouble(scenario.name, &"bench", true, &error);
        }
    }
    lab.progress.finish();
    publish_report(options, &lab.report)?;
    Ok(if lab.report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The table for people, JSON for programs.
fn publish_report(options: &Options, report: &Report) -> Result<()> {
    if options.speaks_json() {
        println!("{}", serde_json::to_string_pretty(report)?);
        return Ok(());
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(report)?)?;
    }
    print!("{}", table::render(report));
    Ok(())
}

//! Breaks things around two gateways, and checks every session's record with an oracle of its own.

mod broker;
mod child;
mod crowd;
mod interrupt;
mod job;
mod lab;
mod ledger;
mod options;
mod oracle;
mod outcome;
mod publisher;
mod report;
mod runner;
mod scenario;
mod soak;
mod stamp;
mod table;
mod transport;
mod trial;
mod vitals;

use std::{path::Path, process::ExitCode};

use clap::Parser;
use serde::Serialize;

use options::{CommandLine, Options, Part, SoakOptions};

/// Errors end a scenario with a sentence; nobody decides on their kind.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let CommandLine { part, options } = CommandLine::parse();
    let outcome = match &part {
        Some(Part::Job { job }) => job::run(job).map(|()| true),
        Some(Part::Soak(options)) => soak(options),
        None if options.list => {
            print!("{}", table::list());
            Ok(true)
        }
        None => scenarios(&options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the scenarios; true if all is green.
fn scenarios(options: &Options) -> Result<bool> {
    lab::check_programs()?;
    interrupt::watch()?;
    let report = runner::run(options)?;
    publish(options.json.as_deref(), &report, || table::render(&report))?;
    Ok(report.is_green() && !interrupt::is_wanted())
}

/// Runs the soak; true if all is green.
fn soak(options: &SoakOptions) -> Result<bool> {
    lab::check_programs()?;
    interrupt::watch()?;
    let outcome = runner::soak(options)?;
    publish(options.json.as_deref(), &outcome, || table::soak(&outcome))?;
    Ok(outcome.faults().is_empty())
}

/// The table for people, JSON for programs.
fn publish(json: Option<&Path>, report: &impl Serialize, table: impl FnOnce() -> String) -> Result<()> {
    match json {
        Some(path) if path.as_os_str() == "-" => {
            println!("{}", serde_json::to_string_pretty(report)?);
            return Ok(());
        }
        Some(path) => std::fs::write(path, serde_json::to_string_pretty(report)?)?,
        None => {}
    }
    print!("{}", table());
    Ok(())
}

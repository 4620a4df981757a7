//! What each command does.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod doctor;
mod ports;
pub(crate) mod probe;
pub(crate) mod publish;
pub(crate) mod serve;
pub(crate) mod tail;
pub(crate) mod token;
pub(crate) mod watch;

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    cli::{BAD_CONFIG, ConfigOptions},
    config::{self, File, Problem, Settings},
};

/// The settings, or every problem on standard error and the exit code for it.
fn settings(options: &ConfigOptions) -> Result<(File, Settings), ExitCode> {
    config::read(options.config.as_deref()).map_err(|problems| complain(&problems))
}

fn complain(problems: &[Problem]) -> ExitCode {
    eprintln!("fanfare: the configuration is not valid:");
    for problem in problems {
        eprintln!("  {problem}");
    }
    ExitCode::from(BAD_CONFIG)
}

/// Prints a line. Whoever reads it may have had enough.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Runs `work` on a runtime of this thread.
fn run_local(work: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => tokio::task::LocalSet::new().block_on(&runtime, work),
        Err(error) => crate::cli::fail(error),
    }
}

//! `fanfare demo`.

use std::process::ExitCode;

use crate::{
    cli::{ConfigOptions, fail},
    command::serve,
    demo::Demo,
};

/// Runs an uptime dashboard with all that is behind it, until told to stop.
pub(crate) fn run() -> ExitCode {
    let demo = match Demo::new() {
        Ok(demo) => demo,
        Err(error) => return fail(format!("there is no place for the demo: {error}")),
    };
    let options = ConfigOptions { config: Some(demo.config()) };
    serve::run_with(&options, Some(&demo))
}

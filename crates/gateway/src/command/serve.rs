//! `fanfare serve`.

use std::process::ExitCode;

use crate::{
    cli::{BAD_CONFIG, ConfigOptions, fail},
    command, logs,
    serve::{Listeners, serve},
};

/// Reads the configuration, starts logging, listens, and runs until told to stop.
pub(crate) fn run(options: &ConfigOptions) -> ExitCode {
    let (_, settings) = match command::settings(options) {
        Ok(read) => read,
        Err(code) => return code,
    };
    if let Err(error) = logs::start(settings.log_format, &settings.log_level) {
        eprintln!("fanfare: the configuration is not valid:\n  {error}");
        return ExitCode::from(BAD_CONFIG);
    }
    let listeners = match Listeners::bind(&settings) {
        Ok(listeners) => listeners,
        Err(error) => return fail(error),
    };
    command::run_local(async {
        match serve(settings, listeners).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => fail(error),
        }
    })
}

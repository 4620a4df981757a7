//! `fanfare serve`.

use std::process::ExitCode;

use crate::{
    cli::{BAD_CONFIG, ConfigOptions, fail},
    command,
    demo::Demo,
    logs,
    reload::Configured,
    serve::{Listeners, serve},
};

/// Reads the configuration, starts logging, listens, and runs until told to stop.
pub(crate) fn run(options: &ConfigOptions) -> ExitCode {
    run_with(options, None)
}

/// The same, perhaps with a demo that lives in the same process.
pub(crate) fn run_with(options: &ConfigOptions, demo: Option<&Demo>) -> ExitCode {
    let (file, settings) = match command::settings(options) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let filter = match logs::start(settings.log_format, &settings.log_level) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("fanfare: the configuration is not valid:\n  {error}");
            return ExitCode::from(BAD_CONFIG);
        }
    };
    let listeners = match Listeners::bind(&settings) {
        Ok(listeners) => listeners,
        Err(error) => return fail(error),
    };
    let configured = Configured { path: options.config.clone(), file, settings, filter };
    command::run_local(async {
        match serve(configured, listeners, demo).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => fail(error),
        }
    })
}

//! `fanfare watch`.

use std::process::ExitCode;

use crate::{
    cli::{BAD_CONFIG, WatchOptions, fail},
    command, logs,
    watch::Watcher,
};

/// Runs the configured queries until told to stop, or once.
pub(crate) fn run(options: &WatchOptions) -> ExitCode {
    let (_, settings) = match command::settings(&options.config) {
        Ok(read) => read,
        Err(code) => return code,
    };
    if settings.watch.queries.is_empty() {
        eprintln!(
            "fanfare: the configuration is not valid:\n  watch.queries: there are none; write one like\n\n[watch]\n\
             database = \"postgres://user:password@host/name\"\n\n[[watch.queries]]\nname = \"monitors\"\n\
             sql = \"SELECT id, name, up FROM monitors\"\nkey = \"id\"\n"
        );
        return ExitCode::from(BAD_CONFIG);
    }
    let filter = match logs::start(settings.log_format, &settings.log_level) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("fanfare: the configuration is not valid:\n  {error}");
            return ExitCode::from(BAD_CONFIG);
        }
    };
    command::run_local(async {
        let watcher = match Watcher::new(options, settings, filter) {
            Ok(watcher) => watcher,
            Err(error) => return fail(error),
        };
        let done = match options.once {
            true => watcher.run_once().await,
            false => watcher.run().await,
        };
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => fail(error),
        }
    })
}

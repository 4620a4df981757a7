//! `fanfare probe`.

use std::{io, process::ExitCode};

use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use crate::{
    cli::{BAD_CONFIG, ConfigOptions, fail},
    command, logs,
};

/// Looks at the configured targets until told to stop.
pub(crate) fn run(options: &ConfigOptions) -> ExitCode {
    let (_, settings) = match command::settings(options) {
        Ok(read) => read,
        Err(code) => return code,
    };
    if settings.probe.targets.is_empty() {
        eprintln!(
            "fanfare: the configuration is not valid:\n  probe.targets: there are none; write one like\n\n[probe]\n\
             database = \"sqlite:uptime.db?mode=rwc\"\n\n[[probe.targets]]\nid = \"website\"\nurl = \"https://example.com/\"\n"
        );
        return ExitCode::from(BAD_CONFIG);
    }
    if let Err(error) = logs::start(settings.log_format, &settings.log_level) {
        eprintln!("fanfare: the configuration is not valid:\n  {error}");
        return ExitCode::from(BAD_CONFIG);
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        targets = settings.probe.targets.len(),
        "fanfare probe"
    );
    command::run_local(async {
        let stopped = async {
            let mut signals = Signals::new([SIGTERM, SIGINT])?;
            signals.next().await;
            Ok::<(), io::Error>(())
        };
        let probing = async {
            prober::run(&settings.probe).await;
            Ok::<(), io::Error>(())
        };
        let ended = tokio::select! {
            ended = stopped => ended,
            ended = probing => ended,
        };
        ended.map_or_else(fail, |()| ExitCode::SUCCESS)
    })
}

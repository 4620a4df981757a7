//! Logs, to standard error: for people or as JSON.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging. `level` is a level or a filter such as `info,edge=debug`.
///
/// # Errors
/// The filter cannot be read.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| format!("log.level = {level:?}: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_target(false).with_ansi(colours).init();
        }
    }
    Ok(())
}

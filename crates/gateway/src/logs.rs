//! Logs, to standard error: for people or as JSON.

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use crate::config::LogFormat;

/// What is logged, which can change while the gateway runs.
pub(crate) struct Filter(reload::Handle<EnvFilter, Registry>);

impl Filter {
    /// Logs by another level or filter from now on.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn set(&self, level: &str) -> Result<(), String> {
        self.0.reload(parse(level)?).map_err(|error| error.to_string())
    }
}

/// Starts logging. `level` is a level or a filter such as `info,edge=debug`.
///
/// # Errors
/// The filter cannot be read.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<Filter, String> {
    // Only the filter can be reloaded: to reload a layer that has a filter of its own panics.
    let (filter, handle) = reload::Layer::new(parse(level)?);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_target(false).with_ansi(colours).boxed()
        }
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(Filter(handle))
}

fn parse(level: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(level).map_err(|error| format!("log.level = {level:?}: {error}"))
}

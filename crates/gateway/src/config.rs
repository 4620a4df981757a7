//! The configuration: what the user wrote, and what the program needs.

mod access;
mod auth;
mod change;
mod file;
mod load;
mod probe;
mod problem;
mod settings;
mod watch;

pub(crate) use self::{
    change::{Change, without},
    file::File,
    load::load,
    problem::Problem,
    settings::{LogFormat, Settings},
};

/// Reads the configuration and turns it into settings.
///
/// # Errors
/// Every problem that was found.
pub(crate) fn read(path: Option<&std::path::Path>) -> Result<(File, Settings), Vec<Problem>> {
    let file = load(path, variables())?;
    let settings = Settings::new(&file)?;
    Ok((file, settings))
}

/// The environment; what is no text is shown with replacement characters and fails as a value.
fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

//! The configuration: what the user wrote, and what the program needs.

mod file;
mod load;
mod problem;
mod settings;

pub(crate) use self::{
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
    let file = load(path, std::env::vars())?;
    let settings = Settings::new(&file)?;
    Ok((file, settings))
}

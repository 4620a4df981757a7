//! `fanfare check`.

use std::process::ExitCode;

use crate::{
    cli::{ConfigOptions, fail},
    command::{self, say},
    explanation::Explanation,
};

/// Prints the effective configuration, without its secrets, and, as comments, what it opens to whom. What
/// cannot be meant goes to standard error.
pub(crate) fn run(options: &ConfigOptions) -> ExitCode {
    let (mut file, settings) = match command::settings(options) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let (redis, watch) = (&mut file.broker.redis, &mut file.watch);
    let databases = watch
        .queries
        .iter_mut()
        .map(|query| &mut query.database)
        .chain([&mut watch.database, &mut file.probe.database]);
    for url in redis.sentinels.iter_mut().chain([&mut redis.url]).chain(databases) {
        *url = without_password(url);
    }
    let port = &mut file.broker.embedded;
    if !port.password.is_empty() {
        port.password = "***".to_owned();
    }
    let auth = &mut file.auth;
    let secrets = auth.issuers.iter_mut().map(|issuer| &mut issuer.secret).chain([&mut auth.secret]);
    for secret in secrets.filter(|secret| !secret.is_empty()) {
        *secret = "***".to_owned();
    }
    match toml::to_string(&file) {
        Ok(text) => {
            say(text.trim_end());
            let Explanation { lines, warnings } = Explanation::of(&settings.edge);
            say("\n# What is open to whom:");
            lines.iter().for_each(|line| say(format_args!("# - {line}")));
            warnings.iter().for_each(|warning| eprintln!("fanfare: {warning}"));
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

/// A URL whose password, if it has one, is replaced.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:***@{host}")
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_are_hidden_and_all_else_is_kept() {
        let check = |url, expected| assert_eq!(without_password(url), expected);
        check("redis://host:1/2", "redis://host:1/2");
        check("redis://:secret@host", "redis://:***@host");
        check("redis://me:se@cret@host", "redis://me:***@host");
    }
}

//! Whose tokens are accepted, from the file's words.

use std::{fs, sync::Arc};

use edge::Auth;
use identity::{Issuer, Key, Keyring};

use super::{
    access::claims,
    file::{self, Channels},
    problem::Problem,
};
use crate::{ask::AskConfig, client::Server};

/// How the application is asked whom cookies belong to, if it is.
pub(super) fn ask(file: &file::Auth, problems: &mut Vec<Problem>) -> Option<AskConfig> {
    if file.ask.is_empty() {
        return None;
    }
    match Server::parse(&file.ask) {
        Ok(server) => Some(AskConfig {
            server,
            timeout: file.ask_timeout.0,
            cache: file.ask_cache.0,
            max: file.ask_max,
        }),
        Err(reason) => {
            problems.push(Problem::new("auth.ask", None, reason));
            None
        }
    }
}

/// The keys that tokens are checked with, and where tokens are looked for.
pub(super) fn auth(file: &file::Auth, channels: &[Channels], problems: &mut Vec<Problem>) -> Auth {
    let own = file::Issuer {
        secret: file.secret.clone(),
        public_key_file: file.public_key_file.clone(),
        jwks_url: file.jwks_url.clone(),
        issuer: file.issuer.clone(),
        audience: file.audience.clone(),
    };
    let mut issuers = Vec::new();
    if has_key(&own) {
        issuers.push(issuer("auth", &own, problems));
    } else if !own.issuer.is_empty() || !own.audience.is_empty() {
        let reason = "there is no key: set secret, public_key_file or jwks_url too";
        problems.push(Problem::new("auth", None, reason));
    }
    for (index, further) in file.issuers.iter().enumerate() {
        let name = format!("auth.issuers[{index}]");
        if !has_key(further) {
            problems.push(Problem::new(&name, None, "it has no secret, no public_key_file and no jwks_url"));
        }
        issuers.push(issuer(&name, further, problems));
    }
    if issuers.len() > 1 && issuers.iter().any(|issuer| issuer.name.is_none()) {
        let reason = "with several issuers each must say in `issuer` what its tokens have as `iss`";
        problems.push(Problem::new("auth.issuers", None, reason));
    }
    check_cookie(&file.cookie, &file.cookie_path, problems);
    let keyring = Keyring { issuers, leeway: file.leeway.0, claims: claims(channels) };
    let (cookie, cookie_path) = (file.cookie.clone(), file.cookie_path.clone());
    Auth {
        keyring: Arc::new(keyring),
        asks: !file.ask.is_empty(),
        cookie,
        cookie_path,
        query: file.query.clone(),
    }
}

fn has_key(issuer: &file::Issuer) -> bool {
    !(issuer.secret.is_empty() && issuer.public_key_file.is_empty() && issuer.jwks_url.is_empty())
}

fn issuer(name: &str, file: &file::Issuer, problems: &mut Vec<Problem>) -> Issuer {
    let mut keys = Vec::new();
    if !file.secret.is_empty() {
        match Key::secret(file.secret.as_bytes()) {
            Ok(key) => keys.push(key),
            // The secret itself is not shown.
            Err(error) => problems.push(Problem::new(format!("{name}.secret"), None, error)),
        }
    }
    if !file.public_key_file.is_empty() {
        let read = fs::read_to_string(&file.public_key_file).map_err(|error| error.to_string());
        match read.and_then(|text| Key::pem(&text).map_err(|error| error.to_string())) {
            Ok(key) => keys.push(key),
            Err(reason) => {
                let value = Some(format!("{:?}", file.public_key_file));
                problems.push(Problem::new(format!("{name}.public_key_file"), value, reason));
            }
        }
    }
    if let Err(reason) = Server::parse(&file.jwks_url)
        && !file.jwks_url.is_empty()
    {
        problems.push(Problem::new(format!("{name}.jwks_url"), None, reason));
    }
    Issuer {
        url: Some(file.jwks_url.clone()).filter(|url| !url.is_empty()),
        published: Vec::new(),
        name: Some(file.issuer.clone()).filter(|name| !name.is_empty()),
        audience: file.audience.clone(),
        keys,
    }
}

/// A cookie's name is a token of HTTP (RFC 6265, section 4.1.1), and in its path nothing ends it.
fn check_cookie(name: &str, path: &str, problems: &mut Vec<Problem>) {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        let reason = "a cookie's name has letters, digits, `-` and `_`";
        problems.push(Problem::new("auth.cookie", Some(format!("{name:?}")), reason));
    }
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
        let reason = "this is the path to which browsers send the cookie, such as \"/events\"";
        problems.push(Problem::new("auth.cookie_path", Some(format!("{path:?}")), reason));
    }
}

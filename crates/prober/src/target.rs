//! What is looked at.

use std::fmt;

use hyper::http::uri::Uri;
use rustls::pki_types::ServerName;

/// A URL with a name.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is known by for ever: in the database, and in channels.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The URL as it was written.
    pub url: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As it stands in `Host`.
    pub(crate) authority: String,
    pub(crate) path: String,
    /// As whom it must show itself by TLS.
    pub(crate) tls: Option<ServerName<'static>>,
}

/// Why something cannot be looked at.
#[derive(Debug)]
pub struct TargetError(String);

impl Target {
    /// Reads `http[s]://host[:port][/path][?query]`.
    ///
    /// # Errors
    /// The URL is none of that kind, or the id cannot stand in a channel's name.
    pub fn new(id: &str, name: &str, url: &str) -> Result<Self, TargetError> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(TargetError(format!("{id:?}: an id has letters, digits, `-`, `_` and `.`")));
        }
        let wrong = |why: &dyn fmt::Display| TargetError(format!("{url:?}: {why}"));
        let uri: Uri = url.parse().map_err(|error| wrong(&error))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong(&"a URL begins with http:// or https://")),
        };
        let host = uri.host().ok_or_else(|| wrong(&"it names no host"))?;
        let bare = host.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let server = ServerName::try_from(bare.clone()).map_err(|error| wrong(&error))?;
        Ok(Self {
            id: id.to_owned(),
            name: name.to_owned(),
            url: url.to_owned(),
            authority: uri.authority().map_or_else(|| host.to_owned(), ToString::to_string),
            host: bare,
            port,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            tls: is_tls.then_some(server),
        })
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for TargetError {}

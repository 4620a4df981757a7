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
        let authority = uri.authority().map_or(host, |authority| authority.as_str());
        if authority.contains('@') {
            return Err(TargetError(
                "a URL with a user or a password is not looked at: both would be published".to_owned(),
            ));
        }
        let has_port = authority.len() > host.len();
        if has_port && uri.port_u16().is_none() {
            return Err(wrong(&"its port is none"));
        }
        let bare = host.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let server = ServerName::try_from(bare.clone()).map_err(|error| wrong(&error))?;
        Ok(Self {
            id: id.to_owned(),
            name: name.to_owned(),
            url: url.to_owned(),
            authority: authority.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_at_is_refused() {
        assert_eq!(Target::new("a", "A", "https://[::1]/x?y").unwrap().port, 443);
        assert_eq!(Target::new("a", "A", "http://h:81").unwrap().port, 81);
        for url in ["ftp://h/", "h", "http://h:99999/", "http://u:p@h/", ""] {
            assert!(Target::new("a", "A", url).is_err(), "{url}");
        }
        assert!(Target::new("a/b", "A", "http://h/").is_err());
    }
}

//! Who asks, as far as that is known.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hyper::{HeaderMap, header::HOST};
use identity::Identity;

use crate::client::Client;

/// What is known of one who asks for something.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// Why it does not count as from this machine, if so.
    pub(crate) foreign: Option<Foreign>,
    /// What its token proves, if it showed one.
    pub(crate) identity: Option<Arc<Identity>>,
    /// It came by the admin port and may do everything there.
    pub(crate) operates: bool,
}

/// Why a request does not count as one from this machine, although it arrived on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// A proxy brings others' requests, also one that is trusted to say whose.
    Proxied,
    /// A page can make its own name point to 127.0.0.1 (DNS rebinding): such a name has a dot and is none
    /// of localhost's.
    Named,
}

impl Asker {
    /// Whom its token names.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.identity.as_ref()?.subject.as_deref()
    }

    /// How long its token still holds, if not for ever.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let expires = self.identity.as_ref()?.expires?;
        Some(expires.duration_since(SystemTime::now()).unwrap_or_default())
    }
}

impl Foreign {
    /// As it is told.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Proxied => "it came through a proxy",
            Self::Named => "it asks for a name that is not this machine's own",
        }
    }

    /// Whether a request is.
    pub(crate) fn of(client: Client, headers: &HeaderMap) -> Option<Self> {
        if client.proxied {
            return Some(Self::Proxied);
        }
        let host = headers.get(HOST)?.to_str().unwrap_or(".");
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let local =
            !name.contains('.') || name.ends_with(".localhost") || name.parse::<std::net::Ipv4Addr>().is_ok();
        (!local).then_some(Self::Named)
    }
}

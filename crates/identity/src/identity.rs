//! Who somebody is, and what they may.

use std::{sync::Arc, time::SystemTime};

use publication::Pattern;

/// What a token proves of the one who shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Whom it names (`sub`).
    pub subject: Option<Box<str>>,
    /// Its own name (`jti`), by which it can be revoked.
    pub id: Option<Box<str>>,
    /// When it was issued (`iat`), in seconds since 1970.
    pub issued: Option<u64>,
    /// Until when it holds (`exp`), with the leeway that is given; for ever if nothing is said.
    pub expires: Option<SystemTime>,
    /// The channels that it opens.
    pub grants: Grants,
    /// What others are told of its subject: a JSON value.
    pub info: Option<Arc<str>>,
    /// Other claims that are text or whole numbers, as far as they are asked for, by their names.
    pub claims: Texts,
}

/// Names and texts of claims.
pub type Texts = Box<[(Box<str>, Box<str>)]>;

/// What a token opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// To read.
    pub subscribe: Box<[Pattern]>,
    /// To publish to.
    pub publish: Box<[Pattern]>,
    /// Everything, on the admin port.
    pub console: bool,
}

impl Identity {
    /// A claim by its name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.iter().find(|(claim, _)| **claim == *name).map(|(_, value)| &**value)
    }

    /// Whether it no longer holds.
    #[must_use]
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

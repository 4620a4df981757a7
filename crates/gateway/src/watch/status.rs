//! What the watcher's admin port shows.

use std::cell::RefCell;

use prometheus::Registry;

use crate::admin::{self, Shown};

/// How the process is.
pub(super) struct Status {
    registry: Registry,
    state: RefCell<State>,
}

#[derive(PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Active,
    StandingBy,
    Broken(String),
}

impl Status {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, state: RefCell::new(State::Starting) }
    }

    /// Returns whether it was another one before.
    pub(super) fn set(&self, state: State) -> bool {
        let before = self.state.replace(state);
        before != *self.state.borrow()
    }
}

impl Shown for Status {
    fn metrics(&self) -> Vec<u8> {
        admin::encode(&self.registry)
    }

    fn health(&self) -> (bool, String) {
        (true, "it answers\n".to_owned())
    }

    fn readiness(&self) -> (bool, String) {
        match &*self.state.borrow() {
            State::Starting => (false, "starting\n".to_owned()),
            State::Active => (true, "watching\n".to_owned()),
            State::StandingBy => (true, "standing by\n".to_owned()),
            State::Broken(why) => (false, format!("not watching: {why}\n")),
        }
    }
}

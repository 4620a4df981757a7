//! The console, as its page reads it.

use std::{net::SocketAddr, time::Instant};

use serde_json::{Value, json};

use crate::{Gateway, Listener, PATIENCE, http};

/// Somebody who has the console open.
pub struct Operator {
    /// Where.
    pub admin: SocketAddr,
    stream: Listener,
}

impl Operator {
    /// One who opens it now.
    #[must_use]
    pub fn of(gateway: &Gateway) -> Self {
        let admin = gateway.admin();
        Self { admin, stream: Listener::get(admin, "/console/events", None, "1.1") }
    }

    /// Waits until an overview has this.
    ///
    /// # Panics
    /// None has.
    pub fn wait_for<T>(&mut self, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let began = Instant::now();
        let mut last = Value::Null;
        while began.elapsed() < PATIENCE {
            let event = self.stream.next();
            if event.name == "fanfare.overview" {
                last = serde_json::from_str(&event.data).expect("an overview is JSON");
                if let Some(found) = look(&last) {
                    return found;
                }
            }
        }
        last["metrics"] = Value::Null;
        panic!("waited in vain for {what}: {last:#}")
    }

    /// The status of what is answered to a POST.
    #[must_use]
    pub fn post(&self, target: &str) -> u16 {
        http::request(self.admin, "POST", target, &[], b"").status
    }

    /// What has become of what is followed, when it is as it should be.
    ///
    /// # Panics
    /// It never is.
    pub fn trace(&mut self, interest: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        let (kind, name) = interest.split_once(':').expect("a kind");
        assert_eq!(self.post(&format!("/console/follow?{kind}={name}")), 202);
        self.wait_for(interest, |overview| {
            let trace = overview["traces"].as_array()?.iter().find(|trace| trace["interest"] == interest)?;
            is_meant(trace).then(|| trace.clone())
        })
    }

    /// The session of a client that reads this channel alone.
    pub fn session(&mut self, channel: &str) -> Value {
        self.wait_for(channel, |overview| {
            let sessions = overview["sessions"].as_array()?;
            sessions.iter().find(|session| session["channels"] == json!([channel])).cloned()
        })
    }
}

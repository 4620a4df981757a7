//! What is known of a target: how it is, since when, and how it was before.

use std::time::Duration;

use crate::check::Finding;

/// Looks that a line through the latest ones shows.
const RECENT: usize = 60;

/// How a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answers, in time.
    Up,
    /// It answers, and takes long.
    Slow,
    /// It does not answer, or with an error.
    Down,
}

/// What is known of one target. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// How it is; unknown until somebody has looked.
    pub status: Option<Status>,
    /// Since when it is so.
    pub since: i64,
    /// When somebody looked last.
    pub checked_at: i64,
    /// What it answered with.
    pub http_status: Option<u16>,
    /// How long the last answer took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Why it is down.
    pub error: Option<String>,
    /// Until when its certificate holds.
    pub certificate_until: Option<i64>,
    /// How long the latest answers took, the newest last; `None` where there was none.
    pub recent: Vec<Option<f64>>,
    /// How often somebody looked, and how often it was down.
    pub checks: i64,
    /// See `checks`.
    pub failures: i64,
}

/// What a look changes beside the monitor itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It went down, for this reason.
    Fell(String),
    /// It is no longer down.
    Rose,
}

impl Status {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Slow => "slow",
            Self::Down => "down",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Up, Self::Slow, Self::Down].into_iter().find(|status| status.word() == word)
    }
}

impl Monitor {
    pub(crate) fn unknown() -> Self {
        Self {
            status: None,
            since: 0,
            checked_at: 0,
            http_status: None,
            latency_ms: None,
            error: None,
            certificate_until: None,
            recent: Vec::new(),
            checks: 0,
            failures: 0,
        }
    }

    /// Takes what a look has found.
    pub(crate) fn learn(&mut self, finding: &Finding, now: i64, slow_after: Duration) -> Option<Turn> {
        let (http_status, error) = match &finding.answer {
            Ok(status @ ..400) => (Some(*status), None),
            Ok(status) => (Some(*status), Some(format!("answers with {status}"))),
            Err(failure) => (None, Some(failure.to_string())),
        };
        let status = match &error {
            Some(_) => Status::Down,
            None if finding.took > slow_after => Status::Slow,
            None => Status::Up,
        };
        let was_down = self.status == Some(Status::Down);
        if self.status != Some(status) {
            (self.status, self.since) = (Some(status), now);
        }
        let took = http_status.map(|_| (finding.took.as_secs_f64() * 10_000.0).round() / 10.0);
        (self.checked_at, self.http_status, self.latency_ms) = (now, http_status, took);
        self.certificate_until = finding.certificate_until.or(self.certificate_until);
        self.error.clone_from(&error);
        self.recent.push(took.filter(|_| error.is_none()));
        self.recent.drain(..self.recent.len().saturating_sub(RECENT));
        self.checks += 1;
        self.failures += i64::from(error.is_some());
        match (was_down, error) {
            (false, Some(error)) => Some(Turn::Fell(error)),
            (true, None) => Some(Turn::Rose),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Failure;

    #[test]
    fn what_is_found_is_how_it_is_and_since_when() {
        let mut monitor = Monitor::unknown();
        let mut learn = |answer, millis, now| {
            let finding = Finding { answer, took: Duration::from_millis(millis), certificate_until: None };
            let turn = monitor.learn(&finding, now, Duration::from_millis(500));
            (monitor.status.unwrap().word(), monitor.since, turn)
        };
        assert_eq!(learn(Ok(200), 20, 1), ("up", 1, None));
        assert_eq!(learn(Ok(301), 20, 2), ("up", 1, None));
        assert_eq!(learn(Ok(200), 501, 3), ("slow", 3, None));
        let fell = Some(Turn::Fell("answers with 500".to_owned()));
        assert_eq!(learn(Ok(500), 20, 4), ("down", 4, fell));
        assert_eq!(learn(Err(Failure::TimedOut), 5_000, 5), ("down", 4, None));
        assert_eq!(learn(Ok(200), 600, 6), ("slow", 6, Some(Turn::Rose)));
        assert_eq!(monitor.recent, [Some(20.0), Some(20.0), Some(501.0), None, None, Some(600.0)]);
        assert_eq!((monitor.checks, monitor.failures), (6, 2));
    }
}

//! How long a client stays away after a connection that broke.

use std::time::Duration;

/// What a client waits before its second try, on average, where no gateway has said anything.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Doubled with each failure, up to here.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// The failures in a row, and what a gateway has said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    /// Gateways draw what they say anew for each client, so there is nothing to be added to it.
    told: Option<Duration>,
    failures: u32,
}

impl Backoff {
    /// A gateway says how long to stay away, from now on.
    pub(super) fn tell(&mut self, pause: Duration) {
        self.told = Some(pause);
    }

    /// What was said was for one time.
    pub(super) fn forget(&mut self) {
        self.told = None;
    }

    /// A gateway serves this client.
    pub(super) fn succeed(&mut self) {
        self.failures = 0;
    }

    /// The connection has broken: how long to stay away.
    pub(super) fn fail(&mut self) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(8)).min(MAX_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.told.unwrap_or_else(|| jittered(doubled))
    }
}

/// Uniform in 0.5 to 1.5 times, so that clients never act in step.
pub(super) fn jittered(mean: Duration) -> Duration {
    mean.mul_f64(rand::random_range(0.5..1.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_gateway_serves_again() {
        let mut backoff = Backoff::default();
        let longest = (0..20).map(|_| backoff.fail()).max().unwrap();
        assert!(longest > MAX_PAUSE.mul_f64(0.5) && longest <= MAX_PAUSE.mul_f64(1.5), "{longest:?}");
        backoff.succeed();
        assert!(backoff.fail() <= FIRST_PAUSE.mul_f64(1.5));
    }

    #[test]
    fn what_a_gateway_says_holds() {
        let mut backoff = Backoff::default();
        backoff.tell(Duration::from_millis(900));
        assert_eq!([backoff.fail(), backoff.fail()], [Duration::from_millis(900); 2]);
        backoff.forget();
        assert!(backoff.fail() >= FIRST_PAUSE);
    }
}

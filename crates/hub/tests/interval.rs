//! How often something is published, as it is told to those who ask for advice.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hub::{Config, Hub, Selection};
use proptest::prelude::*;
use publication::{Arrival, BeaconId, Draft, Pattern, Publication};

fn selection(patterns: &[&str]) -> Selection {
    Selection::new(patterns.iter().map(|text| Pattern::parse(text).expect("valid")))
}

/// A hub and its clock, which ticks once a second.
struct Clock {
    hub: Hub,
    now: Instant,
}

impl Clock {
    fn new() -> Self {
        let mut hub = Hub::new(Config {
            keep_count: 1_000,
            keep_bytes: usize::MAX,
            keep_for: Duration::MAX,
            keep_channels: 100,
            keep_cursors: Duration::MAX,
        });
        let now = Instant::now();
        hub.append(&Arrival::Beacon(BeaconId { gateway: 1, counter: 0 }), now);
        Self { hub, now }
    }

    fn publish(&mut self, channel: &str) {
        let publication = Publication::new(&Draft { channel, ..Draft::default() }, 0).expect("valid");
        self.hub.append(&Arrival::Publication(Arc::new(publication)), self.now);
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.hub.tick(self.now);
        }
    }

    fn interval(&self, patterns: &[&str]) -> Option<f64> {
        self.hub.interval(&selection(patterns), self.now).map(|interval| interval.as_secs_f64())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Within a second, and within what one more or less of them makes.
    #[test]
    fn a_steady_channel_is_told_its_interval(every in 1u64..120, count in 2u64..100, since in 0u64..120) {
        let mut clock = Clock::new();
        for _ in 0..count {
            clock.pass(every);
            clock.publish("a");
            clock.publish("other");
        }
        clock.pass(since.min(every));
        let judged = count.min(64) as f64;
        let told = clock.interval(&["a"]).unwrap();
        let slack = (every as f64 + 1.0) / judged;
        prop_assert!((told - every as f64).abs() <= slack + 1e-6, "{} for {}", told, every);
        let of_two = clock.interval(&["a", "oth*"]).unwrap();
        prop_assert!(of_two < told, "two channels are published on more often: {} < {}", of_two, told);
    }
}

#[test]
fn one_publication_tells_nothing_and_silence_makes_slower() {
    let mut clock = Clock::new();
    assert_eq!(clock.interval(&["a", "b*"]), None);
    clock.publish("a");
    clock.pass(5);
    assert_eq!(clock.interval(&["a"]), None);
    clock.publish("a");
    clock.pass(1);
    let before = clock.interval(&["a"]).unwrap();
    clock.pass(100);
    assert!(clock.interval(&["a"]).unwrap() > before + 40.0);
}

//! Whether a measurement meets its target.

use std::fmt;

use serde::Serialize;

use crate::statistics::Interval;

/// The generator's core is the limit from this share on.
const CORE_IS_FULL: f64 = 0.95;

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// What came of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The median is within the target.
    Met,
    /// The median is beyond it, but not the whole interval: not missed, not shown.
    Open,
    /// The whole interval is beyond it.
    Missed,
    /// It would be missed, but the core of generator and Redis was full.
    GeneratorLimited,
}

impl Target {
    /// Judges an interval. `load_busy` is how full the generator's core was, where that excuses.
    pub(crate) fn judge(self, interval: Interval, load_busy: Option<f64>) -> Verdict {
        let (median_is_within, best_is_within) = match self {
            Target::AtMost(limit) => (interval.median <= limit, interval.low <= limit),
            Target::AtLeast(limit) => (interval.median >= limit, interval.high >= limit),
        };
        if median_is_within {
            Verdict::Met
        } else if load_busy.is_some_and(|busy| busy >= CORE_IS_FULL) {
            Verdict::GeneratorLimited
        } else if best_is_within {
            Verdict::Open
        } else {
            Verdict::Missed
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Met => "met",
            Verdict::Open => "open",
            Verdict::Missed => "MISSED",
            Verdict::GeneratorLimited => "generator-limited",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(low: f64, median: f64, high: f64) -> Interval {
        Interval { low, median, high }
    }

    #[test]
    fn a_target_is_missed_only_with_the_whole_interval() {
        let target = Target::AtMost(1.1);
        assert_eq!(target.judge(interval(0.9, 1.0, 1.3), None), Verdict::Met);
        assert_eq!(target.judge(interval(1.0, 1.2, 1.3), None), Verdict::Open);
        assert_eq!(target.judge(interval(1.2, 1.2, 1.3), None), Verdict::Missed);
    }

    #[test]
    fn a_full_generator_excuses() {
        let target = Target::AtLeast(20.0);
        let short = interval(10.0, 11.0, 12.0);
        assert_eq!(target.judge(short, Some(0.99)), Verdict::GeneratorLimited);
        assert_eq!(target.judge(short, Some(0.80)), Verdict::Missed);
        let enough = interval(19.0, 21.0, 22.0);
        assert_eq!(target.judge(enough, Some(0.99)), Verdict::Met);
    }
}

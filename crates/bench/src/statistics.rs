//! Medians of repeated measurements, and how far they can be trusted.

use serde::Serialize;

/// Coverage that an interval must have to be narrower than min–max.
const MIN_COVERAGE: f64 = 0.93;

/// A median with its interval: order statistics of the sample, from the binomial distribution.
/// With five values that is min–max, and covers the true median with 93.75 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// The median of a sample; nothing for an empty one.
    pub(crate) fn of(sample: &[f64]) -> Option<Interval> {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let cut = values_to_cut(sorted.len());
        Some(Interval {
            low: sorted[cut],
            median: (sorted[last / 2] + sorted[last.div_ceil(2)]) / 2.0,
            high: sorted[last - cut],
        })
    }
}

/// How many of the lowest and highest values may go while the interval keeps its coverage.
fn values_to_cut(count: usize) -> usize {
    let mut tail = 0.0;
    let mut term = 0.5_f64.powi(count as i32);
    let mut cut = 0;
    for below in 0..count / 2 {
        tail += term;
        if 1.0 - 2.0 * tail < MIN_COVERAGE {
            break;
        }
        cut = below;
        term *= (count - below) as f64 / (below + 1) as f64;
    }
    cut
}

/// The median alone, for figures that are shown and not judged.
pub(crate) fn median(sample: &[f64]) -> Option<f64> {
    Interval::of(sample).map(|interval| interval.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(sample: &[f64]) -> (f64, f64, f64) {
        let interval = Interval::of(sample).expect("not empty");
        (interval.low, interval.median, interval.high)
    }

    #[test]
    fn five_values_or_fewer_give_min_and_max() {
        assert_eq!(interval(&[5.0, 1.0, 4.0, 2.0, 3.0]), (1.0, 3.0, 5.0));
        assert_eq!(interval(&[2.0, 1.0]), (1.0, 1.5, 2.0));
        assert_eq!(interval(&[7.0]), (7.0, 7.0, 7.0));
    }

    #[test]
    fn more_values_give_a_narrower_interval() {
        // Of nine values the second and the eighth hold the median with 96 %.
        let nine: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(interval(&nine), (2.0, 5.0, 8.0));
        // Of eight, cutting one on each side leaves 93 %.
        let eight: Vec<f64> = (1..=8).map(f64::from).collect();
        assert_eq!(interval(&eight), (1.0, 4.5, 8.0));
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(Interval::of(&[]), None);
    }
}

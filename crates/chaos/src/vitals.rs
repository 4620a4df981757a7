//! What gateways use over time, and whether it stays where it is.

use ::tests::Gateway;
use serde::{Deserialize, Serialize};

/// Nothing may grow by more than this share.
const MAX_GROWTH: f64 = 0.05;
/// A course is looked at in so many parts; their medians are compared, because single samples jump
/// with those who are just connecting.
const PARTS: usize = 8;

/// What is looked at, and the metric that says it.
const FIGURES: [(&str, &str); 3] = [
    ("memory", "process_resident_memory_bytes"),
    ("descriptors", "process_open_fds"),
    ("threads", "process_threads"),
];

/// Samples of both gateways.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    /// By gateway, then by figure.
    samples: [[Vec<f64>; FIGURES.len()]; 2],
}

/// How one figure of one gateway went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Course {
    pub(crate) gateway: char,
    pub(crate) figure: String,
    /// The median of each part of the time, in order.
    pub(crate) medians: Vec<f64>,
}

impl Vitals {
    /// Looks at a gateway.
    pub(crate) fn sample(&mut self, index: usize, gateway: &Gateway) {
        for (samples, (_, metric)) in self.samples[index].iter_mut().zip(FIGURES) {
            samples.push(gateway.metric(metric));
        }
    }

    /// The newest sample of the first gateway.
    pub(crate) fn in_words(&self) -> String {
        let word = |((name, _), samples): (&(&str, &str), &Vec<f64>)| {
            format!("{name} {}", show(name, samples.last().copied().unwrap_or_default()))
        };
        FIGURES.iter().zip(&self.samples[0]).map(word).collect::<Vec<_>>().join(", ")
    }

    /// How everything went; nothing if there are too few samples.
    pub(crate) fn courses(&self) -> Vec<Course> {
        let mut courses = Vec::new();
        for (gateway, figures) in ['a', 'b'].into_iter().zip(&self.samples) {
            for ((name, _), samples) in FIGURES.iter().zip(figures) {
                if samples.len() < PARTS {
                    continue;
                }
                let medians = samples.chunks(samples.len() / PARTS).take(PARTS).map(median).collect();
                courses.push(Course { gateway, figure: (*name).to_owned(), medians });
            }
        }
        courses
    }
}

impl Course {
    /// The most that it grew to, as a share of where it began.
    pub(crate) fn growth(&self) -> f64 {
        let first = self.medians.first().copied().unwrap_or_default();
        let most = self.medians.iter().copied().fold(first, f64::max);
        if first > 0.0 { most / first - 1.0 } else { f64::INFINITY }
    }

    /// What is wrong, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        let growth = self.growth();
        let words = || format!("{} of gateway {} grew by {:.1} %", self.figure, self.gateway, growth * 100.0);
        (growth > MAX_GROWTH).then(words)
    }

    /// Its medians as they are shown.
    pub(crate) fn shown(&self) -> String {
        let shown: Vec<String> = self.medians.iter().map(|&value| show(&self.figure, value)).collect();
        shown.join(" ")
    }
}

fn show(figure: &str, value: f64) -> String {
    if figure == "memory" { format!("{:.1} MB", value / 1e6) } else { value.to_string() }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(medians: &[f64]) -> Course {
        Course { gateway: 'a', figure: "threads".to_owned(), medians: medians.to_vec() }
    }

    #[test]
    fn growth_is_a_fault_from_five_percent_on() {
        assert_eq!(course(&[100.0, 90.0, 104.0]).fault(), None);
        assert_eq!(course(&[100.0, 106.0, 100.0]).fault().unwrap(), "threads of gateway a grew by 6.0 %");
    }

    #[test]
    fn what_was_never_seen_is_a_fault() {
        assert!(course(&[]).fault().is_some());
        assert!(course(&[0.0, 0.0]).fault().is_some());
    }

    #[test]
    fn a_jump_within_a_part_is_no_growth() {
        let mut vitals = Vitals::default();
        for round in 0..80 {
            let value = if round % 10 == 3 { 200.0 } else { 100.0 };
            vitals.samples[0].iter_mut().for_each(|samples| samples.push(value));
        }
        let courses = vitals.courses();
        assert_eq!(courses.len(), FIGURES.len());
        assert!(courses.iter().all(|course| course.growth() == 0.0));
    }
}

//! The scoring of the Numenta Anomaly Benchmark, after its published rules: A.
//! Lavin and S. Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the
//! Numenta Anomaly Benchmark", 2015; standard profile.
//!
//! The first 15% of a series, at most 750 readings, are not scored. A detection
//! is a score at or above the threshold. In a window the one that weighs most
//! counts, by a sigmoid that falls from the window's begin to its end; one that
//! is missed costs 1. Each detection outside of windows costs up to 0.11, little
//! right behind a window. The sum is scaled so that a detector which says
//! nothing has 0 and a perfect one 100.

use crate::Series;

const FALSE_POSITIVE: f64 = 0.11;
const MISSED: f64 = 1.0;

/// What a set of series amounts to; add them up, then [`Tally::normalised`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub sum: f64,
    pub windows: f64,
    pub found: f64,
    pub false_positives: f64,
    pub series: f64,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.windows += other.windows;
        self.found += other.found;
        self.false_positives += other.false_positives;
        self.series += other.series;
    }

    /// 0 for a detector that says nothing, 100 for a perfect one. Without any
    /// window: minus the cost per series.
    pub fn normalised(&self) -> f64 {
        if self.windows == 0.0 {
            return self.sum / self.series.max(1.0);
        }
        let null = -MISSED * self.windows;
        100.0 * (self.sum - null) / (self.windows - null)
    }
}

/// How many readings at the begin are not scored.
pub fn probation(readings: usize) -> usize {
    (readings * 15 / 100).min(750)
}

/// Scores one series at one threshold.
pub fn tally(series: &Series, scores: &[f64], threshold: f64) -> Tally {
    let first = probation(series.values.len());
    let best = sigmoid(-1.0);
    let mut found: Vec<Option<f64>> = vec![None; series.windows.len()];
    let mut tally = Tally {
        series: 1.0,
        ..Tally::default()
    };
    let mut window = 0;
    for (at, _) in scores
        .iter()
        .enumerate()
        .skip(first)
        .filter(|(_, s)| **s >= threshold)
    {
        while series.windows.get(window).is_some_and(|(_, end)| *end < at) {
            window += 1;
        }
        match series.windows.get(window) {
            Some(&(begin, end)) if at >= begin => {
                let width = (end - begin + 1) as f64;
                let weight = sigmoid(-((end - at + 1) as f64) / width) / best;
                let found = &mut found[window];
                *found = Some(found.map_or(weight, |other| other.max(weight)));
            }
            _ => {
                let before = window.checked_sub(1).map(|before| series.windows[before]);
                let weight = before.map_or(-1.0, |(begin, end)| {
                    sigmoid((at - end) as f64 / (end - begin).max(1) as f64)
                });
                tally.sum += FALSE_POSITIVE * weight;
                tally.false_positives += 1.0;
            }
        }
    }
    for (&(_, end), found) in series.windows.iter().zip(found) {
        if end < first {
            continue;
        }
        tally.windows += 1.0;
        tally.found += f64::from(u8::from(found.is_some()));
        tally.sum += found.unwrap_or(-MISSED);
    }
    tally
}

/// The benchmark's scaled sigmoid: 0.99 a window's width before its end, 0 at
/// the end, -1 far behind it.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 {
        return -1.0;
    }
    2.0 / (1.0 + (5.0 * position).exp()) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(readings: usize, windows: &[(usize, usize)]) -> Series {
        Series {
            name: String::new(),
            times: (0..readings).map(|at| at as f64).collect(),
            values: vec![0.0; readings],
            windows: windows.to_vec(),
        }
    }

    fn scores(readings: usize, detections: &[usize]) -> Vec<f64> {
        (0..readings)
            .map(|at| f64::from(u8::from(detections.contains(&at))))
            .collect()
    }

    #[track_caller]
    fn check(detections: &[usize], expect: f64) {
        let series = series(1_000, &[(400, 449), (800, 849)]);
        let found = tally(&series, &scores(1_000, detections), 0.5).normalised();
        assert!((found - expect).abs() < 0.01, "{found} is not {expect}");
    }

    #[test]
    fn nothing_is_0_and_everything_at_once_is_100() {
        check(&[], 0.0);
        check(&[400, 800], 100.0);
        // Only the first counts, and what comes early in the series does not.
        check(&[3, 149, 400, 410, 420, 800], 100.0);
    }

    #[test]
    fn weights_are_those_of_the_published_example() {
        // The middle of a window: 2/(1+e^-2.5)-1 = 0.8483, over 0.98661.
        check(&[425, 825], 100.0 * (2.0 + 2.0 * 0.85986) / 4.0);
        // One found at once, one missed.
        check(&[400], 50.0);
        // Before any window a false one costs 0.11 whole: of 4 points.
        check(&[200, 400, 800], 100.0 - 100.0 * 0.11 / 4.0);
        // Far behind a window too.
        check(&[400, 700, 800], 100.0 - 100.0 * 0.11 / 4.0);
        // One reading behind a window of 50 it costs next to nothing:
        // 2/(1+e^(5/49))-1 = -0.05098.
        check(&[400, 450, 800], 100.0 - 100.0 * 0.11 * 0.05098 / 4.0);
    }

    #[test]
    fn a_window_that_ends_in_probation_does_not_count() {
        let series = series(10_000, &[(100, 700), (5_000, 5_100)]);
        let tally = tally(&series, &scores(10_000, &[5_000]), 0.5);
        assert_eq!((tally.windows, tally.normalised()), (1.0, 100.0));
        assert_eq!((probation(10_000), probation(1_000)), (750, 150));
    }
}

//! The kind `multivariate`: do several sensors of a device still move together as
//! usual, though each by itself looks normal?
//!
//! Vectors of all sensors are standardised, and their covariance, exponentially
//! weighted, is split into principal components. Those that explain most of it
//! are the pattern; two distances are taken from it, each divided by what chance
//! would exceed in one of a thousand normal vectors: Hotelling's T², how far out
//! a vector is within the pattern, and Q, how far beside it (J. E. Jackson,
//! G. S. Mudholkar, "Control procedures for residuals associated with principal
//! component analysis", 1979; the limit of Q after G. E. P. Box, 1954; online
//! after W. Li et al., "Recursive PCA for adaptive process monitoring", 2000).
//! The score is the larger of both. The further a vector is beyond its limit,
//! the less it teaches.
//!
//! Some 1,180 bytes per device, whatever the number of sensors, up to 8. The
//! components are recomputed once in 32 vectors.

#![expect(clippy::needless_range_loop, reason = "the formulas use indexes")]

use serde::{Deserialize, Serialize};
use weir_config::Multivariate;
use weir_model::{Short, Side, Why};

use crate::conclusion::Conclusion;
use crate::inspect::fact::{Fact, count, number, scores, text, time};
use crate::kind::{Kind, Stage};

/// No function has more sensors.
pub(crate) const MAX_SENSORS: usize = 8;
/// The components are recomputed after so many vectors.
const EVERY: u32 = 32;
/// Vectors that are remembered, more or less.
const LONGEST: f64 = 5_000.0;
/// Normal deviations that one of a thousand exceeds.
const RARE: f64 = 3.09;

type Vector = [f64; MAX_SENSORS];
type Matrix = [Vector; MAX_SENSORS];

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    seen: u32,
    mean: Vector,
    covariance: Matrix,
    /// The components, one per row, by falling variance.
    components: Matrix,
    variances: Vector,
    /// How many of them are the pattern; 0 until they are computed.
    pattern: u8,
    /// Of the last vector, nanoseconds.
    pub(crate) time: Option<i64>,
}

impl Kind for Multivariate {
    type Memory = Memory;

    /// On the sensors of a device together: [`step`] gets a vector.
    const STAGE: Stage = Stage::Device;

    fn empty(&self) -> Memory {
        Memory::default()
    }

    fn settings(&self) -> Vec<Fact> {
        [
            text("sensors", self.sensors.join(", ")),
            count("warmup", self.warmup),
            number("explained", self.explained),
        ]
        .into_iter()
        .chain(scores(&self.scores))
        .collect()
    }

    /// Mean and deviation of each sensor, and how many components are the pattern.
    fn facts(&self, memory: &Memory) -> Vec<Fact> {
        let sensors = self.sensors.iter().take(MAX_SENSORS).enumerate();
        let usual = sensors.map(|(at, sensor)| {
            let (mean, deviation) = (Short(memory.mean[at]), Short(memory.deviation(at)));
            format!("{sensor} {mean} ± {deviation}")
        });
        let usual: Vec<String> = usual.collect();
        [
            count("vectors", memory.seen),
            text("usual", usual.join(", ")),
            count("components_in_pattern", memory.pattern),
        ]
        .into_iter()
        .chain(memory.time.and_then(|last| time("last", last)))
        .collect()
    }

    fn shape(&self) -> String {
        format!("{:?}", self.sensors)
    }

    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }
}

/// Concludes from the values of all sensors.
pub(crate) fn step(memory: &mut Memory, settings: &Multivariate, values: &[f64]) -> Conclusion {
    let count = values.len().min(MAX_SENSORS);
    let values = &values[..count];
    let learnt = memory.seen >= settings.warmup;
    if learnt && (memory.pattern == 0 || memory.seen.is_multiple_of(EVERY)) {
        memory.compute(count, settings.explained);
    }
    let conclusion = if learnt {
        let (t2, q) = memory.distances(values);
        let why = Why::Together { t2, q };
        Conclusion::scored(t2.max(q), Side::High, &settings.scores, why)
    } else {
        Conclusion::learning(f64::from(memory.seen), f64::from(settings.warmup))
    };
    memory.learn(values, conclusion.score);
    conclusion
}

impl Memory {
    fn learn(&mut self, values: &[f64], score: f64) {
        let weight = 1.0 / (f64::from(self.seen) + 1.0).min(LONGEST);
        let weight = if score > 1.0 {
            weight / (score * score)
        } else {
            weight
        };
        let mut apart = [0.0; MAX_SENSORS];
        for ((apart, mean), value) in apart.iter_mut().zip(&self.mean).zip(values) {
            *apart = value - mean;
        }
        let mut next = self.clone_moments();
        for row in 0..values.len() {
            next.0[row] += weight * apart[row];
            for column in 0..values.len() {
                let grown = self.covariance[row][column] + weight * apart[row] * apart[column];
                next.1[row][column] = (1.0 - weight) * grown;
            }
        }
        let finite = next
            .0
            .iter()
            .chain(next.1.as_flattened())
            .all(|x| x.is_finite());
        if finite {
            (self.mean, self.covariance) = next;
        }
        self.seen = self.seen.saturating_add(1);
    }

    fn clone_moments(&self) -> (Vector, Matrix) {
        (self.mean, self.covariance)
    }

    /// The standard deviation of a sensor, never 0.
    fn deviation(&self, sensor: usize) -> f64 {
        let deviation = self.covariance[sensor][sensor].max(0.0).sqrt();
        if deviation > 0.0 {
            deviation
        } else {
            (self.mean[sensor].abs() / 1_000.0).max(1e-9)
        }
    }

    fn compute(&mut self, count: usize, explained: f64) {
        let mut correlation = [[0.0; MAX_SENSORS]; MAX_SENSORS];
        for row in 0..count {
            for column in 0..count {
                let scale = self.deviation(row) * self.deviation(column);
                correlation[row][column] = self.covariance[row][column] / scale;
            }
        }
        let (variances, components) = eigen(correlation, count);
        self.variances = variances;
        self.components = components;
        let total: f64 = variances[..count].iter().sum();
        let mut sum = 0.0;
        self.pattern = 1;
        for (nth, variance) in (1_u8..).zip(&variances[..count]) {
            self.pattern = nth;
            sum += variance;
            if sum >= explained * total {
                break;
            }
        }
    }

    /// T² and Q, each divided by its limit.
    fn distances(&self, values: &[f64]) -> (f64, f64) {
        let count = values.len();
        let mut standard = [0.0; MAX_SENSORS];
        for (sensor, value) in values.iter().enumerate() {
            standard[sensor] = (value - self.mean[sensor]) / self.deviation(sensor);
        }
        let pattern = usize::from(self.pattern).min(count);
        let (mut t2, mut q, mut rest, mut rest2) = (0.0, 0.0, 0.0, 0.0);
        for component in 0..count {
            let along: f64 = (0..count)
                .map(|sensor| self.components[component][sensor] * standard[sensor])
                .sum();
            // What has no variance at all is rounding, and any of it is news.
            let variance = self.variances[component].max(1e-4);
            if component < pattern {
                t2 += along * along / variance;
            } else {
                q += along * along;
                rest += variance;
                rest2 += variance * variance;
            }
        }
        let t2 = t2 / chi_square(pattern as f64);
        if rest == 0.0 {
            return (t2, 0.0);
        }
        let q = q / (rest2 / rest * chi_square(rest * rest / rest2));
        (t2, q)
    }
}

/// What a χ² of so many degrees exceeds once in a thousand times (E. B. Wilson,
/// M. M. Hilferty, 1931).
fn chi_square(degrees: f64) -> f64 {
    let part = 2.0 / (9.0 * degrees.max(1.0));
    degrees.max(1.0) * (1.0 - part + RARE * part.sqrt()).powi(3)
}

/// Eigenvalues and eigenvectors (rows) of a symmetric matrix by cyclic Jacobi
/// rotations (C. G. J. Jacobi, 1846), by falling eigenvalue.
fn eigen(mut matrix: Matrix, count: usize) -> (Vector, Matrix) {
    let mut vectors = [[0.0; MAX_SENSORS]; MAX_SENSORS];
    for (nth, row) in vectors.iter_mut().enumerate() {
        row[nth] = 1.0;
    }
    for _ in 0..16 {
        let mut off = 0.0;
        for p in 0..count {
            for q in p + 1..count {
                off += matrix[p][q] * matrix[p][q];
                rotate(&mut matrix, &mut vectors, count, p, q);
            }
        }
        if off < 1e-18 {
            break;
        }
    }
    let mut order: [usize; MAX_SENSORS] = std::array::from_fn(|nth| nth);
    order[..count].sort_by(|a, b| matrix[*b][*b].total_cmp(&matrix[*a][*a]));
    let values = order.map(|at| matrix[at][at].max(0.0));
    (values, order.map(|at| vectors[at]))
}

/// Makes the element (p, q) zero.
fn rotate(matrix: &mut Matrix, vectors: &mut Matrix, count: usize, p: usize, q: usize) {
    let element = matrix[p][q];
    if element == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * element);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for k in 0..count {
        let (kp, kq) = (matrix[k][p], matrix[k][q]);
        matrix[k][p] = cosine * kp - sine * kq;
        matrix[k][q] = sine * kp + cosine * kq;
    }
    for k in 0..count {
        let (pk, qk) = (matrix[p][k], matrix[q][k]);
        matrix[p][k] = cosine * pk - sine * qk;
        matrix[q][k] = sine * pk + cosine * qk;
        let (pk, qk) = (vectors[p][k], vectors[q][k]);
        vectors[p][k] = cosine * pk - sine * qk;
        vectors[q][k] = sine * pk + cosine * qk;
    }
}

#[cfg(test)]
mod tests;

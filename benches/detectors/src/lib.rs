//! What the benches of detectors share: labelled series, where they come from,
//! and the scoring of the Numenta Anomaly Benchmark (NAB).
//!
//! Everything here is deterministic: generated series come from seeds.

pub mod augment;
pub mod demo;
pub mod families;
pub mod nab;
pub mod noise;
pub mod plots;
pub mod score;

/// A series with what is unusual in it.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    /// Seconds since the epoch.
    pub times: Vec<f64>,
    pub values: Vec<f64>,
    /// First and last reading of each window in which to find something.
    pub windows: Vec<(usize, usize)>,
}

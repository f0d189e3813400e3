//! How much a test of faults does: a few seconds' worth in `cargo xtask test`,
//! as much as `cargo xtask faults` asks for by environment.

use std::env;
use std::str::FromStr;
use std::time::Duration;

/// The long form of the tests of faults.
const LONG: &str = "WEIR_FAULTS_LONG";
const RUNS: &str = "WEIR_FAULTS_RUNS";
const SEED: &str = "WEIR_FAULTS_SEED";
const SOAK: &str = "WEIR_FAULTS_SOAK_SECONDS";

/// `short`, or `long` when `cargo xtask faults` runs the test.
pub fn effort<T>(short: T, long: T) -> T {
    if env::var_os(LONG).is_some() {
        long
    } else {
        short
    }
}

/// How many seeded kill runs.
pub fn kill_runs() -> u64 {
    number(RUNS).unwrap_or(4)
}

/// The first seed.
pub fn first_seed() -> u64 {
    number(SEED).unwrap_or(1)
}

/// How long the soak lasts.
pub fn soak_duration() -> Duration {
    Duration::from_secs(number(SOAK).unwrap_or(12))
}

#[track_caller]
fn number<T: FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    let number = text.parse().ok();
    Some(number.unwrap_or_else(|| panic!("{variable}={text} is no number")))
}

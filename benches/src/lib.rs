//! Comparisons side by side, in one run, on one machine: `cargo xtask bench`.
//!
//! Each side is a process of its own, so that its CPU time can be read. The load
//! is another process and is not counted. The sides take turns in rounds, and
//! medians are compared: if the machine gets slower, it does so for all sides.

mod cpu;
mod events;

pub use cpu::{CpuMeter, cpu_time};
pub use events::{DEVICES, publish_packets};

/// The middle one, or the mean of the middle two. `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values.get(middle).copied();
    }
    Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_ignores_the_order_and_the_extremes() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 900.0]), Some(3.0));
    }
}

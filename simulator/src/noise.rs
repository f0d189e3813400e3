//! Randomness as a function of seed and time, so that a value does not depend
//! on which values were asked for before it.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit
/// reaches every output bit.
pub(crate) const fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// -1 to 1, uniform over seeds.
pub(crate) fn unit(seed: u64) -> f64 {
    // 53 bits fill a double's mantissa.
    let fraction = (mix(seed) >> 11) as f64 / (1_u64 << 53) as f64;
    2.0 * fraction - 1.0
}

/// -1 to 1: another value every millisecond.
pub(crate) fn white(seed: u64, t_ms: i64) -> f64 {
    unit(seed ^ mix(t_ms.cast_unsigned()))
}

/// -1 to 1: smooth, with a new direction every `period_ms`.
pub(crate) fn wander(seed: u64, t_ms: i64, period_ms: i64) -> f64 {
    let knot = t_ms.div_euclid(period_ms).cast_unsigned();
    let x = t_ms.rem_euclid(period_ms) as f64 / period_ms as f64;
    let a = unit(seed.wrapping_add(knot));
    let b = unit(seed.wrapping_add(knot.wrapping_add(1)));
    a + (b - a) * smooth(x)
}

/// 0 to 1 with level ends, over 0 to 1.
pub(crate) fn smooth(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn noise_keeps_its_bounds(seed in any::<u64>(), t in any::<i64>(), period in 1..i64::MAX) {
            prop_assert!((-1.0..=1.0).contains(&white(seed, t)));
            prop_assert!((-1.0..=1.0).contains(&wander(seed, t, period)));
        }
    }

    #[test]
    fn wander_has_no_jumps() {
        let values: Vec<f64> = (-50_000..50_000).map(|t| wander(7, t, 10_000)).collect();
        let step = values
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f64::max);
        assert!(step < 0.001, "{step}");
    }
}

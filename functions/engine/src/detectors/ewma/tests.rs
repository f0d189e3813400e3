use std::time::Duration;

use weir_config::Scores;
use weir_model::Severity;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn settings() -> Ewma {
    Ewma {
        half_life: Duration::from_secs(10),
        warmup: 4,
        min_spread: 0.0,
        scores: Scores {
            warning: Some(4.0),
            critical: Some(8.0),
            ..Scores::default()
        },
    }
}

#[test]
fn mean_and_deviation_are_those_worked_out_by_hand() {
    let mut memory = Memory::default();
    let mut feed = |second: i64, value: f64| step(&mut memory, &settings(), second * SECOND, value);
    // Plain mean of 1, 3, 1, 3 is 2, and the variance 1: 1/n weighs more than
    // 1 - 2^(-1/10) = 0.067 does.
    for (second, value) in [(0, 1.0), (1, 3.0), (2, 1.0), (3, 3.0)] {
        assert!(feed(second, value).score.is_nan());
    }
    let fifth = feed(4, 7.0);
    // Half the smallest step, 1, is as much as the deviation.
    assert_eq!(fifth.score, 5.0);
    assert_eq!(
        fifth.why,
        Why::Deviation {
            usual: 2.0,
            spread: 1.0
        }
    );
    assert_eq!(fifth.level, Some(Severity::Warning));
    // It counts as 6, four deviations out, and weighs 1/5: mean 2.8.
    let sixth = feed(5, 2.8);
    assert!(sixth.score.abs() < 1e-12, "{sixth:?}");
    let Why::Deviation { spread, .. } = sixth.why else {
        panic!("{sixth:?}")
    };
    // (1 - 1/5) * (1 + 4 * 0.8) = 3.36
    assert!((spread - 3.36_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn a_series_that_never_moved_is_not_alarmed_by_its_last_digit_twice() {
    let mut memory = Memory::default();
    let mut worst = 0.0_f64;
    for second in 0..200 {
        let value = if second % 7 == 3 { 20.1 } else { 20.0 };
        let score = step(&mut memory, &settings(), second * SECOND, value).score;
        worst = worst.max(if score.is_nan() { 0.0 } else { score });
    }
    assert!(worst < 4.0, "{worst}");
}

#[test]
fn a_new_level_is_learnt() {
    let mut memory = Memory::default();
    let mut levels = Vec::new();
    for second in 0..200_i64 {
        let level = if second < 60 { 10.0 } else { 20.0 };
        let value = level + (second % 3) as f64;
        levels.push(step(&mut memory, &settings(), second * SECOND, value).level);
    }
    assert!(levels[..60].iter().all(Option::is_none));
    assert!(levels[60].is_some());
    assert!(levels[150..].iter().all(Option::is_none));
}

use weir_config::Scores;
use weir_model::Severity;

use super::*;

fn settings() -> Cusum {
    Cusum {
        drift: 0.5,
        warmup: 4,
        min_spread: 0.0,
        scores: Scores {
            warning: Some(6.0),
            ..Scores::default()
        },
    }
}

#[test]
fn the_sums_are_those_worked_out_by_hand() {
    let settings = settings();
    let mut memory = Memory::default();
    let mut feed = |value: f64| step(&mut memory, &settings, value);
    for value in [9.0, 11.0, 9.0, 11.0] {
        assert!(feed(value).score.is_nan());
    }
    // Mean 10, variance 4/3, deviation 1.1547; (12 - 10) * √(3/4) / 1.1547 = 1.5.
    let found = feed(12.0);
    assert!((found.score - 1.0).abs() < 1e-6, "{found:?}");
    // Mean 10.4, variance (4 + 3.2) / 4 = 1.8: (13 - 10.4) * √(4/5) / 1.3416 = 1.7333.
    let found = feed(13.0);
    assert!(
        (found.score - (1.0 + 1.73333 - 0.5)).abs() < 1e-4,
        "{found:?}"
    );
    assert_eq!((found.level, found.side), (None, Side::High));
}

#[test]
fn a_level_that_moves_by_one_deviation_is_found_and_then_is_the_level() {
    let mut settings = settings();
    settings.warmup = 20;
    let mut memory = Memory::default();
    let noise = |nth: usize| [-1.0, 0.5, 1.2, -0.4, 0.1, -1.1, 0.9, -0.2][nth * 5 % 8];
    let mut levels = Vec::new();
    for nth in 0..400 {
        let level = if nth < 200 { 50.0 } else { 51.2 };
        let found = step(&mut memory, &settings, level + noise(nth));
        if found.level.is_some() && levels.last() == Some(&None) {
            let Why::Shift { from, to, .. } = found.why else {
                panic!("{found:?}")
            };
            assert!((from - 50.1).abs() < 0.3 && to > from + 0.5, "{found:?}");
        }
        levels.push(found.level);
    }
    let first = levels.iter().position(Option::is_some).unwrap();
    assert!((201..230).contains(&first), "{first}");
    // While the new level is learnt, and no longer.
    let raised = levels.iter().filter(|level| level.is_some()).count();
    assert_eq!(raised, 20);
    assert_eq!(levels[first], Some(Severity::Warning));
}

#[test]
fn one_spike_is_no_level() {
    let settings = Cusum {
        warmup: 20,
        ..settings()
    };
    let mut memory = Memory::default();
    for nth in 0..100 {
        let value = if nth == 50 { 1e6 } else { (nth % 3) as f64 };
        let found = step(&mut memory, &settings, value);
        assert_eq!(found.level, None, "{nth} {found:?}");
    }
}

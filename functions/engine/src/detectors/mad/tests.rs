use proptest::prelude::*;
use weir_config::Scores;
use weir_model::Severity;

use super::*;

fn settings(window: u16) -> Mad {
    Mad {
        window,
        warmup: window,
        min_spread: 0.0,
        scores: Scores {
            warning: Some(5.0),
            ..Scores::default()
        },
    }
}

#[test]
fn median_and_deviation_are_those_worked_out_by_hand() {
    let settings = settings(5);
    let mut memory = Memory::new(&settings);
    for value in [1.0, 2.0, 6.0, 3.0, 4.0] {
        assert!(step(&mut memory, &settings, value).score.is_nan());
    }
    // Median 3, distances 0 1 1 2 3: median distance 1.
    let found = step(&mut memory, &settings, 9.0);
    assert!(
        (found.score - 6.0 / MAD_TO_SIGMA).abs() < 1e-12,
        "{found:?}"
    );
    assert_eq!(found.level, None);
    // Now 2 6 3 4 9: median 4, distances 0 1 2 2 5: 2.
    let found = step(&mut memory, &settings, -14.0);
    assert!(
        (found.score - 9.0 / MAD_TO_SIGMA).abs() < 1e-12,
        "{found:?}"
    );
    assert_eq!(
        (found.level, found.side),
        (Some(Severity::Warning), Side::Low)
    );
}

#[test]
fn outliers_do_not_hide_each_other() {
    let settings = settings(11);
    let mut memory = Memory::new(&settings);
    let mut scores = Vec::new();
    for (nth, value) in (0..40).zip([10.0, 11.0, 10.5, 11.5].into_iter().cycle()) {
        let value = if nth >= 20 && nth % 3 == 0 {
            100.0
        } else {
            value
        };
        scores.push((value, step(&mut memory, &settings, value).score));
    }
    for (value, score) in &scores[20..] {
        assert_eq!(*value == 100.0, *score > 5.0, "{value}: {score}");
    }
}

#[test]
fn a_window_of_equals_is_judged_by_its_few_others() {
    let mut sorted = vec![5.0; 9];
    sorted.push(6.0);
    assert_eq!(median(&sorted), 5.0);
    assert!((spread(&sorted, 5.0) - MEAN_TO_SIGMA * 0.1).abs() < 1e-12);
    assert_eq!(spread(&[5.0; 4], 5.0), 0.0);
}

proptest! {
    #[test]
    fn the_window_is_the_last_values_and_sorted(
        values in prop::collection::vec(prop_oneof![(-5i8..5).prop_map(f64::from), -1e9..1e9], 1..60),
        window in 2_u16..12,
    ) {
        let settings = settings(window);
        let mut memory = Memory::new(&settings);
        for (nth, value) in values.iter().enumerate() {
            step(&mut memory, &settings, *value);
            let first = (nth + 1).saturating_sub(usize::from(window));
            let mut expect = values[first..=nth].to_vec();
            expect.sort_by(f64::total_cmp);
            prop_assert_eq!(&memory.sorted, &expect);
            let middle = median(&expect);
            let mut distances: Vec<f64> = expect.iter().map(|x| (x - middle).abs()).collect();
            distances.sort_by(f64::total_cmp);
            prop_assert_eq!(median_deviation(&expect, middle), distances[distances.len() / 2]);
            let (room, again) = (memory.window.capacity(), memory.clone().restored(&settings));
            prop_assert_eq!(again.as_ref(), Some(&memory));
            prop_assert_eq!(room, usize::from(window), "nothing is allocated per reading");
        }
    }
}

use weir_config::Scores;

use super::*;

fn settings() -> Multivariate {
    Multivariate {
        sensors: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        output: "together".to_owned(),
        warmup: 200,
        explained: 0.9,
        max_age: std::time::Duration::from_secs(60),
        scores: Scores {
            warning: Some(3.0),
            ..Scores::default()
        },
    }
}

/// Of a sum of twelve even numbers: nearly normal, mean 0, deviation 1.
fn noise(state: &mut u64) -> f64 {
    let mut sum = -6.0;
    for _ in 0..12 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        sum += (*state >> 11) as f64 / (1_u64 << 53) as f64;
    }
    sum
}

#[test]
fn eigenvalues_are_those_worked_out_by_hand() {
    let mut matrix = [[0.0; MAX_SENSORS]; MAX_SENSORS];
    (matrix[0][0], matrix[1][1]) = (1.0, 1.0);
    (matrix[0][1], matrix[1][0]) = (0.5, 0.5);
    let (values, vectors) = eigen(matrix, 2);
    assert!((values[0] - 1.5).abs() < 1e-12 && (values[1] - 0.5).abs() < 1e-12);
    let half = 0.5_f64.sqrt();
    assert!((vectors[0][0].abs() - half).abs() < 1e-12);
    assert!(
        (vectors[0][0] - vectors[0][1]).abs() < 1e-12,
        "the diagonal"
    );
    // The tables say 10.83 and 20.52.
    assert!((chi_square(1.0) - 10.83).abs() < 0.4, "{}", chi_square(1.0));
    assert!((chi_square(5.0) - 20.52).abs() < 0.3, "{}", chi_square(5.0));
}

#[test]
fn sensors_that_part_are_found_though_each_is_in_its_range() {
    let settings = settings();
    let (mut memory, mut state, mut alarms) = (Memory::default(), 7, 0);
    for _ in 0..5_000 {
        let load = noise(&mut state);
        let values = [
            50.0 + 10.0 * load + noise(&mut state),
            3.0 + load + 0.1 * noise(&mut state),
            20.0 - 4.0 * load + 0.4 * noise(&mut state),
        ];
        let found = step(&mut memory, &settings, &values);
        alarms += u32::from(found.level.is_some());
    }
    assert_eq!(alarms, 0);
    // Each value is usual; that the third does not follow the others is not.
    let found = step(&mut memory, &settings, &[60.0, 4.0, 24.0]);
    assert!(found.level.is_some(), "{found:?}");
    let Why::Together { t2, q } = found.why else {
        panic!("{found:?}")
    };
    assert!(q > t2 && t2 < 1.0, "{found:?}");
    // All three together, further than ever.
    let found = step(&mut memory, &settings, &[130.0, 11.0, -12.0]);
    let Why::Together { t2, q } = found.why else {
        panic!("{found:?}")
    };
    assert!(t2 > 3.0 && t2 > q, "{found:?}");
}

#[test]
fn sensors_that_never_move_do_no_harm() {
    let settings = settings();
    let mut memory = Memory::default();
    for nth in 0..1_000 {
        let found = step(&mut memory, &settings, &[5.0, f64::from(nth % 7), 5.0]);
        assert!(found.level.is_none(), "{nth}: {found:?}");
    }
    assert!(
        step(&mut memory, &settings, &[1e300, -1e300, 0.0])
            .level
            .is_some()
    );
    assert!(
        step(&mut memory, &settings, &[5.0, 3.0, 5.0])
            .level
            .is_none()
    );
}

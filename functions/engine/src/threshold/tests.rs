use super::*;

const NONE: Level = None;
const WARNING: Level = Some(Severity::Warning);
const CRITICAL: Level = Some(Severity::Critical);

fn both_sides() -> Threshold {
    Threshold {
        warning_high: Some(80.0),
        critical_high: Some(90.0),
        warning_low: Some(10.0),
        critical_low: Some(0.0),
        deadband: 2.0,
    }
}

/// Sends a series of values through one memory: (value, level, threshold, side).
#[track_caller]
fn check(limits: &Threshold, steps: &[(f64, Level, f64, Side)]) {
    let mut memory = Memory::EMPTY;
    for (nth, (value, level, threshold, side)) in steps.iter().enumerate() {
        let found = step(limits, &mut memory, *value);
        let place = format!("step {nth}, value {value}");
        assert_eq!((found.level, found.side), (*level, *side), "{place}");
        assert_eq!(
            found.threshold.to_bits(),
            threshold.to_bits(),
            "{place}: {}",
            found.threshold
        );
    }
}

#[test]
fn a_limit_is_left_only_beyond_its_deadband() {
    use Side::High;
    check(
        &both_sides(),
        &[
            (50.0, NONE, 80.0, High),
            (80.0, NONE, 80.0, High), // at the limit is not beyond it
            (80.1, WARNING, 80.0, High),
            (79.0, WARNING, 80.0, High),
            (78.1, WARNING, 80.0, High),
            (78.0, NONE, 80.0, High),
            (79.0, NONE, 80.0, High),
            (95.0, CRITICAL, 90.0, High),
            (89.0, CRITICAL, 90.0, High),
            (88.0, WARNING, 80.0, High),
            (89.9, WARNING, 80.0, High),
            (79.0, WARNING, 80.0, High), // the warning was crossed on the way up
            (91.0, CRITICAL, 90.0, High),
            (20.0, NONE, 80.0, High),
        ],
    );
}

#[test]
fn low_limits_mirror_high_ones() {
    use Side::{High, Low};
    check(
        &both_sides(),
        &[
            (10.0, NONE, 80.0, High),
            (9.9, WARNING, 10.0, Low),
            (11.9, WARNING, 10.0, Low),
            (12.0, NONE, 10.0, Low),
            (-0.1, CRITICAL, 0.0, Low),
            (1.9, CRITICAL, 0.0, Low),
            (2.0, WARNING, 10.0, Low),
            (95.0, CRITICAL, 90.0, High), // from one end to the other
            (-5.0, CRITICAL, 0.0, Low),
            (50.0, NONE, 10.0, Low),
        ],
    );
}

#[test]
fn limits_that_are_absent_are_never_crossed() {
    let critical = Threshold {
        critical_high: Some(90.0),
        ..Threshold::default()
    };
    check(
        &critical,
        &[
            (1e9, CRITICAL, 90.0, Side::High),
            (90.0, NONE, 90.0, Side::High),
        ],
    );
    let low = Threshold {
        warning_low: Some(1.0),
        ..Threshold::default()
    };
    check(
        &low,
        &[(5.0, NONE, 1.0, Side::Low), (0.0, WARNING, 1.0, Side::Low)],
    );
    check(
        &Threshold::default(),
        &[(1e300, NONE, f64::NAN, Side::High)],
    );
}

#[test]
fn limits_that_disappear_end_what_they_began() {
    let mut memory = Memory::EMPTY;
    let limits = Threshold {
        warning_high: Some(80.0),
        deadband: 5.0,
        ..Threshold::default()
    };
    assert_eq!(step(&limits, &mut memory, 81.0).level, WARNING);
    assert_eq!(step(&Threshold::default(), &mut memory, 99.0).level, NONE);
    assert_eq!(step(&limits, &mut memory, 79.0).level, NONE);
}

#[test]
fn critical_beats_warning_where_the_deadbands_of_both_ends_overlap() {
    let limits = Threshold {
        warning_high: Some(10.0),
        critical_low: Some(5.0),
        deadband: 20.0,
        ..Threshold::default()
    };
    check(
        &limits,
        &[
            (11.0, WARNING, 10.0, Side::High),
            (6.0, WARNING, 10.0, Side::High),
            (4.0, CRITICAL, 5.0, Side::Low),
        ],
    );
}

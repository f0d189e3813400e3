//! The sentences of alarms.

use super::*;

fn names() -> SlotNames {
    SlotNames {
        device: "pump-1".into(),
        sensor: "temperature".into(),
        unit: Some("°C".into()),
        function: "drift".into(),
        ..SlotNames::default()
    }
}

fn facts(names: &SlotNames) -> Facts<'_> {
    Facts {
        names,
        state: AlertState::Raised,
        severity: Severity::Warning,
        level: Some(Severity::Warning),
        value: 23.3,
        threshold: None,
        side: Side::High,
        why: Why::Limit,
        warning_limit: None,
        critical_limit: None,
        elapsed_ns: 90_000_000_000,
        bridged_ns: 0,
    }
}

fn deviation(state: AlertState, level: Level, value: f64) -> String {
    reason(&Facts {
        state,
        level,
        value,
        why: Why::Deviation {
            usual: 14.0,
            spread: 1.5,
        },
        ..facts(&names())
    })
}

#[test]
fn a_detector_names_what_is_usual() {
    let warning = Some(Severity::Warning);
    assert_eq!(
        deviation(AlertState::Raised, warning, 23.3),
        "temperature 23.3 °C is 6.20 deviations above the usual 14.0 ± 1.50 for 1 min 30 s"
    );
    assert_eq!(
        deviation(AlertState::Cleared, None, 14.2),
        "temperature is back to 14.2 °C, near the usual 14.0 ± 1.50, after 1 min 30 s"
    );
}

#[test]
fn a_text_is_printed_with_what_is_allowed() {
    let check = |text: &str, allowed: Option<&str>, state, why, elapsed_s: i64, expect: &str| {
        let names = SlotNames {
            sensor: "door".into(),
            unit: None,
            text: Some(text.to_owned()),
            allowed: allowed.map(str::to_owned),
            location: Some("hall-2".into()),
            ..names()
        };
        let facts = Facts {
            state,
            level: (state != AlertState::Cleared).then_some(Severity::Warning),
            value: f64::NAN,
            why,
            elapsed_ns: elapsed_s * 1_000_000_000,
            ..facts(&names)
        };
        assert_eq!(reason(&facts), format!("{expect} (hall-2)"));
    };
    let (raised, cleared) = (AlertState::Raised, AlertState::Cleared);
    let (bad, closed) = (Why::NotAllowed, Some("closed"));
    check(
        "open",
        closed,
        raised,
        bad,
        0,
        "door is open; allowed: closed",
    );
    let held = "door is open, not allowed for 5 min; allowed: closed";
    check("open", closed, raised, bad, 300, held);
    let unlisted = "door is open, none of the values allowed";
    check("open", None, raised, bad, 0, unlisted);
    check(
        "closed",
        closed,
        cleared,
        bad,
        4,
        "door is back to closed, after 4 s",
    );
    let unchanged = Why::Unchanged {
        seconds: 60.0,
        within: 0.0,
    };
    let stuck = "door is open, unchanged for 1 min";
    check("open", None, raised, unchanged, 0, stuck);
    let forged = "door is a\u{fffd}b; allowed: closed";
    check("a\nb", closed, raised, bad, 0, forged);
}

#[test]
fn a_condition_is_quoted() {
    let check = |condition: Option<&str>, state, level, elapsed_ns, expect: &str| {
        let names = SlotNames {
            sensor: "miswired".into(),
            unit: None,
            condition: condition.map(str::to_owned),
            location: Some("hall-2".into()),
            ..names()
        };
        let facts = Facts {
            state,
            level,
            value: f64::from(u8::from(level.is_some())),
            why: Why::Condition,
            elapsed_ns,
            ..facts(&names)
        };
        assert_eq!(reason(&facts), format!("{expect} (hall-2)"));
    };
    let (warning, minute) = (Some(Severity::Warning), 60_000_000_000);
    let expression = Some("power > 2.0 * current");
    let (raised, cleared) = (AlertState::Raised, AlertState::Cleared);
    let expect = "miswired: condition `power > 2.0 * current` is true";
    check(expression, raised, warning, 0, expect);
    let expect = "miswired: condition `power > 2.0 * current` has been true for 1 min";
    check(expression, raised, warning, minute, expect);
    let expect = "miswired: condition `power > 2.0 * current` is no longer true, after 1 min";
    check(expression, cleared, None, minute, expect);
    check(None, raised, warning, 0, "miswired: its condition is true");
}

#[test]
fn a_silent_device_is_named() {
    let check = |state, seconds, expect: &str| {
        let names = names();
        let why = Why::Silence {
            seconds,
            expected: 300.0,
        };
        let facts = Facts {
            state,
            why,
            ..facts(&names)
        };
        assert_eq!(reason(&facts), expect);
    };
    let raised = "pump-1 has not sent data for 11 min; expected at least every 5 min";
    check(AlertState::Raised, 660.0, raised);
    let never = "pump-1 has never sent data; expected at least every 5 min";
    check(AlertState::Raised, f64::NAN, never);
    let cleared = "pump-1 sends data again, after 1 min 30 s";
    check(AlertState::Cleared, 1.0, cleared);
}

#[test]
fn values_and_limits_have_digits_for_a_person() {
    let check = |value, limit, expect: &str| {
        let names = names();
        let facts = Facts {
            value,
            threshold: Some(limit),
            elapsed_ns: 0,
            ..facts(&names)
        };
        assert_eq!(reason(&facts), expect);
    };
    let long = "temperature 100.552 °C is above the warning limit 90 °C";
    check(100.55195198416013, 90.0, long);
    let near = "temperature 90.00000001 °C is above the warning limit 90 °C";
    check(90.00000001, 90.0, near);
}

#[test]
fn spans_have_two_units_at_most() {
    let text = |seconds: f64| Elapsed((seconds * 1e9) as i64).to_string();
    assert_eq!(text(0.35), "350 ms");
    assert_eq!(text(12.9), "12 s");
    assert_eq!(text(250.0), "4 min 10 s");
    assert_eq!(text(7_200.0), "2 h");
    assert_eq!(text(100_000.0), "1 d 3 h");
}

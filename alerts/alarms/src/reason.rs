//! The reason of an alert: one sentence with the value, the limit, the place and
//! the duration. Whoever is called out at night should know what to look at.

use std::fmt;

use weir_model::{AlertState, Level, Severity, Short, Side, Span, Why};

use crate::quantity::Quantity;
use crate::slot_names::SlotNames;

/// The facts in the sentence.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) names: &'a SlotNames,
    pub(crate) state: AlertState,
    pub(crate) severity: Severity,
    /// The level of this reading. Delays may keep the alarm at another severity.
    pub(crate) level: Level,
    pub(crate) value: f64,
    pub(crate) threshold: Option<f64>,
    pub(crate) side: Side,
    pub(crate) why: Why,
    /// The limits that readings of this alarm crossed: they name a limit.
    pub(crate) warning_limit: Option<f64>,
    pub(crate) critical_limit: Option<f64>,
    /// How long the condition has held (raised, escalated) or the alarm was open
    /// (cleared), nanoseconds.
    pub(crate) elapsed_ns: i64,
}

pub(crate) fn reason(facts: &Facts<'_>) -> String {
    match facts.why {
        Why::Silence { seconds, expected } => return silence(facts, seconds, expected),
        Why::Condition if facts.names.custom_reason.is_none() => {
            return condition(facts) + &place(facts);
        }
        _ => {}
    }
    let sensor = &facts.names.sensor;
    let value = value(facts);
    let mut text = match facts.state {
        // A text has no number to print.
        AlertState::Raised | AlertState::Escalated if facts.value.is_nan() => {
            format!("{sensor} is {}", beyond(facts))
        }
        _ if facts.value.is_nan() => format!("{sensor} is normal again"),
        AlertState::Raised => format!("{sensor} {value} is {}", beyond(facts)),
        AlertState::Escalated => format!("{sensor} {value} is now {}", beyond(facts)),
        AlertState::Deescalated if facts.level.is_some() => {
            format!(
                "{sensor} {value} is no longer critical, but {}",
                beyond(facts)
            )
        }
        AlertState::Deescalated => {
            format!(
                "{sensor} is back to {value}{}, but not long enough to clear",
                back(facts)
            )
        }
        AlertState::Cleared => format!("{sensor} is back to {value}{}", back(facts)),
    };
    let elapsed = Elapsed(facts.elapsed_ns);
    match facts.state {
        AlertState::Cleared => text.push_str(&format!(", after {elapsed}")),
        AlertState::Raised | AlertState::Escalated if facts.elapsed_ns > 0 => {
            // The reading is critical, but not yet for the on-delay: the warning
            // condition has held.
            let lesser = if facts.level == Some(facts.severity) {
                ""
            } else {
                ", and beyond a limit"
            };
            text.push_str(&format!("{lesser} for {elapsed}"));
        }
        _ => {}
    }
    text + &place(facts)
}

/// The value, with enough digits to differ from the limit.
fn value<'a>(facts: &Facts<'a>) -> Quantity<'a> {
    let unit = facts.names.unit.as_deref();
    match facts.threshold {
        Some(limit) => Quantity::beside(facts.value, limit, unit),
        None => Quantity::new(facts.value, unit),
    }
}

/// " (hall-2)", if the place is known.
fn place(facts: &Facts<'_>) -> String {
    match facts.names.location.as_deref() {
        Some(location) if !location.is_empty() => format!(" ({location})"),
        _ => String::new(),
    }
}

/// The sentence of a function whose result is a condition.
fn condition(facts: &Facts<'_>) -> String {
    let sensor = &facts.names.sensor;
    let condition = match &facts.names.condition {
        Some(text) => format!("condition `{text}`"),
        None => "its condition".to_owned(),
    };
    let elapsed = Elapsed(facts.elapsed_ns);
    match facts.state {
        AlertState::Raised | AlertState::Escalated if facts.elapsed_ns > 0 => {
            format!("{sensor}: {condition} has been true for {elapsed}")
        }
        AlertState::Raised | AlertState::Escalated => format!("{sensor}: {condition} is true"),
        AlertState::Deescalated if facts.level.is_some() => {
            format!("{sensor}: {condition} is true, but no longer critical")
        }
        AlertState::Deescalated => {
            format!("{sensor}: {condition} is false, but not long enough to clear")
        }
        AlertState::Cleared => {
            format!("{sensor}: {condition} is no longer true, after {elapsed}")
        }
    }
}

/// "above the critical limit 90 °C", for a reading beyond a limit.
fn beyond(facts: &Facts<'_>) -> String {
    if let Some(reason) = &facts.names.custom_reason {
        return reason.clone();
    }
    let level = facts.level.unwrap_or(facts.severity);
    let Some(limit) = facts.threshold else {
        let phrase = facts.why.phrase(facts.value, facts.names.unit.as_deref());
        return phrase.unwrap_or_else(|| format!("{level} according to {}", facts.names.function));
    };
    let relation = match facts.side {
        Side::High if facts.value > limit => "above",
        Side::Low if facts.value < limit => "below",
        Side::High | Side::Low => "within the deadband of",
    };
    format!(
        "{relation} the {level} limit {}",
        Quantity::beside(limit, facts.value, facts.names.unit.as_deref())
    )
}

/// ", below the warning limit 80 °C", for a reading within its limits.
fn back(facts: &Facts<'_>) -> String {
    let Some(limit) = facts.threshold else {
        return usual(facts.why);
    };
    let relation = match facts.value.total_cmp(&limit) {
        std::cmp::Ordering::Less => "below",
        std::cmp::Ordering::Equal => "at",
        std::cmp::Ordering::Greater => "above",
    };
    let name = if facts.critical_limit == Some(limit) {
        "critical limit"
    } else if facts.warning_limit == Some(limit) {
        "warning limit"
    } else {
        "limit"
    };
    format!(
        ", {relation} the {name} {}",
        Quantity::beside(limit, facts.value, facts.names.unit.as_deref())
    )
}

/// ", near the usual 14.0 ± 1.5", for a reading that is usual again.
fn usual(why: Why) -> String {
    match why {
        Why::Deviation { usual, spread } => {
            format!(", near the usual {} ± {}", Short(usual), Short(spread))
        }
        _ => String::new(),
    }
}

/// The sentence about a silent device.
fn silence(facts: &Facts<'_>, seconds: f64, expected: f64) -> String {
    let device = &facts.names.device;
    let expected = Span(expected);
    match facts.state {
        AlertState::Cleared => {
            let elapsed = Elapsed(facts.elapsed_ns);
            format!("{device} sends data again, after {elapsed}")
        }
        AlertState::Deescalated => format!("{device} sent data, but not long enough to clear"),
        AlertState::Raised | AlertState::Escalated if seconds.is_nan() => {
            format!("{device} has never sent data; expected at least every {expected}")
        }
        AlertState::Raised | AlertState::Escalated => format!(
            "{device} has not sent data for {}; expected at least every {expected}",
            Span(seconds)
        ),
    }
}

/// A time span in its two largest units: `4 min 10 s`.
struct Elapsed(i64);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.max(0) / 1_000_000;
        let seconds = millis / 1_000;
        let (large, large_unit, small, small_unit) = match seconds {
            0 => return write!(f, "{millis} ms"),
            1..60 => return write!(f, "{seconds} s"),
            60..3_600 => (seconds / 60, "min", seconds % 60, "s"),
            3_600..86_400 => (seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
            _ => (seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
        };
        write!(f, "{large} {large_unit}")?;
        if small > 0 {
            write!(f, " {small} {small_unit}")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
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
}

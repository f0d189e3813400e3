//! The sentence of an alert: what was read, against which limit, where, and how
//! long it lasted. Somebody who is woken by it should know what to look at.

use std::fmt;

use weir_model::{AlertState, Level, Severity, Short, Side, Span, Why};

use crate::alarm_engine::SlotNames;

/// What the sentence is made of.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) names: &'a SlotNames,
    pub(crate) state: AlertState,
    pub(crate) severity: Severity,
    /// What the function says of this reading; the alarm may lag behind it.
    pub(crate) level: Level,
    pub(crate) value: f64,
    pub(crate) threshold: Option<f64>,
    pub(crate) side: Side,
    pub(crate) why: Why,
    /// The limits seen crossed in this episode, by which a limit is named.
    pub(crate) warning_limit: Option<f64>,
    pub(crate) critical_limit: Option<f64>,
    /// How long the condition has held (raised, escalated) or the episode
    /// lasted (cleared); nanoseconds.
    pub(crate) elapsed_ns: i64,
}

pub(crate) fn reason(facts: &Facts<'_>) -> String {
    if let Why::Silence { seconds, expected } = facts.why {
        return silence(facts, seconds, expected);
    }
    let sensor = &facts.names.sensor;
    let value = Quantity(facts.value, facts.names.unit.as_deref());
    let mut text = match facts.state {
        // Of a text: the sentence goes without it.
        AlertState::Raised | AlertState::Escalated if facts.value.is_nan() => {
            format!("{sensor} is {}", beyond(facts))
        }
        _ if facts.value.is_nan() => format!("{sensor} is as it should be again"),
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
                "{sensor} is back to {value}{}, but not for long enough to clear",
                back(facts)
            )
        }
        AlertState::Cleared => format!("{sensor} is back to {value}{}", back(facts)),
    };
    let elapsed = Elapsed(facts.elapsed_ns);
    match facts.state {
        AlertState::Cleared => text.push_str(&format!(", after {elapsed}")),
        AlertState::Raised | AlertState::Escalated if facts.elapsed_ns > 0 => {
            // Critical now, but not yet for the on-delay: what held is the lesser condition.
            let lesser = if facts.level == Some(facts.severity) {
                ""
            } else {
                ", and beyond a limit"
            };
            text.push_str(&format!("{lesser} for {elapsed}"));
        }
        _ => {}
    }
    if let Some(location) = facts
        .names
        .location
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        text.push_str(&format!(" ({location})"));
    }
    text
}

/// "above the critical limit 90 °C", of a reading that is beyond a limit.
fn beyond(facts: &Facts<'_>) -> String {
    if let Some(said) = &facts.names.said {
        return said.clone();
    }
    let level = facts.level.unwrap_or(facts.severity);
    let Some(limit) = facts.threshold else {
        let phrase = facts.why.phrase(facts.value, facts.names.unit.as_deref());
        return phrase.unwrap_or_else(|| format!("{level} by {}", facts.names.function));
    };
    let relation = match facts.side {
        Side::High if facts.value > limit => "above",
        Side::Low if facts.value < limit => "below",
        Side::High | Side::Low => "within the deadband of",
    };
    format!(
        "{relation} the {level} limit {}",
        Quantity(limit, facts.names.unit.as_deref())
    )
}

/// ", below the warning limit 80 °C", of a reading that is within its limits.
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
        Quantity(limit, facts.names.unit.as_deref())
    )
}

/// ", near the usual 14.0 ± 1.5", of a reading that is unusual no more.
fn usual(why: Why) -> String {
    match why {
        Why::Deviation { usual, spread } => {
            format!(", near the usual {} ± {}", Short(usual), Short(spread))
        }
        _ => String::new(),
    }
}

/// Of a device rather than of a value.
fn silence(facts: &Facts<'_>, seconds: f64, expected: f64) -> String {
    let device = &facts.names.device;
    let expected = Span(expected);
    match facts.state {
        AlertState::Cleared => format!(
            "{device} is heard again, after {}",
            Elapsed(facts.elapsed_ns)
        ),
        AlertState::Deescalated => format!("{device} was heard again, but not for long enough"),
        AlertState::Raised | AlertState::Escalated if seconds.is_nan() => {
            format!("{device} has never been heard; at least every {expected} is expected")
        }
        AlertState::Raised | AlertState::Escalated => format!(
            "{device} has said nothing for {}; at least every {expected} is expected",
            Span(seconds)
        ),
    }
}

/// A number in the fewest digits that read back as the same, with its unit.
pub(crate) struct Quantity<'a>(pub(crate) f64, pub(crate) Option<&'a str>);

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, unit) = *self;
        let size = number.abs();
        if size != 0.0 && !(1e-5..1e15).contains(&size) {
            write!(f, "{number:e}")?;
        } else {
            write!(f, "{number}")?;
        }
        match unit {
            Some(unit) if !unit.is_empty() => write!(f, " {unit}"),
            _ => Ok(()),
        }
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

    #[test]
    fn quantities_read_back_and_stay_short() {
        let text = |number, unit| Quantity(number, unit).to_string();
        assert_eq!(text(93.5, Some("°C")), "93.5 °C");
        assert_eq!(text(90.0, None), "90");
        assert_eq!(text(0.1 + 0.2, Some("")), "0.30000000000000004");
        assert_eq!(text(1e300, Some("Pa")), "1e300 Pa");
        assert_eq!(text(-2.5e-9, None), "-2.5e-9");
        assert_eq!(text(0.0, None), "0");
    }

    fn deviation(state: AlertState, level: Level, value: f64) -> String {
        let names = SlotNames {
            device: "pump-1".into(),
            sensor: "temperature".into(),
            unit: Some("°C".into()),
            function: "drift".into(),
            location: None,
            said: None,
        };
        reason(&Facts {
            names: &names,
            state,
            severity: Severity::Warning,
            level,
            value,
            threshold: None,
            side: Side::High,
            why: Why::Deviation {
                usual: 14.0,
                spread: 1.5,
            },
            warning_limit: None,
            critical_limit: None,
            elapsed_ns: 90_000_000_000,
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
    fn spans_have_two_units_at_most() {
        let text = |seconds: f64| Elapsed((seconds * 1e9) as i64).to_string();
        assert_eq!(text(0.35), "350 ms");
        assert_eq!(text(12.9), "12 s");
        assert_eq!(text(250.0), "4 min 10 s");
        assert_eq!(text(7_200.0), "2 h");
        assert_eq!(text(100_000.0), "1 d 3 h");
    }
}

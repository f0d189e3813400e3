//! The reason of an alert: one sentence with the value, the limit, the place and
//! the duration. Whoever is called out at night should know what to look at.

use std::fmt;

use weir_model::{AlertState, Level, Severity, Short, Side, Span, Why, printable};

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
    /// The longest time within it without data, if that is unusual, nanoseconds.
    pub(crate) bridged_ns: i64,
}

pub(crate) fn reason(facts: &Facts<'_>) -> String {
    match facts.why {
        Why::Silence { seconds, expected } => return silence(facts, seconds, expected),
        Why::Condition if facts.names.custom_reason.is_none() => {
            return condition(facts) + &place(facts);
        }
        _ => {}
    }
    if let Some(text) = &facts.names.text {
        return of_text(facts, &printable(text)) + &place(facts);
    }
    let sensor = &facts.names.sensor;
    let value = value(facts);
    let mut text = match facts.state {
        // A text that an older version recorded without its value.
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
            text.push_str(&format!("{lesser} for {elapsed}{}", without_data(facts)));
        }
        _ => {}
    }
    text + &place(facts)
}

/// The sentence about a reading that is a text.
fn of_text(facts: &Facts<'_>, text: &str) -> String {
    let sensor = &facts.names.sensor;
    let elapsed = Elapsed(facts.elapsed_ns);
    match facts.state {
        AlertState::Cleared => format!("{sensor} is back to {text}, after {elapsed}"),
        AlertState::Deescalated if facts.level.is_none() => {
            format!("{sensor} is back to {text}, but not long enough to clear")
        }
        AlertState::Deescalated => {
            format!(
                "{sensor} is {text}, no longer critical; {}",
                at_fault(facts)
            )
        }
        AlertState::Raised | AlertState::Escalated => {
            let held = facts.elapsed_ns > 0;
            match (facts.why, held) {
                (Why::NotAllowed, true) => {
                    let (gap, allowed) = (without_data(facts), allowed(facts));
                    format!("{sensor} is {text}, not allowed for {elapsed}{gap}{allowed}")
                }
                (Why::NotAllowed, false) if facts.names.allowed.is_some() => {
                    format!("{sensor} is {text}{}", allowed(facts))
                }
                (_, true) => {
                    let (fault, gap) = (at_fault(facts), without_data(facts));
                    format!("{sensor} is {text}, {fault} for {elapsed}{gap}")
                }
                (_, false) => format!("{sensor} is {text}, {}", at_fault(facts)),
            }
        }
    }
}

/// "; allowed: closed"
fn allowed(facts: &Facts<'_>) -> String {
    let allowed = facts.names.allowed.as_ref();
    allowed.map_or_else(String::new, |values| format!("; allowed: {values}"))
}

/// What is wrong with a text.
fn at_fault(facts: &Facts<'_>) -> String {
    let custom = facts.names.custom_reason.clone();
    let phrase = || facts.why.phrase(f64::NAN, None);
    custom
        .or_else(phrase)
        .unwrap_or_else(|| format!("{} according to {}", facts.severity, facts.names.function))
}

/// The value, with enough digits to differ from the limit.
fn value<'a>(facts: &Facts<'a>) -> Quantity<'a> {
    let unit = facts.names.unit.as_deref();
    match facts.threshold {
        Some(limit) => Quantity::beside(facts.value, limit, unit),
        None => Quantity::new(facts.value, unit),
    }
}

/// ", of which 50 min without data", if a delay has bridged a gap.
fn without_data(facts: &Facts<'_>) -> String {
    if facts.bridged_ns <= 0 || facts.bridged_ns > facts.elapsed_ns {
        return String::new();
    }
    format!(", of which {} without data", Elapsed(facts.bridged_ns))
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
            let gap = without_data(facts);
            format!("{sensor}: {condition} has been true for {elapsed}{gap}")
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
mod tests;

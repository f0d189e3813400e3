//! The kind `threshold`.

use crate::file::reader::Section;

/// Limits in the sensor's unit. A value above `*_high` or below `*_low` is beyond.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Threshold {
    pub warning_high: Option<f64>,
    pub critical_high: Option<f64>,
    pub warning_low: Option<f64>,
    pub critical_low: Option<f64>,
    /// A crossed limit is left only beyond limit minus deadband (plus, for a low
    /// limit). At least 0, and less than the distance between the limits.
    pub deadband: f64,
}

const HIGHS: [&str; 2] = ["warning_high", "critical_high"];
const LOWS: [&str; 2] = ["warning_low", "critical_low"];

pub(super) fn threshold(section: &mut Section<'_, '_>) -> Threshold {
    let mut limit = |key| section.optional(key, |raw| raw.number());
    let threshold = Threshold {
        warning_high: limit("warning_high"),
        critical_high: limit("critical_high"),
        warning_low: limit("warning_low"),
        critical_low: limit("critical_low"),
        deadband: limit("deadband").unwrap_or(0.0),
    };
    check_limits(section, &threshold);
    threshold
}

fn check_limits(section: &mut Section<'_, '_>, limits: &Threshold) {
    if ![HIGHS, LOWS]
        .as_flattened()
        .iter()
        .any(|key| section.has(key))
    {
        let [a, b] = HIGHS;
        let [c, d] = LOWS;
        section.note_table(format!(
            "has no limit: give one or more of {a}, {b}, {c}, {d}"
        ));
    }
    if let (Some(warning), Some(critical)) = (limits.warning_high, limits.critical_high)
        && warning > critical
    {
        let reason = format!("{warning} is above critical_high, {critical}");
        section.note("warning_high", reason);
    }
    if let (Some(warning), Some(critical)) = (limits.warning_low, limits.critical_low)
        && warning < critical
    {
        section.note(
            "warning_low",
            format!("{warning} is below critical_low, {critical}"),
        );
    }
    if limits.deadband < 0.0 {
        section.note(
            "deadband",
            format!("must be at least 0, not {}", limits.deadband),
        );
    }
    check_sides(section, limits);
}

/// Between the innermost limits there must be a value without an alarm.
fn check_sides(section: &mut Section<'_, '_>, limits: &Threshold) {
    let highs = [limits.warning_high, limits.critical_high]
        .into_iter()
        .zip(HIGHS);
    let lows = [limits.warning_low, limits.critical_low]
        .into_iter()
        .zip(LOWS);
    let highs = highs.filter_map(|(limit, key)| Some((limit?, key)));
    let lows = lows.filter_map(|(limit, key)| Some((limit?, key)));
    let Some((high, high_key)) = highs.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return;
    };
    let Some((low, low_key)) = lows.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return;
    };
    if low >= high {
        section.note(low_key, format!("{low} is not below {high_key}, {high}"));
    } else if limits.deadband >= high - low {
        let reason = format!(
            "{} leaves no value between {low_key} and {high_key} at which an alarm clears",
            limits.deadband
        );
        section.note("deadband", reason);
    }
}

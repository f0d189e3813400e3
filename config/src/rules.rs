//! `[[function]]`: the rules that readings are watched by.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::range::{duration, label};
use crate::reader::{Raw, Reader, Section};
use crate::{Function, FunctionKind, Threshold};

/// Longer than this, nobody would wait for an alarm to come or go.
const MAX_DELAY: Duration = Duration::from_secs(30 * 24 * 3600);

const HIGHS: [&str; 2] = ["warning_high", "critical_high"];
const LOWS: [&str; 2] = ["warning_low", "critical_low"];

pub(crate) fn functions(reader: &mut Reader<'_>) -> Vec<Function> {
    let mut names = BTreeSet::new();
    let tables = reader.repeated("function");
    tables
        .into_iter()
        .map(|table| {
            let mut section = reader.section_of("function", table);
            let function = function(&mut section);
            if !function.name.is_empty() && !names.insert(function.name.clone()) {
                section.note(
                    "name",
                    format!("another function is named {:?}", function.name),
                );
            }
            function
        })
        .collect()
}

fn function(section: &mut Section<'_, '_>) -> Function {
    let name = section.required("name", name).unwrap_or_default();
    section.required("kind", |raw| match raw.text()? {
        "threshold" => Ok(()),
        other => Err(format!(
            "there is no kind {other:?}; there is \"threshold\""
        )),
    });
    Function {
        name,
        device: section.optional("device", label(256)),
        sensor: section.optional("sensor", label(256)),
        location: section.optional("location", label(256)),
        kind: FunctionKind::Threshold(threshold(section)),
        on_delay: section.value(
            "on_delay",
            Duration::ZERO,
            duration(Duration::ZERO..=MAX_DELAY),
        ),
        off_delay: section.value(
            "off_delay",
            Duration::ZERO,
            duration(Duration::ZERO..=MAX_DELAY),
        ),
    }
}

/// The name stands in topics' payloads, alarm ids and metrics.
fn name(raw: Raw<'_>) -> Result<String, String> {
    let name = label(64)(raw)?;
    if name == "payload" {
        let reason = "\"payload\" names the limits that come with a reading: take another name";
        return Err(reason.to_owned());
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    match name.bytes().all(allowed) {
        true => Ok(name),
        false => Err("may contain only a-z, 0-9, _ and -".to_owned()),
    }
}

fn threshold(section: &mut Section<'_, '_>) -> Threshold {
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
        let reason = format!("{warning} lies above critical_high, {critical}");
        section.note("warning_high", reason);
    }
    if let (Some(warning), Some(critical)) = (limits.warning_low, limits.critical_low)
        && warning < critical
    {
        section.note(
            "warning_low",
            format!("{warning} lies below critical_low, {critical}"),
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

/// Between the innermost limits there must be room for a value without an alarm.
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

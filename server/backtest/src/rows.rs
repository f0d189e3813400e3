//! What all forms of files have in common: which column means what, and which
//! readings are wanted.

use anyhow::{Result, bail};
use weir_model::{Timestamp, check_device};

use super::readings::{Content, Reading, Readings};

/// From inclusive, to exclusive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl Range {
    pub fn holds(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Time,
    Value,
    Text,
    Device,
    Sensor,
    Unit,
    Location,
}

impl Field {
    /// By the column's name; `None` for one that is not needed.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.trim_start_matches('\u{feff}').trim();
        Some(match name.to_ascii_lowercase().as_str() {
            "time" | "timestamp" | "_time" => Self::Time,
            "value" | "_value" => Self::Value,
            "text" => Self::Text,
            "device" | "deviceid" | "device_id" => Self::Device,
            "sensor" | "sensorid" | "sensor_id" => Self::Sensor,
            "unit" => Self::Unit,
            "location" => Self::Location,
            _ => return None,
        })
    }
}

/// A text of a CSV file without the `'` that Weir writes before what a spreadsheet would
/// take for a formula.
pub fn without_guard(cell: &str) -> &str {
    let guarded = cell
        .trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r']);
    match cell.strip_prefix('\'') {
        Some(text) if guarded => text,
        _ => cell,
    }
}

/// Which columns a file has: a time and a value at least.
pub(super) fn check_fields(names: &[String], fields: &[Option<Field>]) -> Result<()> {
    for (field, meant) in [(Field::Time, "time or timestamp"), (Field::Value, "value")] {
        match fields.iter().filter(|found| **found == Some(field)).count() {
            1 => {}
            0 => bail!(
                "there is no column {meant}; the columns are {}",
                names.join(", ")
            ),
            _ => bail!(
                "there are several columns for {meant}: {}",
                names.join(", ")
            ),
        }
    }
    Ok(())
}

/// The parts of one row; empty where there are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) device: &'a str,
    pub(super) sensor: &'a str,
    pub(super) unit: &'a str,
    pub(super) location: &'a str,
    pub(super) text: &'a str,
    pub(super) number: Option<f64>,
}

/// Takes rows in for one file.
pub(super) struct Sink<'a> {
    pub(super) into: &'a mut Readings,
    pub(super) range: Range,
    /// The file's name without extension.
    pub(super) file: &'a str,
}

impl Sink<'_> {
    pub(super) fn push(&mut self, time: Timestamp, parts: Parts<'_>) -> Result<()> {
        if !self.range.holds(time) {
            return Ok(());
        }
        let named = |given: &'_ str, other: &'static str| match given {
            "" => other.to_owned(),
            given => given.to_owned(),
        };
        let device = match parts.device {
            "" => self.into.intern(self.file),
            device => self.into.intern(device),
        };
        let sensor = named(parts.sensor, "value");
        let sensor = self.into.intern(&sensor);
        let content = match parts.number.filter(|number| number.is_finite()) {
            Some(number) => Content::Number(number),
            None if !parts.text.is_empty() => Content::Text(parts.text.into()),
            None => Content::None,
        };
        let (unit, location) = (
            self.into.intern(parts.unit),
            self.into.intern(parts.location),
        );
        self.into.rows.push(Reading {
            time,
            device,
            sensor,
            unit,
            location,
            content,
        });
        Ok(())
    }
}

/// A file's name as a device id: characters that are not allowed become `_`.
pub(super) fn device_of(stem: &str) -> String {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let id: String = stem.chars().map(|c| if fit(c) { c } else { '_' }).collect();
    match check_device(&id) {
        Ok(()) => id,
        Err(_) => format!("_{}", id.trim_start_matches('.')),
    }
}

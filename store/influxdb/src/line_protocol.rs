//! Readings as InfluxDB line protocol, one line per reading.
//!
//! ```text
//! readings,device=pump-1,sensor=temperature,unit=°C,location=hall\ 2 value=21.5 1795219200000000000
//! readings,device=pump-1,sensor=state text="on" 1795219200000000000
//! ```
//!
//! Every text is escaped: a name may contain the characters that separate tags,
//! fields and lines. Source: InfluxDB v2 line protocol reference.

use std::fmt::Write;
use std::ops::Range;

use weir_config::{LineMapping, LinePart, LineTemplate};
use weir_model::{Catalog, Column, Position, RowBatch, Value};

/// Lines of one request, and the origin of each line.
#[derive(Clone, Debug, Default)]
pub struct LineBatch {
    body: String,
    origins: Vec<Origin>,
}

/// The reading that a line encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    start: usize,
    pub position: Position,
    /// Index among the stored readings of its message, from 0.
    pub reading: u32,
}

impl LineBatch {
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    pub fn clear(&mut self) {
        self.body.clear();
        self.origins.clear();
    }

    /// Moves all lines of `other` to the end.
    pub fn append(&mut self, other: &mut Self) {
        let offset = self.body.len();
        let moved = other.origins.iter().map(|origin| Origin {
            start: origin.start + offset,
            ..*origin
        });
        self.origins.extend(moved);
        self.body.push_str(&other.body);
        other.clear();
    }

    /// The body of some lines.
    pub fn body(&self, lines: &Range<usize>) -> &str {
        let at = |line: usize| match self.origins.get(line) {
            Some(origin) => origin.start,
            None => self.body.len(),
        };
        &self.body[at(lines.start)..at(lines.end)]
    }

    /// One line, without its line break.
    pub fn line(&self, line: usize) -> &str {
        let body = self.body(&(line..line + 1));
        body.strip_suffix('\n').unwrap_or(body)
    }

    pub fn origin(&self, line: usize) -> Origin {
        self.origins[line]
    }

    /// Adds a line given as text.
    #[cfg(test)]
    pub(crate) fn push(&mut self, line: &str) {
        self.origins.push(Origin {
            start: self.body.len(),
            position: Position(self.origins.len() as u64),
            reading: 0,
        });
        self.body.push_str(line);
        self.body.push('\n');
    }
}

/// Appends one line per reading, in the order of the batch. All lines of a device
/// go to the same lane; `lanes` must not be empty.
pub fn encode_lines(
    batch: &RowBatch,
    catalog: &Catalog,
    mapping: &LineMapping,
    lanes: &mut [LineBatch],
) {
    let (devices, columns, locations) = (catalog.devices(), catalog.columns(), catalog.locations());
    let (mut message, mut reading) = (None, 0);
    for row in &batch.rows {
        let at = row.device.index() % lanes.len();
        let lane = &mut lanes[at];
        if message != Some(row.position) {
            (message, reading) = (Some(row.position), 0);
        }
        for cell in batch.cells_of(row) {
            let names = Names {
                device: &devices[row.device.index()],
                column: &columns[cell.column.index()],
                location: &locations[row.location.index()],
            };
            lane.origins.push(Origin {
                start: lane.body.len(),
                position: row.position,
                reading,
            });
            reading += 1;
            let into = &mut lane.body;
            names.push(into, &mapping.measurement, MEASUREMENT);
            for (tag, value) in &mapping.tags {
                names.push_tag(into, tag, value);
            }
            into.push(' ');
            let field = match cell.value {
                Value::Number(_) => &mapping.field,
                Value::Text(_) => &mapping.text_field,
            };
            names.push_field(into, field);
            match cell.value {
                Value::Number(number) => write!(into, "={number:?}"),
                Value::Text(index) => {
                    push_text(into, &batch.texts[index as usize]);
                    Ok(())
                }
            }
            .and_then(|()| writeln!(into, " {}", row.time.0))
            .expect("writing to a String does not fail");
        }
    }
}

/// The values of the placeholders in a template.
struct Names<'a> {
    device: &'a str,
    column: &'a Column,
    location: &'a str,
}

impl Names<'_> {
    fn push(&self, into: &mut String, template: &LineTemplate, separators: &[char]) {
        for part in template.parts() {
            push_escaped(
                into,
                match part {
                    LinePart::Text(text) => text,
                    LinePart::Device => self.device,
                    LinePart::Sensor => &self.column.sensor,
                    LinePart::Unit => self.column.unit.as_deref().unwrap_or_default(),
                    LinePart::Location => self.location,
                },
                separators,
            );
        }
    }

    /// Line protocol does not allow a tag with an empty value: the tag is omitted.
    fn push_tag(&self, into: &mut String, name: &str, value: &LineTemplate) {
        let before = into.len();
        into.push(',');
        push_escaped(into, name, KEY);
        into.push('=');
        let empty = into.len();
        self.push(into, value, KEY);
        if into.len() == empty {
            into.truncate(before);
        }
    }

    /// InfluxDB silently drops a field named `time`, so it is written as `time_`.
    fn push_field(&self, into: &mut String, field: &LineTemplate) {
        let start = into.len();
        self.push(into, field, KEY);
        if &into[start..] == "time" {
            into.push('_');
        }
    }
}

/// Characters that end a measurement unless escaped.
const MEASUREMENT: &[char] = &[',', ' '];
/// Characters that end a tag key, a tag value or a field name unless escaped.
const KEY: &[char] = &[',', '=', ' '];

/// Escapes measurements, tags and field names. Line protocol has no escape for a
/// line break here, so it becomes a space; and none for a backslash, so a
/// backslash that would escape the next character (or that servers read
/// differently) becomes a slash.
fn push_escaped(into: &mut String, text: &str, separators: &[char]) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            separator if separators.contains(&separator) => {
                into.push('\\');
                into.push(separator);
            }
            '\n' | '\r' => into.push_str("\\ "),
            '\\' => into.push(match characters.peek() {
                None | Some(',' | '=' | ' ' | '\\' | '\n' | '\r') => '/',
                Some(_) => '\\',
            }),
            other => into.push(other),
        }
    }
}

/// A field of text may contain line breaks.
fn push_text(into: &mut String, text: &str) {
    into.push_str("=\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            into.push('\\');
        }
        into.push(character);
    }
    into.push('"');
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

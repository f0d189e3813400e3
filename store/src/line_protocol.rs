//! Readings as InfluxDB line protocol, one line per reading.
//!
//! ```text
//! readings,device=pump-1,sensor=temperature,unit=°C,location=hall\ 2 value=21.5 1795219200000000000
//! readings,device=pump-1,sensor=state text="on" 1795219200000000000
//! ```
//!
//! Every text is escaped: a name can contain what separates tags, fields and
//! lines, and must not become one. Source: InfluxDB v2 line protocol reference.

use std::fmt::Write;
use std::ops::Range;

use weir_config::{LineMapping, LinePart, LineTemplate};
use weir_model::{Catalog, Column, Position, RowBatch, Value};

/// Lines of one request, and where each of them came from.
#[derive(Clone, Debug, Default)]
pub struct LineBatch {
    body: String,
    origins: Vec<Origin>,
}

/// The reading that a line was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    start: usize,
    pub(crate) position: Position,
    /// Among the stored readings of its message, from 0.
    pub(crate) reading: u32,
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

    /// Takes over all lines of another, behind its own.
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
    pub(crate) fn body(&self, lines: &Range<usize>) -> &str {
        let at = |line: usize| match self.origins.get(line) {
            Some(origin) => origin.start,
            None => self.body.len(),
        };
        &self.body[at(lines.start)..at(lines.end)]
    }

    /// One line, without its line break.
    pub(crate) fn line(&self, line: usize) -> &str {
        let body = self.body(&(line..line + 1));
        body.strip_suffix('\n').unwrap_or(body)
    }

    pub(crate) fn origin(&self, line: usize) -> Origin {
        self.origins[line]
    }

    /// A line that is at hand as text.
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

/// Appends a line per reading, in the order of the batch. All lines of a device
/// go to the same of `lanes`, of which there is at least one.
pub fn encode_lines(
    batch: &RowBatch,
    catalog: &Catalog,
    mapping: &LineMapping,
    lanes: &mut [LineBatch],
) {
    let (devices, columns, locations) = (catalog.devices(), catalog.columns(), catalog.locations());
    let (mut message, mut reading) = (None, 0);
    for row in &batch.rows {
        let lane = row.device.index() % lanes.len();
        let lane = &mut lanes[lane];
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
            .expect("a String takes everything that is written to it");
        }
    }
}

/// What the templates of one line are filled with.
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

    /// A tag with an empty value is not allowed: it is left out.
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

    /// InfluxDB drops a field that is called `time` without a word.
    fn push_field(&self, into: &mut String, field: &LineTemplate) {
        let start = into.len();
        self.push(into, field, KEY);
        if &into[start..] == "time" {
            into.push('_');
        }
    }
}

/// What ends a measurement, if it is not escaped.
const MEASUREMENT: &[char] = &[',', ' '];
/// What ends a tag's key or value, or the name of a field.
const KEY: &[char] = &[',', '=', ' '];

/// Measurements, tags and names of fields. Line protocol has no escape for a line
/// break in them: it becomes a space. Nor for a backslash, which escapes what
/// stands behind it: where it would, or where servers differ, it becomes a slash.
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
mod tests {
    use std::sync::Arc;

    use weir_model::{Cell, Column, Flags, LocationIx, Position, Row, Timestamp, ValueKind};

    use super::*;

    fn line(
        device: &str,
        sensor: &str,
        unit: &str,
        location: &str,
        value: Option<f64>,
        text: &str,
    ) -> String {
        let mapping = LineMapping::default();
        mapped(&mapping, device, sensor, unit, location, value, text)
    }

    fn mapped(
        mapping: &LineMapping,
        device: &str,
        sensor: &str,
        unit: &str,
        location: &str,
        value: Option<f64>,
        text: &str,
    ) -> String {
        let catalog = Catalog::new();
        let kind = if value.is_some() {
            ValueKind::Number
        } else {
            ValueKind::Text
        };
        let unit = (!unit.is_empty()).then(|| unit.into());
        let column = catalog.add_column(Arc::new(Column {
            sensor: sensor.into(),
            unit,
            kind,
        }));
        let location = match location {
            "" => LocationIx(0),
            location => catalog.add_location(location.into()),
        };
        let batch = RowBatch {
            rows: vec![Row {
                position: Position(0),
                device: catalog.add_device(device.into()),
                location,
                time: Timestamp(1_795_219_200_000_000_001),
                flags: Flags::default(),
                first_cell: 0,
                cell_count: 1,
            }],
            cells: vec![Cell {
                column,
                value: value.map_or(Value::Text(0), Value::Number),
            }],
            texts: vec![text.into()],
        };
        let mut lanes = [LineBatch::default()];
        encode_lines(&batch, &catalog, mapping, &mut lanes);
        let [lines] = lanes;
        assert_eq!(lines.len(), 1, "one reading is one line: {lines:?}");
        lines
            .line(0)
            .strip_suffix(" 1795219200000000001")
            .expect("the time ends the line")
            .to_owned()
    }

    #[test]
    fn names_cannot_become_syntax() {
        for (device, sensor, unit, location, expect) in [
            ("d", "s", "", "", "readings,device=d,sensor=s value=1.0"),
            (
                "d",
                "s",
                "°C",
                "hall 2",
                r"readings,device=d,sensor=s,unit=°C,location=hall\ 2 value=1.0",
            ),
            (
                "d",
                "a,b=c",
                "",
                "",
                r"readings,device=d,sensor=a\,b\=c value=1.0",
            ),
            ("d", r"a\", "", "", r"readings,device=d,sensor=a/ value=1.0"),
            (
                "d",
                r"a\,b",
                "",
                "",
                r"readings,device=d,sensor=a/\,b value=1.0",
            ),
            (
                "d",
                r"a\b\\c",
                "",
                "",
                r"readings,device=d,sensor=a\b/\c value=1.0",
            ),
            (
                "d",
                "a\nx value=9",
                "",
                "",
                r"readings,device=d,sensor=a\ x\ value\=9 value=1.0",
            ),
            (
                "d",
                "a\"b",
                "",
                "",
                "readings,device=d,sensor=a\"b value=1.0",
            ),
        ] {
            assert_eq!(line(device, sensor, unit, location, Some(1.0), ""), expect);
        }
    }

    #[test]
    fn values_keep_every_bit_and_every_character() {
        for (value, expect) in [
            (0.1 + 0.2, "0.30000000000000004"),
            (-0.0, "-0.0"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
        ] {
            let line = line("d", "s", "", "", Some(value), "");
            assert_eq!(line, format!("readings,device=d,sensor=s value={expect}"));
        }
        for (text, expect) in [
            ("on", "on"),
            ("a \"b\" \\", r#"a \"b\" \\"#),
            ("a\nb,c d", "a\nb,c d"),
        ] {
            let line = line("d", "s", "", "", None, text);
            assert_eq!(
                line,
                format!("readings,device=d,sensor=s text=\"{expect}\"")
            );
        }
    }

    #[test]
    fn a_mapping_says_what_becomes_of_a_reading() {
        let template = |text| LineTemplate::parse(text).expect("it is well formed");
        let mapping = LineMapping {
            measurement: template("plant {location}"),
            tags: vec![
                ("id".to_owned(), template("{device}/{unit}")),
                ("unit".to_owned(), template("{unit}")),
            ],
            field: template("{sensor}"),
            text_field: template("{sensor}_text"),
        };
        for (sensor, value, text, expect) in [
            ("flow", Some(1.0), "", "plant\\ hall,id=p1/ flow=1.0"),
            ("flow", None, "on", "plant\\ hall,id=p1/ flow_text=\"on\""),
            ("time", Some(1.0), "", "plant\\ hall,id=p1/ time_=1.0"),
            ("a b", Some(1.0), "", "plant\\ hall,id=p1/ a\\ b=1.0"),
        ] {
            let line = mapped(&mapping, "p1", sensor, "", "hall", value, text);
            assert_eq!(line, expect);
        }
    }

    #[test]
    fn batches_join_and_come_apart_by_line() {
        let (mut first, mut second) = (LineBatch::default(), LineBatch::default());
        first.push("a x=1 1");
        second.push("b x=\"two\nlines\" 2");
        second.push("c x=3 3");
        first.append(&mut second);
        assert!(second.is_empty());
        assert_eq!(first.len(), 3);
        assert_eq!(first.line(1), "b x=\"two\nlines\" 2");
        assert_eq!(first.body(&(1..3)), "b x=\"two\nlines\" 2\nc x=3 3\n");
        assert_eq!(first.body(&(0..0)), "");
    }
}

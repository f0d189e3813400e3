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

use weir_model::{Catalog, RowBatch, Value};

/// Appends a line per reading, in the order of the batch.
pub fn encode_lines(batch: &RowBatch, catalog: &Catalog, measurement: &str, into: &mut String) {
    let (devices, columns, locations) = (catalog.devices(), catalog.columns(), catalog.locations());
    for row in &batch.rows {
        for cell in batch.cells_of(row) {
            let column = &columns[cell.column.index()];
            let location = &locations[row.location.index()];
            push_escaped(into, measurement);
            push_tag(into, "device", &devices[row.device.index()]);
            push_tag(into, "sensor", &column.sensor);
            push_tag(into, "unit", column.unit.as_deref().unwrap_or_default());
            push_tag(into, "location", location);
            match cell.value {
                Value::Number(number) => write!(into, " value={number:?}"),
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

/// A tag with an empty value is not allowed: it is left out.
fn push_tag(into: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        into.push(',');
        into.push_str(name);
        into.push('=');
        push_escaped(into, value);
    }
}

/// Measurements and tags. Line protocol has no escape for a line break in them;
/// it becomes a space.
fn push_escaped(into: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            ',' | '=' | ' ' | '\\' => {
                into.push('\\');
                into.push(character);
            }
            '\n' | '\r' => into.push_str("\\ "),
            other => into.push(other),
        }
    }
}

/// A field of text may contain line breaks.
fn push_text(into: &mut String, text: &str) {
    into.push_str(" text=\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            into.push('\\');
        }
        into.push(character);
    }
    into.push('"');
}

/// The lines of a body, without their line breaks. A break within a quoted field
/// does not end a line.
pub(crate) fn split_lines(body: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut in_tags, mut quoted, mut escaped) = (0, true, false, false);
    for (at, byte) in body.bytes().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b' ' if in_tags => in_tags = false,
            b'"' if !in_tags => quoted = !quoted,
            b'\n' if !quoted => {
                lines.push(&body[start..at]);
                start = at + 1;
                in_tags = true;
            }
            _ => {}
        }
    }
    lines.push(&body[start..]);
    lines.retain(|line| !line.is_empty());
    lines
}

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
        let mut lines = String::new();
        encode_lines(&batch, &catalog, "readings", &mut lines);
        assert_eq!(
            split_lines(&lines).len(),
            1,
            "one reading is one line: {lines:?}"
        );
        lines
            .strip_suffix(" 1795219200000000001\n")
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
            (
                "d",
                r"a\",
                "",
                "",
                r"readings,device=d,sensor=a\\ value=1.0",
            ),
            (
                "d",
                r"a\,b",
                "",
                "",
                r"readings,device=d,sensor=a\\\,b value=1.0",
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
    fn a_body_is_cut_where_its_lines_end() {
        let body = "m,t=a\\\"b x=\"1\n\\\"2\" 1\nm,t=\"c x=2 2\n\nm x=\"\" 3";
        let lines = ["m,t=a\\\"b x=\"1\n\\\"2\" 1", "m,t=\"c x=2 2", "m x=\"\" 3"];
        assert_eq!(split_lines(body), lines);
    }
}

//! Names and values cannot become syntax, and nothing is lost.

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

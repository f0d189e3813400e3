mod corpus;

use super::*;

/// A line as it is read, with everything resolved.
#[derive(Debug, PartialEq)]
struct Point {
    name: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, Field)>,
    time: Option<i64>,
}

#[derive(Debug, PartialEq)]
enum Field {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    Text(String),
}

/// Every line of a text, or the first error.
fn points(text: &str) -> Result<Vec<Point>, LineError> {
    let mut scratch = Scratch::default();
    let mut scanner = LineScanner::new(text, &mut scratch);
    let mut points = Vec::new();
    while let Some(name) = scanner.measurement()? {
        let mut point = Point {
            name: scanner.resolve(name).to_owned(),
            tags: Vec::new(),
            fields: Vec::new(),
            time: None,
        };
        while let Some((key, value)) = scanner.tag()? {
            let (key, value) = (scanner.resolve(key), scanner.resolve(value));
            point.tags.push((key.to_owned(), value.to_owned()));
        }
        while let Some((key, value)) = scanner.field(point.fields.is_empty())? {
            let value = match value {
                FieldValue::Float(value) => Field::Float(value),
                FieldValue::Integer(value) => Field::Integer(value),
                FieldValue::Unsigned(value) => Field::Unsigned(value),
                FieldValue::Boolean(value) => Field::Boolean(value),
                FieldValue::Text(span) => Field::Text(scanner.resolve(span).to_owned()),
            };
            point.fields.push((scanner.resolve(key).to_owned(), value));
        }
        point.time = scanner.time()?;
        points.push(point);
    }
    Ok(points)
}

#[track_caller]
fn check(
    text: &str,
    name: &str,
    tags: &[(&str, &str)],
    fields: Vec<(&str, Field)>,
    time: Option<i64>,
) {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let expect = Point {
        name: name.to_owned(),
        tags: tags.iter().map(own).collect(),
        fields: fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        time,
    };
    assert_eq!(points(text), Ok(vec![expect]), "{text:?}");
}

#[test]
fn lines_are_read() {
    use Field::{Boolean, Float, Integer, Text, Unsigned};
    check(
        "cpu,host=a,cpu=cpu0 idle=90.5,n=3i,u=7u,up=t,s=\"x\" 1700000000000000000",
        "cpu",
        &[("host", "a"), ("cpu", "cpu0")],
        vec![
            ("idle", Float(90.5)),
            ("n", Integer(3)),
            ("u", Unsigned(7)),
            ("up", Boolean(true)),
            ("s", Text("x".to_owned())),
        ],
        Some(1_700_000_000_000_000_000),
    );
    check("m v=-1e-3", "m", &[], vec![("v", Float(-1e-3))], None);
    check(
        "m  v=1   5  \r\n",
        "m",
        &[],
        vec![("v", Float(1.0))],
        Some(5),
    );
    check(
        r"a\,b\ c,t\=1=x\ y a\ b=1",
        "a,b c",
        &[("t=1", "x y")],
        vec![("a b", Float(1.0))],
        None,
    );
    check(
        r#"m,p=C:\dir\\x s="a \"q\" \\ \n C:\dir""#,
        "m",
        &[("p", r"C:\dir\\x")],
        vec![("s", Text(r#"a "q" \ \n C:\dir"#.to_owned()))],
        None,
    );
    check(
        "m s=\"two\nlines, and = signs\" -1",
        "m",
        &[],
        vec![("s", Text("two\nlines, and = signs".to_owned()))],
        Some(-1),
    );
}

#[test]
fn floats_are_the_nearest_doubles() {
    for text in [
        "0",
        "-0.0",
        "1.",
        ".5",
        "+1.5",
        "0.1",
        "123456789.012345",
        "123456789012345678",
        "1e5",
        "1E-5",
        "1.7976931348623157e308",
        "1e400",
        "0.30000000000000004",
        "-21.5",
    ] {
        let expect: f64 = text.parse().unwrap();
        assert_eq!(
            float(text).map(f64::to_bits),
            Some(expect.to_bits()),
            "{text}"
        );
    }
    for text in [
        "", "-", ".", "nan", "inf", "1x", "1.2.3", "--1", "0x10", "1_0", "1e",
    ] {
        assert_eq!(float(text), None, "{text}");
    }
}

#[test]
fn what_is_no_line_is_reported_by_its_place() {
    for (text, at, what) in [
        ("m", 1, "a space and a field"),
        ("m ", 2, "a field's name"),
        (",a=b v=1", 0, "a measurement"),
        ("m, v=1", 2, "a tag's name"),
        ("m,a v=1", 3, "= and a value behind the tag's name"),
        ("m,a= v=1", 4, "a tag's value"),
        ("m,a=b=c v=1", 5, "a tag's value with its = escaped"),
        ("m v", 3, "= and a value behind the field's name"),
        ("m v=", 4, "a number, a boolean or a text in quotes"),
        ("m v=NaN", 4, "a number, a boolean or a text in quotes"),
        (
            "m v=99999999999999999999i",
            4,
            "a number, a boolean or a text in quotes",
        ),
        ("m v=\"x", 4, "the closing quote of a text"),
        (
            "m v=\"x\"y",
            7,
            "a comma, a space or the end behind the field",
        ),
        (
            "m v=1 soon",
            6,
            "a whole number for the time, and nothing behind it",
        ),
        ("m v=1 9999999999999999999", 6, "a time of 64 bits"),
        ("m\u{b}x v=1", 1, "no control character in a name"),
    ] {
        assert_eq!(points(text), Err(LineError { at, what }), "{text:?}");
    }
}

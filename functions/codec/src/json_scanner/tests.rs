//! The judge is serde_json: what one takes the other takes, with equal values.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// Reads a whole text into serde_json's tree through the scanner.
fn scan(text: &str) -> Result<Json, SyntaxError> {
    let mut scratch = Scratch::default();
    let mut scanner = Scanner::new(text, &mut scratch);
    let value = scan_value(&mut scanner)?;
    scanner.end()?;
    Ok(value)
}

fn scan_value(scanner: &mut Scanner<'_, '_>) -> Result<Json, SyntaxError> {
    Ok(match scanner.peek()? {
        Kind::Null => {
            scanner.null()?;
            Json::Null
        }
        Kind::Boolean => Json::Bool(scanner.boolean()?),
        Kind::Number => {
            let number = scanner.number()?;
            let value = number.to_f64(scanner.source());
            serde_json::Number::from_f64(value)
                .map_or(Json::String("infinite".into()), Json::Number)
        }
        Kind::String => {
            let span = scanner.string()?;
            Json::String(scanner.resolve(span).to_owned())
        }
        Kind::Array => {
            scanner.open()?;
            let (mut items, mut first) = (Vec::new(), true);
            while scanner.next_element(&mut first)? {
                items.push(scan_value(scanner)?);
            }
            Json::Array(items)
        }
        Kind::Object => {
            scanner.open()?;
            let (mut members, mut first) = (serde_json::Map::new(), true);
            while let Some(key) = scanner.next_key(&mut first)? {
                let key = scanner.resolve(key).to_owned();
                members.insert(key, scan_value(scanner)?);
            }
            Json::Object(members)
        }
    })
}

/// Checks a value without building it.
fn skip(text: &str) -> Result<Kind, SyntaxError> {
    let mut scratch = Scratch::default();
    let mut scanner = Scanner::new(text, &mut scratch);
    let kind = scanner.skip()?;
    scanner.end()?;
    Ok(kind)
}

/// All numbers as doubles: the scanner has no other.
fn as_doubles(value: Json) -> Json {
    match value {
        Json::Number(number) => {
            let value = number
                .as_f64()
                .expect("serde_json reads every number as a double");
            serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number)
        }
        Json::Array(items) => Json::Array(items.into_iter().map(as_doubles).collect()),
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(key, value)| (key, as_doubles(value)))
                .collect(),
        ),
        other => other,
    }
}

#[track_caller]
fn same_as_serde_json(text: &str) {
    let ours = scan(text);
    assert_eq!(
        ours.is_ok(),
        skip(text).is_ok(),
        "reading and skipping agree on {text:?}"
    );
    match (ours, serde_json::from_str::<Json>(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, as_doubles(theirs), "{text:?}"),
        (Err(_), Err(_)) => {}
        // It refuses numbers beyond the range of doubles while it scans.
        (Ok(_), Err(error)) if error.to_string().contains("number out of range") => {}
        // Its limit of nesting is one level lower.
        (Ok(_), Err(error)) if error.to_string().contains("recursion limit") => {}
        (ours, theirs) => panic!("{text:?}: {ours:?} against {theirs:?}"),
    }
}

#[test]
fn it_takes_and_refuses_what_the_grammar_says() {
    for text in [
        "",
        " ",
        "null",
        "true",
        "false",
        "nul",
        "nulll",
        "True",
        "tru",
        "NaN",
        "Infinity",
        "-Infinity",
        "0",
        "-0",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "1 2",
        "--1",
        "1.5.5",
        "\"\"",
        "\"a",
        "\"a\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "\"\u{0}\"",
        "\"é€😀\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "'a'",
        "[]",
        "[1]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "]",
        "{}",
        "{\"a\":1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1",
        "}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"a\":2}",
        "\u{feff}1",
        "1\u{a0}",
        "[1]x",
        "/**/1",
        " \r\n\t[ 1 , { \"a\" : [ ] } ] ",
        "[[[[]]]]",
        "{\"\\u0061\":{\"\\n\":null}}",
        "\"\\u+123\"",
    ] {
        same_as_serde_json(text);
    }
}

#[test]
fn numbers_are_the_nearest_doubles() {
    for text in [
        "0.1",
        "0.30000000000000004",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992.5",
        "123456789012345678901234567890",
        "1.7976931348623157e308",
        "4.9e-324",
        "2.4e-324",
        "1e-400",
        "1e400",
        "-1e400",
        "0e999999999999",
        "0.000000000000000000000000000000000000001",
        "1e-22",
        "3e-23",
        "12345678.90123456789",
        "89255.0e-22",
        "1000000000000000000000000000000e-30",
        "5e-1",
    ] {
        let mut scratch = Scratch::default();
        let number = Scanner::new(text, &mut scratch).number().unwrap();
        let expect: f64 = text.parse().unwrap();
        assert_eq!(number.to_f64(text).to_bits(), expect.to_bits(), "{text}");
    }
}

#[test]
fn integers_are_exact_or_known_not_to_be() {
    #[track_caller]
    fn check(text: &str, inexact: bool, whole: Option<i64>) {
        let mut scratch = Scratch::default();
        let number = Scanner::new(text, &mut scratch).number().unwrap();
        assert_eq!(number.is_inexact_integer(text), inexact, "{text}");
        assert_eq!(number.to_i64(text), whole, "{text}");
    }
    check("0", false, Some(0));
    check("-0", false, Some(0));
    check("9007199254740992", false, Some(1 << 53));
    check("9007199254740993", true, Some((1 << 53) + 1));
    check("-9007199254740993", true, Some(-(1 << 53) - 1));
    check("9007199254740994", false, Some((1 << 53) + 2));
    check("9223372036854775807", true, Some(i64::MAX));
    check("-9223372036854775808", false, Some(i64::MIN));
    check("9223372036854775808", false, None);
    check("18446744073709551616", false, None);
    check("18446744073709551617", true, None);
    check("100000000000000000000", false, None);
    check("9007199254740993.0", false, Some(1 << 53));
    check("1.5", false, None);
    check("1700000000000.0", false, Some(1_700_000_000_000));
    check("1.7e12", false, Some(1_700_000_000_000));
    check("1e19", false, None);
    check("1e400", false, None);
}

#[test]
fn nesting_ends_at_the_limit_without_recursion_beyond_it() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(skip(&nested(128)).is_ok());
    assert_eq!(skip(&nested(129)), Err(SyntaxError::TooDeep { at: 128 }));
    assert_eq!(
        skip(&"[".repeat(100_000)),
        Err(SyntaxError::TooDeep { at: 128 })
    );
    assert!(matches!(
        skip(&"{\"a\":".repeat(100_000)),
        Err(SyntaxError::TooDeep { .. })
    ));
    // What is closed again does not count.
    assert!(skip(&format!("[{}]", "[],".repeat(1_000) + "[]")).is_ok());
}

#[test]
fn repeated_member_names_are_found_at_any_depth() {
    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let mut scratch = Scratch::default();
        let mut scanner = Scanner::new(text, &mut scratch);
        scanner.skip().unwrap();
        let repeated = scanner.take_repeated();
        assert_eq!(repeated.map(|key| scanner.resolve(key)), expect, "{text}");
        assert_eq!(scanner.take_repeated(), None);
    }
    check(r#"{"a":1,"b":2}"#, None);
    check(r#"{"a":1,"b":2,"a":3}"#, Some("a"));
    check(r#"{"a":{"a":{"a":1}}}"#, None);
    check(r#"[{"a":1},{"a":1}]"#, None);
    check(r#"{"x":[{"y":{"k":1,"k":1}}]}"#, Some("k"));
    check(r#"{"k":"\n","\u006b":1}"#, Some("k"));
    let many = |last: usize| {
        let members: Vec<String> = (0..1_000)
            .chain([last])
            .map(|i| format!("\"k{i}\":0"))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    check(&many(1_000), None);
    check(&many(500), Some("k500"));
}

/// Pieces that JSON is made of, so that random texts come near to it.
fn near_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(":".to_owned()),
        Just(",".to_owned()),
        Just(" ".to_owned()),
        Just("\"a\"".to_owned()),
        Just("\"".to_owned()),
        Just("\\u00".to_owned()),
        Just("\\ud83d\\ude00".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1".to_owned()),
        Just("-".to_owned()),
        Just(".".to_owned()),
        Just("e".to_owned()),
        "[0-9]{1,20}",
        "\\PC",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn near_json_is_judged_as_serde_json_does(text in near_json()) {
        same_as_serde_json(&text);
    }

    #[test]
    fn json_is_read_as_serde_json_does(value in any_json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        same_as_serde_json(&text.unwrap());
    }

    #[test]
    fn a_changed_byte_is_judged_as_serde_json_does(
        value in any_json(), at: prop::sample::Index, byte in 0u8..0x80,
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        *at.get_mut(&mut bytes) = byte;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            same_as_serde_json(text);
        }
    }

    #[test]
    fn strings_with_escapes_are_read_as_serde_json_does(
        units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd7f0u16..0xe010], 0..6),
    ) {
        let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        same_as_serde_json(&format!("\"{escapes}\""));
    }

    #[test]
    fn every_written_double_is_read_back(
        mantissa in any::<u64>(), exponent in -330i32..330, point in 0usize..20, negative: bool,
    ) {
        let mut digits = mantissa.to_string();
        if point > 0 && point < digits.len() {
            digits.insert(point, '.');
        }
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{digits}e{exponent}");
        let mut scratch = Scratch::default();
        let number = Scanner::new(&text, &mut scratch).number().unwrap();
        let expect: f64 = text.parse().unwrap();
        prop_assert_eq!(number.to_f64(&text).to_bits(), expect.to_bits(), "{}", text);
    }
}

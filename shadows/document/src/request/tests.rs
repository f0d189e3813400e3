use super::*;

fn limits() -> Shadows {
    Shadows::default()
}

#[track_caller]
fn check(body: &[u8], code: u16, message: &str) {
    let text = String::from_utf8_lossy(body).into_owned();
    let rejected = UpdateRequest::parse(body, &limits()).request.unwrap_err();
    assert_eq!(
        (rejected.code(), rejected.to_string().as_str()),
        (code, message),
        "{text}"
    );
}

#[test]
fn every_refusal_has_the_code_and_the_text_of_the_service() {
    check(b"", 400, "Invalid JSON");
    check(b"{", 400, "Invalid JSON");
    check(b"[]", 400, "Invalid JSON");
    check(b"{\"state\": {}} x", 400, "Invalid JSON");
    check("[".repeat(100_000).as_bytes(), 400, "Invalid JSON");
    check(
        b"\xff{}",
        415,
        "Unsupported documented encoding; supported encoding is UTF-8",
    );
    check(b"{}", 400, "Missing required node: state");
    check(br#"{"state": 1}"#, 400, "State node must be an object");
    check(br#"{"state": []}"#, 400, "State node must be an object");
    check(
        br#"{"state": {"desired": 1}}"#,
        400,
        "Desired node must be an object",
    );
    check(
        br#"{"state": {"reported": []}}"#,
        400,
        "Reported node must be an object",
    );
    check(
        br#"{"state": {"delta": {}}}"#,
        400,
        "State contains an invalid node",
    );
    check(
        br#"{"state": {"desired": {"a": [1, null]}}}"#,
        400,
        "State contains an invalid node",
    );
    check(
        br#"{"state": {"desired": {"a": [{"b": null}]}}}"#,
        400,
        "State contains an invalid node",
    );
    check(
        br#"{"state": {"desired": {"a": [{"b": [null]}]}}}"#,
        400,
        "State contains an invalid node",
    );
    for version in ["-1", "1.5", "\"1\"", "{}", "1e30"] {
        let body = format!(r#"{{"state": {{}}, "version": {version}}}"#);
        check(body.as_bytes(), 400, "Invalid version");
    }
    for token in ["1", "null", "{}", &format!("\"{}\"", "t".repeat(65))] {
        let body = format!(r#"{{"state": {{}}, "clientToken": {token}}}"#);
        check(body.as_bytes(), 400, "Invalid clientToken");
    }
}

#[test]
fn a_token_of_64_bytes_is_echoed_also_by_a_refusal() {
    let token = "t".repeat(64);
    let parsed = UpdateRequest::parse(
        format!(r#"{{"clientToken": "{token}", "state": 1}}"#).as_bytes(),
        &limits(),
    );
    assert_eq!(parsed.client_token.as_deref(), Some(token.as_str()));
    assert_eq!(parsed.request, Err(Rejected::StateNotObject));
}

/// `{"a": {"a": … 1}}` or the same of arrays, of that many levels.
fn nested(levels: usize, open: &str, close: &str) -> Vec<u8> {
    let inner = format!("{}1{}", open.repeat(levels - 1), close.repeat(levels - 1));
    format!(r#"{{"state": {{"desired": {{"a": {inner}}}}}}}"#).into_bytes()
}

#[test]
fn nesting_is_counted_from_the_section_on() {
    for (open, close) in [("{\"a\":", "}"), ("[", "]"), ("[{\"a\":", "}]")] {
        let per_step = if open.starts_with("[{") { 2 } else { 1 };
        for max in [2, 6, 8] {
            let limits = Shadows {
                max_depth: max,
                ..limits()
            };
            for steps in 1..=10 {
                let levels = 1 + per_step * (steps - 1);
                let parsed = UpdateRequest::parse(&nested(steps, open, close), &limits);
                let expect = if levels <= max {
                    None
                } else {
                    Some(Rejected::TooDeep { max })
                };
                assert_eq!(
                    parsed.request.err(),
                    expect,
                    "{levels} levels of {open}, at most {max}"
                );
            }
        }
    }
    let text = Rejected::TooDeep { max: 6 }.to_string();
    assert_eq!(
        text,
        "JSON contains too many levels of nesting; maximum is 6"
    );
}

#[test]
fn a_get_has_no_body_or_an_object() {
    assert_eq!(client_token(b""), Ok(None));
    assert_eq!(client_token(b"{}"), Ok(None));
    assert_eq!(
        client_token(br#"{"clientToken": "x", "else": 1}"#),
        Ok(Some("x".to_owned()))
    );
    assert_eq!(client_token(b"x"), Err(Rejected::InvalidJson));
    assert_eq!(
        client_token(br#"{"clientToken": 1}"#),
        Err(Rejected::InvalidClientToken)
    );
}

#[test]
fn sections_are_absent_removed_or_patched() {
    let body = br#"{"state": {"desired": null}, "version": 3, "clientToken": "t"}"#;
    let request = UpdateRequest::parse(body, &limits()).request.unwrap();
    assert_eq!(
        request,
        UpdateRequest {
            desired: Section::Remove,
            reported: Section::Absent,
            client_token: Some("t".to_owned()),
            version: Some(3),
        }
    );
}

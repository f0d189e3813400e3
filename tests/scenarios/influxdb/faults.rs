//! An InfluxDB that hangs, refuses, throttles or loses its answers: nothing is
//! lost or doubled, nobody else waits, `/readyz` says why, and there is no hot
//! loop.

use std::time::Duration;

use weir_tests::{
    Answer, DEADLINE, InfluxPeer, LoadSpec, Loader, Weir, WeirSpec, audit, wait_until,
};

fn spec(peer: &InfluxPeer, more: &str) -> WeirSpec {
    let sink = format!("[store.influxdb]\nurl = \"{}\"\n{more}\n", peer.url());
    WeirSpec::embedded()
        .with(&sink)
        .allow("InfluxDB does not take the batch")
}

fn refuse(status: u16, text: &str) -> Answer {
    Answer::Refuse(status, "", text.to_owned())
}

/// Waits until `/readyz` says this of the sink.
#[track_caller]
fn wait_reported(weir: &Weir, text: &str) {
    let mut seen = String::new();
    wait_until(&format!("/readyz reports {text}"), DEADLINE, || {
        seen = weir.http().get("/readyz").text();
        seen.contains(text) && seen.contains("\"influxdb\"")
    });
}

#[track_caller]
fn wait_ready(weir: &Weir) {
    weir.wait_recovered();
}

#[track_caller]
fn wait_rows(peer: &InfluxPeer, expect: usize) {
    wait_until(&format!("the peer has {expect} rows"), DEADLINE, || {
        peer.rows().len() >= expect
    });
    assert_eq!(peer.rows().len(), expect);
}

#[test]
fn a_sink_that_hangs_is_timed_out_and_nobody_else_waits() {
    let peer = InfluxPeer::start(|_, _| Answer::Hang);
    let weir = Weir::start(spec(
        &peer,
        "batch_interval = \"10ms\"\ntimeout = \"200ms\"",
    ));
    let report = Loader::start(weir.mqtt(), LoadSpec::new("hang", 1_000)).finish();
    audit(&weir, &[&report]);
    wait_reported(&weir, "timed out");
    peer.script(|_, _| Answer::Take);
    wait_rows(&peer, 2_000);
    wait_ready(&weir);
}

#[test]
fn a_sink_that_throttles_is_left_alone_for_as_long_as_it_asks() {
    let wait = Duration::from_secs(3);
    let peer = InfluxPeer::start(|nth, _| match nth {
        0 => Answer::Refuse(429, "Retry-After: 3\r\n", "slow down".to_owned()),
        1 => Answer::Refuse(503, "Retry-After: 3\r\n", "busy".to_owned()),
        _ => Answer::Take,
    });
    let weir = Weir::start(spec(&peer, "batch_interval = \"10ms\""));
    weir.ingest_and_wait("pump", r#"{"flow": 1}"#);
    wait_reported(&weir, "429");
    // Neither ingestion nor the embedded store waits for it.
    weir.ingest_and_wait("pump", r#"{"flow": 2}"#);
    weir.wait_count("SELECT count(*) FROM readings", 2);
    wait_rows(&peer, 2);
    wait_ready(&weir);
    let writes = peer.writes();
    for pair in writes[..3].windows(2) {
        assert!(pair[1].at - pair[0].at >= wait, "{writes:?}");
    }
}

#[test]
fn a_token_that_is_not_accepted_is_tried_slowly_and_read_anew() {
    let peer = InfluxPeer::start(|_, write| match write.authorization.as_deref() {
        Some("Token good") => Answer::Take,
        _ => refuse(401, "unauthorized access"),
    });
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let token = folder.path().join("influx.token");
    std::fs::write(&token, "old").expect("it is writable");
    let weir = Weir::start(spec(&peer, &format!("token_file = {token:?}")));
    let report = Loader::start(weir.mqtt(), LoadSpec::new("auth", 500)).finish();
    audit(&weir, &[&report]);
    wait_reported(&weir, "the token is not accepted");
    std::fs::write(&token, "good\n").expect("it is writable");
    wait_rows(&peer, 1_000);
    wait_ready(&weir);
    let refused = peer.writes();
    let refused = refused
        .iter()
        .filter(|write| write.authorization.as_deref() != Some("Token good"));
    // 5 s apart, and once for each of two requests at once.
    assert!(refused.count() <= 8, "no hot loop");
    weir.wait_count("SELECT count(*) FROM quarantine", 0);
    assert!(!weir.log().contains("Token"), "the token is not logged");
}

#[test]
fn one_bad_line_of_thousands_is_quarantined_and_the_others_are_stored() {
    let load = LoadSpec::new("bad", 2_500);
    let bad = format!(
        "device={},sensor=temperature,location=plant-1 value=23.4 {}000000",
        load.device(1_234),
        load.time_ms(1_234)
    );
    let found = bad.clone();
    let peer = InfluxPeer::start(move |_, write| match write.body.contains(&found) {
        true => refuse(
            422,
            r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict: input field \"value\" dropped=1"}"#,
        ),
        false => Answer::Take,
    });
    // Long enough for all of them to come as one batch on most runs.
    let spec = spec(&peer, "batch_interval = \"2s\"");
    let weir = Weir::start(spec);
    let report = Loader::start(weir.mqtt(), load).finish();
    wait_rows(&peer, 4_999);
    let rejected = format!(
        "SELECT count(*) FROM quarantine WHERE reason = 'store_rejected' AND detail LIKE \
         '%field type conflict%' AND payload LIKE '%{bad}'"
    );
    weir.wait_count(&rejected, 1);
    weir.wait_count("SELECT count(*) FROM quarantine", 1);
    // The embedded store has all of them.
    audit(&weir, &[&report]);
    wait_ready(&weir);
}

#[test]
fn a_server_that_refuses_everything_is_a_fault_of_the_server() {
    let peer = InfluxPeer::start(|_, _| refuse(400, "<html>Bad Request</html>"));
    let weir = Weir::start(spec(&peer, "batch_interval = \"10ms\""));
    let report = Loader::start(weir.mqtt(), LoadSpec::new("all", 500)).finish();
    wait_reported(&weir, "it refuses everything: 400");
    assert!(peer.writes().len() < 60, "{} requests", peer.writes().len());
    peer.script(|_, _| Answer::Take);
    wait_rows(&peer, 1_000);
    wait_ready(&weir);
    audit(&weir, &[&report]);
    weir.wait_count("SELECT count(*) FROM quarantine", 0);
}

#[test]
fn what_was_written_and_not_answered_is_written_again_into_the_same_row() {
    // Every other answer is lost.
    let peer = InfluxPeer::start(|nth, _| match nth % 2 {
        0 => Answer::TakeAndCut,
        _ => Answer::Take,
    });
    let mut weir = Weir::start(spec(
        &peer,
        "batch_interval = \"10ms\"\nbatch_lines = 500\nparallel = 1",
    ));
    let load = Loader::start(weir.mqtt(), LoadSpec::new("lost", 4_000));
    load.wait_acknowledged(1_000);
    weir.kill9();
    weir.restart_unready();
    let report = load.finish();
    wait_rows(&peer, 8_000);
    wait_ready(&weir);
    audit(&weir, &[&report]);
    let lines: usize = peer
        .writes()
        .iter()
        .map(|write| write.body.lines().count())
        .sum();
    assert!(lines > 8_000, "some were written twice");
    assert!(peer.writes().iter().all(|write| write.gzip));
    let rows = peer.rows();
    for message in 0..report.sent {
        let (device, time) = (report.spec.device(message), report.spec.time_ms(message));
        for (sensor, value) in report.spec.readings(message) {
            let series = format!("readings,device={device},sensor={sensor},location=plant-1");
            let key = (series, format!("{time}000000"));
            assert_eq!(rows.get(&key), Some(&format!("value={value:?}")), "{key:?}");
        }
    }
}

//! A database that fails while the rest of the disk works: the one of alarms, the
//! one of the quarantine. Messages are taken all the same; what could not be
//! recorded is, after a restart.

use serde_json::json;
use weir_tests::{DEADLINE, Exit, LoadSpec, Loader, Weir, WeirSpec, now_ms, wait_until};

fn spec() -> WeirSpec {
    WeirSpec::embedded().with("[store.embedded]\nflush_interval = \"100ms\"\n")
}

/// Each sends one bad reading and one above its limit, of another sensor each.
fn send(weir: &Weir, nth: usize) {
    let reading = |sensor: &str| json!({"sensorId": sensor, "value": 95, "criticalThreshold": 90});
    let event =
        json!({"timestamp": now_ms(), "data": [reading(&format!("hot-{nth}")), {"sensorId": "x"}]});
    weir.ingest("press", "", event.to_string()).expect(202);
}

fn fails(file: &str, component: &str) {
    // A start takes fewer; nothing is written there after the first failure.
    let faulty = spec()
        .inject_into(file, "fdatasync,pwrite64", "error=EIO:when=60+")
        .allow("cannot record")
        .allow("checkpoint failed")
        .allow("Previous I/O error")
        .allow("not recorded");
    let mut weir = Weir::start(faulty);
    let mut sent = 0;
    wait_until("/readyz reports the database", DEADLINE, || {
        send(&weir, sent);
        sent += 1;
        let reasons = weir.http().get("/readyz").json()["reasons"].clone();
        reasons[component]
            .as_str()
            .is_some_and(|reason| reason.contains("cannot record"))
    });
    // The listeners continue: the journal keeps what is not recorded.
    let report = Loader::start(weir.mqtt(), LoadSpec::new("on", 500)).finish();
    send(&weir, sent);
    sent += 1;
    assert_eq!(weir.sigterm(), Exit::Code(0), "{}", weir.log());

    weir.restart_with(
        spec()
            .allow("cannot record")
            .allow("checkpoint failed")
            .allow("not recorded"),
    );
    let sent_readings = 2 * (report.sent + sent) as u64;
    let stored = sent_readings - sent as u64;
    wait_until("everything is recorded", DEADLINE, || {
        weir.count("SELECT count(*) FROM readings") == stored
            && weir.count("SELECT count(*) FROM quarantine") == sent as u64
    });
    weir.wait_count(
        "SELECT count(*) FROM alerts WHERE device = 'press'",
        sent as u64,
    );
    weir.wait_alarms("state=active&device=press&limit=1000", sent);
    weir.flow().assert_conserved();
}

#[test]
#[ignore = "needs strace"]
fn an_alarm_database_that_fails_loses_no_alarm_after_a_restart() {
    fails("alarms.redb", "alarms");
}

#[test]
#[ignore = "needs strace"]
fn a_quarantine_that_fails_loses_no_entry_after_a_restart() {
    fails("quarantine.redb", "quarantine");
}

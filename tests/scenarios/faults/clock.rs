//! The wall clock jumps, by hours and by more than a year, and a process that is
//! stopped for a while: nothing is wiped, cleared or lost.

use std::thread;
use std::time::Duration;

use serde_json::json;
use weir_tests::{Broker, Clock, LoadSpec, Loader, Site, Weir, WeirSpec, audit, effort, now_ms};

fn raise(weir: &Weir, time: i64, value: f64) {
    let event = json!({"deviceId": "boiler", "timestamp": time, "data": [
        {"sensorId": "temperature", "value": value, "criticalThreshold": 90.0}]});
    weir.ingest_and_wait("boiler", event.to_string());
}

/// The year that a Weir takes it to be, by a reading that brings no time.
fn year(weir: &Weir, device: &str) -> String {
    weir.ingest_and_wait(device, r#"{"tick": 1}"#);
    let of_device = format!("FROM readings WHERE device = '{device}'");
    weir.wait_count(&format!("SELECT count(*) {of_device}"), 1);
    let sql = format!("SELECT time {of_device}");
    let rows = weir.sql(&sql);
    rows[0]["time"].as_str().expect("a time")[..4].to_owned()
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_that_jumps_wipes_nothing_and_clears_no_alarm() {
    let clock = Clock::start();
    let config = "[store.embedded]\nflush_interval = \"100ms\"\n";
    let spec = clock.apply(WeirSpec::embedded().with(config));
    let mut weir = Weir::start(spec);
    let start = now_ms() - 60_000;
    raise(&weir, start, 95.0);

    // An hour ahead and an hour back, under load.
    let load = Loader::start(weir.mqtt(), LoadSpec::new("clock", usize::MAX));
    for offset in ["+1h", "-1h", "+0"] {
        load.wait_acknowledged(load.acknowledged() + 1_000);
        clock.set(offset);
    }
    load.wait_acknowledged(load.acknowledged() + 1_000);
    let report = load.drain();
    let stored = 2 * report.sent as u64 + 1;
    weir.wait_count("SELECT count(*) FROM readings", stored);
    weir.wait_alarms("state=active", 1);

    // More than a year ahead: all of it is older than retention now.
    let this_year = year(&weir, "before");
    clock.set("+400d");
    assert!(year(&weir, "ahead") > this_year, "the clock was moved");
    let files = weir.metric("weir_store_files");
    let count = "SELECT count(*) FROM readings";
    weir.wait_count(count, stored + 2);
    weir.kill9();
    weir.restart();
    weir.wait_count(count, stored + 2);
    assert!(files > 0.0);
    weir.wait_alarms("state=active", 1);

    // And back. The alarm is cleared by its reading, once, and by nothing else.
    clock.set("+0");
    raise(&weir, start + 1_000, 20.0);
    weir.wait_alarms("state=active", 0);
    weir.wait_count("SELECT count(*) FROM alerts WHERE device = 'boiler'", 2);
    weir.flow().assert_conserved();
}

#[test]
fn a_process_that_stands_still_for_a_while_loses_nothing() {
    stands_still(Broker::Embedded);
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_process_that_stands_still_for_a_while_loses_nothing_of_an_external_broker() {
    stands_still(Broker::External);
}

fn stands_still(broker: Broker) {
    // A broker may take it for dead and close.
    let mut site = Site::start(broker, |spec| spec.allow("source").allow("publisher"));
    let load = Loader::start(site.mqtt(), LoadSpec::new("still", usize::MAX));
    for _ in 0..effort(3, 2) {
        load.wait_acknowledged(load.acknowledged() + 1_000);
        site.weir.process().freeze();
        thread::sleep(effort(Duration::from_millis(700), Duration::from_secs(60)));
        site.weir.process().resume();
    }
    load.wait_acknowledged(load.acknowledged() + 1_000);
    let report = load.drain();
    audit(&site.weir, &[&report]);
}

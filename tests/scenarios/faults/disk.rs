//! A disk that fails, and a process that dies at a chosen system call.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_tests::mqtt::Connection;
use weir_tests::{DEADLINE, LoadSpec, Loader, Weir, WeirSpec, audit, now_ms, wait_until};

/// Frequent checkpoints, so that there is something to sync.
fn spec() -> WeirSpec {
    WeirSpec::embedded().with("[store.embedded]\nflush_interval = \"100ms\"\n")
}

/// Dies at the `nth` such call of any thread, is started again without the
/// fault, and must hold what was acknowledged.
fn dies_at(calls: &str, nth: u32) {
    let fault = format!("signal=SIGKILL:when={nth}");
    let mut weir = Weir::launch(spec().inject(calls, &fault));
    let mut load = None;
    if weir.ready_or_ended() {
        load = Some(Loader::start(weir.mqtt(), LoadSpec::new("nth", 3_000)));
        let load = load.as_ref().expect("it was just started");
        wait_until("it has died or the load is through", DEADLINE, || {
            weir.process().ended().is_some() || load.acknowledged() == 3_000
        });
    }
    weir.kill9();
    weir.restart_with(spec());
    let load = load.unwrap_or_else(|| Loader::start(weir.mqtt(), LoadSpec::new("nth", 500)));
    let report = load.finish();
    audit(&weir, &[&report]);
}

#[test]
#[ignore = "needs strace"]
fn a_death_at_any_sync_loses_nothing() {
    for nth in 1..=25 {
        dies_at("fsync,fdatasync", nth);
    }
}

#[test]
#[ignore = "needs strace"]
fn a_death_at_any_rename_loses_nothing() {
    for nth in 1..=12 {
        dies_at("rename,renameat,renameat2", nth);
    }
}

#[test]
#[ignore = "needs strace"]
fn a_death_at_any_write_loses_nothing() {
    for nth in 1..=25 {
        dies_at("write,writev,pwrite64,pwritev", nth);
    }
}

/// Dying between the making of a segment and its first byte is an ordinary
/// death: the next start has nothing to warn of, which the end of a `Weir` asserts.
#[test]
fn a_segment_without_a_byte_is_no_damage() {
    let mut weir = Weir::start(spec());
    let report = Loader::start(weir.mqtt(), LoadSpec::new("unused", 100)).finish();
    weir.kill9();
    let unused = weir.data_dir().join("journal/00000000000099999999.log");
    std::fs::File::create_new(&unused).expect("the journal's folder is there");
    weir.restart_with(spec());
    let again = Loader::start(weir.mqtt(), LoadSpec::new("again", 100)).finish();
    audit(&weir, &[&report, &again]);
}

#[test]
#[ignore = "needs strace"]
fn no_message_is_acknowledged_before_its_commit() {
    const DELAY: Duration = Duration::from_millis(300);
    let fault = format!("delay_enter={}", DELAY.as_micros());
    let weir = Weir::start(WeirSpec::embedded().inject("fdatasync", &fault));
    let mut device = Connection::connect(weir.mqtt().get(), "slow").expect("the broker accepts");
    for qos in [1, 2, 1] {
        let event = format!(r#"{{"timestamp":{},"a":1}}"#, now_ms());
        let start = Instant::now();
        device
            .publish(b"devices/d/telemetry", event.as_bytes(), qos)
            .expect("it is acknowledged");
        assert!(
            start.elapsed() >= DELAY,
            "QoS {qos}: after {:?}",
            start.elapsed()
        );
    }
    let start = Instant::now();
    weir.ingest("d", "", r#"{"b":1}"#).expect(202);
    assert!(
        start.elapsed() >= DELAY,
        "HTTP: after {:?}",
        start.elapsed()
    );
    weir.wait_received(4);
}

#[test]
#[ignore = "needs strace"]
fn after_a_failed_sync_nothing_is_acknowledged_until_a_restart() {
    // Only the 60th of a thread fails: a start has fewer, the journal under load
    // more. To try again would look like success, and lose data.
    let faulty = spec().inject("fdatasync", "error=EIO:when=60");
    let mut weir = Weir::start(faulty.allow("journal").allow("fdatasync"));
    let load = Loader::start(weir.mqtt(), LoadSpec::new("eio", 50_000));
    let mut reason = String::new();
    wait_until("/readyz reports the journal", DEADLINE, || {
        let answer = weir.http().get("/readyz");
        reason = answer.text();
        answer.status == 503 && reason.contains("journal")
    });
    let event = json!({"a": 1}).to_string();
    assert_eq!(weir.ingest("d", "", event).status, 503, "{reason}");
    weir.kill9();
    weir.restart_with(spec().allow("journal").allow("fdatasync"));
    let report = load.finish();
    audit(&weir, &[&report]);
}

//! Weir dies at every sync of its alarm database: while an alarm is recorded, while
//! the decision to notify is stored, and between a delivery and its mark. Each
//! transition is notified at least once under one id, and none is made twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use weir_tests::{DEADLINE, Hook, Weir, WeirSpec, effort, now_ms, wait_until};

/// Raised and cleared, so often.
const EPISODES: i64 = 4;

fn spec(hook: &Hook) -> WeirSpec {
    let sections = format!(
        "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
         critical_high = 90.0\n\n[watchdog]\nalerts = false\n\n{}",
        hook.channel("hook")
    );
    WeirSpec::embedded().with(&sections)
}

/// A reading; false when Weir dies of it.
fn read(weir: &Weir, time: i64, value: f64) -> bool {
    let event = json!({"timestamp": time,
                       "data": [{"sensorId": "temperature", "value": value}]});
    let path = "/api/v1/ingest/devices/pump-1/telemetry?wait=processed";
    let answer = weir
        .http()
        .send("POST", path, "*/*", event.to_string().as_bytes());
    answer.is_ok_and(|answer| answer.status == 200)
}

/// Dies at the `nth` sync of the database by one thread; whether that was while
/// alarms came.
fn dies_at(nth: u32) -> bool {
    let hook = Hook::start();
    let fault = format!("signal=SIGKILL:when={nth}");
    let faulty = spec(&hook).inject_into("alarms.redb", "fsync,fdatasync", &fault);
    let mut weir = Weir::launch(faulty);
    let begun = now_ms() - 60_000;
    let readings = (0..2 * EPISODES).map(|n| (begun + 1_000 * n, [95.0, 20.0][n as usize % 2]));
    let came = weir.ready_or_ended();
    if came {
        for (time, value) in readings.clone() {
            if !read(&weir, time, value) {
                break;
            }
        }
        let all = 2 * EPISODES as usize;
        wait_until("it has died or all is delivered", DEADLINE, || {
            weir.process().ended().is_some() || hook.taken().len() >= all
        });
    }
    let died = came && weir.process().ended().is_some();
    weir.kill9();
    weir.restart_with(spec(&hook));
    // Those that it has already change nothing.
    for (time, value) in readings {
        assert!(read(&weir, time, value), "it answers");
    }
    let transitions = 2 * EPISODES as usize;
    weir.wait_count("SELECT count(*) FROM alerts", transitions as u64);
    let episodes = "SELECT count(DISTINCT alarm_id) FROM alerts";
    assert_eq!(weir.count(episodes), EPISODES as u64);
    let mut notified: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    wait_until("every transition is notified", DEADLINE, || {
        for one in hook.taken() {
            let alert = one.json()["data"]["alerts"][0]["id"].to_string();
            let id = one.header("webhook-id").unwrap_or_default().to_owned();
            notified.entry(alert).or_default().insert(id);
        }
        notified.len() >= transitions
    });
    assert_eq!(notified.len(), transitions);
    assert!(notified.values().all(|ids| ids.len() == 1), "{notified:?}");
    died
}

#[test]
#[ignore = "needs strace"]
fn a_death_at_any_sync_of_the_alarms_notifies_everything_under_one_id() {
    // The first ones are those of the start.
    let died = (effort(6, 1)..=effort(13, 30)).filter(|nth| dies_at(*nth));
    assert!(died.count() >= 3, "alarms came when it died");
}

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_config::Shadows;

use crate::document::{Document, Wanted};
use crate::request::UpdateRequest;

/// The second in which clients write.
const NOW_S: i64 = 1_700_000_000;
const NOW: i64 = NOW_S * 1_000;

fn parse(body: &Value) -> UpdateRequest {
    UpdateRequest::parse(body.to_string().as_bytes(), &Shadows::default())
        .request
        .unwrap()
}

fn write(document: &mut Document, reported: Value, now_s: i64) {
    let request = parse(&json!({"state": {"reported": reported}}));
    document
        .update(&request, now_s, &Shadows::default(), Wanted::Delta)
        .unwrap();
}

/// False when all of it came too late.
fn report(document: &mut Document, reported: Value, now_s: i64) -> bool {
    let mut request = parse(&json!({"state": {"reported": reported}}));
    document
        .report(&mut request, now_s, &Shadows::default(), Wanted::Delta)
        .unwrap()
        .is_some()
}

fn reported(document: &Document) -> Value {
    let payload = document.get(NOW_S, None, String::new).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()["state"]["reported"].clone()
}

fn reading(value: i64, timestamp: i64) -> Value {
    json!({"value": value, "timestamp": timestamp})
}

/// What a client wrote at [`NOW_S`], after Weir reported `before`; then Weir
/// reports `late`, and `expect` is what is there.
#[track_caller]
fn check(before: Value, client: Value, late: Value, expect: Value) {
    let mut document = Document::default();
    let text = format!("{before}, {client}, {late}");
    report(&mut document, before, NOW_S - 60);
    write(&mut document, client, NOW_S);
    report(&mut document, late, NOW_S + 60);
    assert_eq!(reported(&document), expect, "{text}");
}

#[test]
fn a_late_reading_never_overwrites_a_newer_one() {
    let readings = |t: Value, h: Value| json!({"readings": {"t": t, "h": h}});
    let mut document = Document::default();
    assert!(report(
        &mut document,
        readings(reading(1, 50), reading(1, 50)),
        NOW_S
    ));
    assert!(report(
        &mut document,
        readings(reading(2, 40), reading(2, 60)),
        NOW_S
    ));
    assert_eq!(
        reported(&document),
        readings(reading(1, 50), reading(2, 60))
    );
    let version = document.version();
    assert!(!report(
        &mut document,
        readings(reading(3, 49), reading(3, 59)),
        NOW_S
    ));
    assert_eq!(document.version(), version, "nothing was changed");
    // Again as of the same moment: a correction.
    assert!(report(
        &mut document,
        json!({"readings": {"t": reading(9, 50)}}),
        NOW_S
    ));
    assert_eq!(reported(&document)["readings"]["t"], reading(9, 50));
}

#[test]
fn a_value_that_the_device_wrote_stays_until_there_is_a_newer_reading() {
    let weir = || json!({"readings": {"t": reading(1, NOW - 90_000)}});
    let wrote = || json!({"readings": {"t": {"value": 5}}});
    let late = |at: i64| json!({"readings": {"t": reading(2, at)}});
    check(
        weir(),
        wrote(),
        late(NOW - 1),
        json!({"readings": {"t": reading(5, NOW - 90_000)}}),
    );
    check(weir(), wrote(), late(NOW), late(NOW));
    // Something of another shape, at any depth, counts from when it came.
    for odd in [
        json!({"readings": {"t": 5}}),
        json!({"readings": {"t": {"value": 5, "timestamp": "now"}}}),
    ] {
        check(json!({"lastUpdate": 0}), odd.clone(), late(NOW - 1), {
            let mut expect = odd.clone();
            expect["lastUpdate"] = json!(0);
            expect
        });
        let mut expect = late(NOW);
        expect["lastUpdate"] = json!(0);
        check(json!({"lastUpdate": 0}), odd, late(NOW), expect);
    }
    check(
        weir(),
        json!({"readings": "off"}),
        late(NOW - 1),
        json!({"readings": "off"}),
    );
    check(weir(), json!({"readings": "off"}), late(NOW), late(NOW));
}

#[test]
fn a_device_that_says_when_is_believed() {
    let wrote = |at: i64| json!({"readings": {"t": reading(5, at)}});
    let weir = |at: i64| json!({"readings": {"t": reading(2, at)}});
    // Measured long before it was written.
    check(weir(1), wrote(100), weir(101), weir(101));
    check(weir(1), wrote(100), weir(99), wrote(100));
    check(weir(1), wrote(NOW * 2), weir(NOW), wrote(NOW * 2));
    // Deleting is the way back.
    check(weir(1), json!({"readings": {"t": null}}), weir(0), weir(0));
}

#[test]
fn alarms_and_the_last_update_are_guarded_too() {
    let weir = |at: i64| json!({"alerts": [{"id": "a"}], "lastUpdate": at});
    check(weir(NOW - 5), json!({}), weir(NOW - 3), weir(NOW - 3));
    // The open alarms are as of now, even when a reading came late.
    let cleared = json!({"alerts": [], "lastUpdate": NOW - 7});
    check(
        weir(NOW - 5),
        json!({}),
        cleared,
        json!({"alerts": [], "lastUpdate": NOW - 5}),
    );
    let wrote = || json!({"alerts": ["mine"]});
    check(
        weir(NOW - 5),
        wrote(),
        weir(NOW - 3),
        json!({"alerts": ["mine"], "lastUpdate": NOW - 3}),
    );
    check(weir(NOW - 5), wrote(), weir(NOW + 1), weir(NOW + 1));
    check(
        weir(1),
        json!({"lastUpdate": "never"}),
        json!({"lastUpdate": NOW - 1}),
        json!({"alerts": [{"id": "a"}], "lastUpdate": "never"}),
    );
}

#[test]
fn other_keys_of_the_device_are_never_touched() {
    let other = || json!({"firmware": "1.2", "readings": {"own": 3}});
    let mut expect = json!({"firmware": "1.2", "readings": {"own": 3}});
    expect["readings"]["t"] = reading(1, 1);
    check(
        json!({}),
        other(),
        json!({"readings": {"t": reading(1, 1)}}),
        expect,
    );
}

/// Who writes which sensor, and as of when, in seconds.
fn steps() -> impl Strategy<Value = Vec<(bool, &'static str, i64)>> {
    let sensor = prop_oneof![Just("a"), Just("b")];
    prop::collection::vec((any::<bool>(), sensor, 0i64..50), 1..30)
}

proptest! {
    /// Whatever the order in which they come: what is there has the newest time
    /// since a client last wrote, and nothing replaced anything newer.
    #[test]
    fn time_never_goes_back_under_a_report(steps in steps()) {
        let mut document = Document::default();
        let mut newest = BTreeMap::new();
        for (step, (by_weir, sensor, event_s)) in steps.into_iter().enumerate() {
            let value = i64::try_from(step).unwrap();
            if by_weir {
                let at = event_s * 1_000;
                let late = newest.get(sensor).is_some_and(|&(_, newest)| at < newest);
                let written = report(
                    &mut document,
                    json!({"readings": {sensor: reading(value, at)}}),
                    // When a report is written says nothing about its readings.
                    100 - value,
                );
                prop_assert_eq!(written, !late);
                if !late {
                    newest.insert(sensor, (value, at));
                }
            } else {
                write(&mut document, json!({"readings": {sensor: value}}), event_s);
                newest.insert(sensor, (value, event_s * 1_000));
            }
            let found = reported(&document);
            for (sensor, (value, _)) in &newest {
                let found = &found["readings"][sensor];
                let found = found.get("value").unwrap_or(found);
                prop_assert_eq!(found, &json!(value));
            }
        }
    }
}

#[test]
fn a_report_that_comes_again_changes_nothing() {
    let mut document = Document::default();
    let own = json!({"alerts": [{"severity": "WARNING"}], "lastUpdate": 50,
        "readings": {"t": reading(1, 50)}});
    assert!(report(&mut document, own.clone(), NOW_S));
    write(&mut document, json!({"mode": "eco"}), NOW_S);
    let version = document.version();
    assert!(!report(&mut document, own.clone(), NOW_S + 60));
    assert_eq!(document.version(), version);
    // One value of another time is news.
    let mut later = own;
    later["readings"]["t"]["timestamp"] = json!(51);
    assert!(report(&mut document, later, NOW_S + 60));
    assert_eq!(document.version(), version + 1);
}

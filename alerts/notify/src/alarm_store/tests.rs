use std::path::PathBuf;

use tempfile::TempDir;
use weir_alarms::{Cause, Lifecycle, Now, OUT_OF_SERVICE, OperationalAlarms};
use weir_kv::OpenError;
use weir_model::{AlertKind, AlertState, Severity, Timestamp};

use super::*;
use crate::RoutedUpTo;
use crate::alarm_actions::{MAX_NOTE_BYTES, Operator};

fn by<'a>(by: &'a str, note: Option<&'a str>, at: Timestamp) -> Operator<'a> {
    Operator { by, note, at }
}

fn ms(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

struct Bench {
    _folder: TempDir,
    path: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alarms.redb");
        Self {
            _folder: folder,
            path,
        }
    }

    fn open(&self) -> AlarmStore {
        AlarmStore::open(&self.path).unwrap()
    }
}

fn alert(alarm: &str, state: AlertState, severity: Severity, timestamp: i64) -> Alert {
    let (device, _) = alarm.split_once('/').unwrap();
    Alert {
        id: format!("{alarm}-{}-{timestamp}", state.as_str()),
        alarm_id: alarm.to_owned(),
        kind: AlertKind::Alert,
        severity,
        state,
        device_id: device.to_owned(),
        sensor: "temperature".to_owned(),
        value: 0.1 + 0.2,
        text: None,
        threshold: Some(90.0),
        function: "overheat".to_owned(),
        location: None,
        unit: Some("°C".to_owned()),
        timestamp,
        raised_at: timestamp / 100 * 100,
        recorded_at: None,
        reason: "it is hot".to_owned(),
    }
}

fn raised(alarm: &str, timestamp: i64) -> Alert {
    alert(alarm, AlertState::Raised, Severity::Warning, timestamp)
}

fn escalated(alarm: &str, timestamp: i64) -> Alert {
    alert(alarm, AlertState::Escalated, Severity::Critical, timestamp)
}

fn cleared(alarm: &str, timestamp: i64) -> Alert {
    alert(alarm, AlertState::Cleared, Severity::Warning, timestamp)
}

fn pending(store: &AlarmStore) -> Vec<String> {
    store
        .pending(0, 100)
        .unwrap()
        .into_iter()
        .map(|(_, alert)| alert.id)
        .collect()
}

fn listed(store: &AlarmStore, state: AlarmStateFilter) -> Vec<String> {
    let filter = AlarmFilter {
        state,
        ..AlarmFilter::default()
    };
    store
        .alarms(&filter)
        .unwrap()
        .into_iter()
        .map(|alarm| alarm.alarm_id)
        .collect()
}

#[test]
fn a_batch_that_comes_again_changes_nothing() {
    let bench = Bench::new();
    let store = bench.open();
    assert_eq!(store.position(), Position(0));
    let first = [raised("p1/a", 100), cleared("p1/a", 110)];
    assert_eq!(store.record(Position(10), &first).unwrap(), 2);
    assert_eq!(
        store.record(Position(10), &[raised("p2/a", 100)]).unwrap(),
        0
    );
    assert_eq!(store.record(Position(9), &first).unwrap(), 0);
    // The same alerts under a later position: the chunks of a replay may be cut elsewhere.
    let again = [
        raised("p1/a", 100),
        cleared("p1/a", 110),
        raised("p1/b", 200),
    ];
    assert_eq!(store.record(Position(20), &again).unwrap(), 1);
    assert_eq!(
        pending(&store),
        ["p1/a-raised-100", "p1/a-cleared-110", "p1/b-raised-200"]
    );
    assert_eq!(store.history(10, 0).unwrap().len(), 3);
    assert_eq!(store.position(), Position(20));
    assert_eq!(listed(&store, AlarmStateFilter::Any), ["p1/b", "p1/a"]);
    assert_eq!(listed(&store, AlarmStateFilter::Open), ["p1/b"]);
}

#[test]
fn what_was_delivered_does_not_come_back_with_a_replay() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(10), &[raised("p1/a", 100)]).unwrap();
    let seqs: Vec<u64> = store
        .pending(0, 10)
        .unwrap()
        .iter()
        .map(|(seq, _)| *seq)
        .collect();
    store.delivered(&seqs).unwrap();
    store.record(Position(15), &[raised("p2/b", 150)]).unwrap();
    assert_eq!(
        store.delivered_ids(&["p1/x", "p2/b-raised-150"]).unwrap(),
        [false, true]
    );
    store.record(Position(20), &[raised("p1/a", 100)]).unwrap();
    assert_eq!(pending(&store), [""; 0]);
    assert_eq!(store.pending_count().unwrap(), 0);
}

#[test]
fn everything_survives_a_reopening() {
    let bench = Bench::new();
    let alerts = [
        raised("p1/a", 100),
        raised("p2/a", 101),
        escalated("p1/a", 102),
    ];
    {
        let store = bench.open();
        store.record(Position(7), &alerts).unwrap();
        let (first, _) = store.pending(0, 1).unwrap()[0].clone();
        store.delivered(&[first]).unwrap();
    }
    let store = bench.open();
    assert_eq!(store.position(), Position(7));
    let pending = store.pending(0, 10).unwrap();
    assert_eq!(
        pending.iter().map(|(_, alert)| alert).collect::<Vec<_>>(),
        [&alerts[1], &alerts[2]]
    );
    assert_eq!(store.pending(pending[0].0, 10).unwrap(), pending[1..]);
    assert_eq!(store.pending(pending[1].0, 10).unwrap(), []);
    // Sequence numbers continue.
    store.record(Position(8), &[cleared("p2/a", 103)]).unwrap();
    assert!(store.pending(pending[1].0, 10).unwrap()[0].0 > pending[1].0);
}

#[test]
fn alarms_are_filtered_and_the_latest_come_first() {
    let bench = Bench::new();
    let store = bench.open();
    let alerts = [
        raised("p1/a", 100),
        raised("p2/a", 200),
        escalated("p2/a", 210),
        raised("p3/a", 300),
        cleared("p3/a", 310),
    ];
    store.record(Position(1), &alerts).unwrap();
    let ids = |filter: AlarmFilter| -> Vec<String> {
        store
            .alarms(&filter)
            .unwrap()
            .into_iter()
            .map(|alarm| alarm.alarm_id)
            .collect()
    };
    let all = AlarmFilter::default;
    assert_eq!(ids(all()), ["p3/a", "p2/a", "p1/a"]);
    assert_eq!(ids(AlarmFilter { limit: 2, ..all() }), ["p3/a", "p2/a"]);
    assert_eq!(
        ids(AlarmFilter {
            severity: Some(Severity::Critical),
            ..all()
        }),
        ["p2/a"]
    );
    assert_eq!(
        ids(AlarmFilter {
            device: Some("p1".to_owned()),
            ..all()
        }),
        ["p1/a"]
    );
    assert_eq!(
        ids(AlarmFilter {
            state: AlarmStateFilter::Cleared,
            ..all()
        }),
        ["p3/a"]
    );
    let open = AlarmFilter {
        state: AlarmStateFilter::Open,
        limit: 1,
        ..all()
    };
    assert_eq!(ids(open), ["p2/a"]);
}

#[test]
fn a_record_is_the_json_of_the_api() {
    let bench = Bench::new();
    let store = bench.open();
    store
        .record(Position(1), &[raised("p1/a", 100), cleared("p1/a", 160)])
        .unwrap();
    let record = store
        .acknowledge("p1/a", by("ann", Some("fan replaced"), ms(900)))
        .unwrap();
    let mut document = serde_json::to_value(&record).unwrap();
    // By Weir's clock.
    let recorded_at = document.as_object_mut().unwrap().remove("recordedAt");
    assert!(recorded_at.is_some_and(|time| time.is_i64()));
    assert_eq!(
        document,
        serde_json::json!({
            "alarmId": "p1/a", "deviceId": "p1", "sensor": "temperature", "function": "overheat",
            "severity": "WARNING", "state": "cleared", "raisedAt": 100, "updatedAt": 160,
            "clearedAt": 160, "value": 0.1 + 0.2, "threshold": 90.0, "unit": "°C",
            "reason": "it is hot",
            "acknowledged": {"by": "ann", "at": 900, "note": "fan replaced"},
            "lifecycle": "normal",
        })
    );
    assert_eq!(store.alarm("p1/a").unwrap(), record);
}

#[test]
fn an_escalation_takes_the_acknowledgement_back() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    store.acknowledge("p1/a", by("ann", None, ms(150))).unwrap();
    assert!(store.alarm("p1/a").unwrap().acknowledged.is_some());
    store
        .record(Position(2), &[escalated("p1/a", 160)])
        .unwrap();
    assert_eq!(store.alarm("p1/a").unwrap().acknowledged, None);
}

#[test]
fn actions_are_refused_with_a_reason_and_leave_a_trace() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    let unknown = store
        .acknowledge("p9/z", by("ann", None, ms(1)))
        .unwrap_err();
    assert!(
        matches!(unknown, AlarmStoreError::NotFound { .. }),
        "{unknown}"
    );
    let long = store
        .shelve(
            "p1/a",
            ms(500),
            by("ann", Some(&"x".repeat(MAX_NOTE_BYTES + 1)), ms(1)),
        )
        .unwrap_err();
    assert!(
        matches!(long, AlarmStoreError::TooLong { field: "note", .. }),
        "{long}"
    );
    assert_eq!(store.audit(10, None).unwrap(), []);

    store
        .acknowledge("p1/a", by("ann", Some("on it"), ms(200)))
        .unwrap();
    store
        .shelve("p1/a", ms(500), by("bob", Some("noisy"), ms(201)))
        .unwrap();
    let [last, first] = store.audit(10, Some("p1/a")).unwrap().try_into().unwrap();
    let json = |entry| serde_json::to_string(&entry).unwrap();
    assert_eq!(
        json(last),
        r#"{"action":"shelve","alarmId":"p1/a","by":"bob","note":"noisy","at":201,"until":500}"#
    );
    assert_eq!(
        json(first),
        r#"{"action":"acknowledge","alarmId":"p1/a","by":"ann","note":"on it","at":200}"#
    );
}

#[test]
fn while_shelved_only_the_clear_of_a_notified_alarm_is_sent() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    assert_eq!(
        store
            .shelve("p1/a", ms(500), by("ann", None, ms(110)))
            .unwrap()
            .shelved_until,
        Some(500)
    );
    let alerts = [
        escalated("p1/a", 120),
        cleared("p1/a", 130),
        raised("p1/b", 200),
        cleared("p1/b", 210),
    ];
    assert!(store.is_withheld(&alerts[0]));
    assert_eq!(store.record(Position(2), &alerts).unwrap(), 4);
    assert_eq!(pending(&store), ["p1/a-raised-100", "p1/a-cleared-130"]);
    assert_eq!(store.history(10, 0).unwrap().len(), 5);
    // Another device is not concerned, and neither is what comes after the time.
    drop(store);
    let store = bench.open();
    let shelved = [
        raised("p1/c", 499),
        raised("p1/c", 500),
        raised("p2/a", 300),
    ];
    assert_eq!(
        shelved.map(|alert| store.is_withheld(&alert)),
        [true, false, false]
    );
    store
        .record(Position(3), &[raised("p2/a", 300), raised("p1/c", 500)])
        .unwrap();
    assert_eq!(pending(&store)[2..], ["p2/a-raised-300", "p1/c-raised-500"]);
}

#[test]
fn what_is_still_open_when_the_shelving_ends_is_sent() {
    for by_hand in [false, true] {
        let bench = Bench::new();
        let store = bench.open();
        store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
        store
            .shelve("p1/a", ms(500), by("ann", None, ms(110)))
            .unwrap();
        store
            .record(Position(2), &[cleared("p1/a", 130), raised("p1/b", 200)])
            .unwrap();
        assert_eq!(store.expire_shelves(ms(499)).unwrap(), 0);
        if by_hand {
            let record = store
                .shelve("p1/a", ms(0), by("ann", None, ms(300)))
                .unwrap();
            assert_eq!(record.shelved_until, None);
        } else {
            assert_eq!(store.expire_shelves(ms(500)).unwrap(), 1);
        }
        assert_eq!(
            pending(&store),
            ["p1/a-raised-100", "p1/a-cleared-130", "p1/b-raised-200"]
        );
        assert_eq!(store.expire_shelves(ms(501)).unwrap(), 0);
        store.record(Position(3), &[cleared("p1/b", 510)]).unwrap();
        assert_eq!(pending(&store)[3..], ["p1/b-cleared-510"]);
        assert_eq!(store.alarm("p1/b").unwrap().shelved_until, None);
    }
}

#[test]
fn an_alarm_that_the_engine_forgot_is_cleared_by_the_next_one() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    store.record(Position(2), &[raised("p1/b", 200)]).unwrap();
    assert_eq!(listed(&store, AlarmStateFilter::Open), ["p1/b"]);
    let states: Vec<_> = store
        .pending(0, 10)
        .unwrap()
        .into_iter()
        .map(|(_, a)| (a.alarm_id, a.state))
        .collect();
    let expect = [
        ("p1/a", AlertState::Raised),
        ("p1/a", AlertState::Cleared),
        ("p1/b", AlertState::Raised),
    ];
    assert_eq!(states, expect.map(|(id, state)| (id.to_owned(), state)));
}

#[test]
fn alerts_without_a_position_are_recorded_once() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(5), &[raised("p1/a", 100)]).unwrap();
    assert_eq!(
        store.record_unpositioned(&[cleared("p1/a", 110)]).unwrap(),
        1
    );
    assert_eq!(
        store.record_unpositioned(&[cleared("p1/a", 110)]).unwrap(),
        0
    );
    assert_eq!(store.position(), Position(5));
    assert_eq!(listed(&store, AlarmStateFilter::Open), [""; 0]);
}

#[test]
fn the_history_is_bounded_and_open_and_undelivered_alarms_outlive_it() {
    let bench = Bench::new();
    let store = AlarmStore::open_keeping(&bench.path, 4).unwrap();
    store.record(Position(1), &[raised("old/a", 100)]).unwrap();
    for n in 2..10 {
        let alarm = format!("p1/{n}");
        let alerts = [raised(&alarm, n * 100), cleared(&alarm, n * 100 + 1)];
        store.record(Position(n as u64), &alerts).unwrap();
    }
    let history = store.history(100, 0).unwrap();
    assert_eq!(history.len(), 4);
    assert_eq!(history[3].1.id, "p1/9-cleared-901");
    assert_eq!(
        listed(&store, AlarmStateFilter::Any),
        ["p1/9", "p1/8", "p1/7", "old/a"]
    );
    assert_eq!(store.pending_count().unwrap(), 17);
}

#[test]
fn a_database_that_cannot_be_used_says_why() {
    let bench = Bench::new();
    let store = bench.open();
    let error = AlarmStore::open(&bench.path).unwrap_err();
    assert!(
        matches!(error, AlarmStoreError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    drop(store);

    let database = redb::Database::create(&bench.path).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("format", 99).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = AlarmStore::open(&bench.path).unwrap_err();
    assert!(
        matches!(error, AlarmStoreError::Format { found: 99, .. }),
        "{error}"
    );

    std::fs::write(
        &bench.path,
        b"this is no database, whatever its name says".repeat(200),
    )
    .unwrap();
    let error = AlarmStore::open(&bench.path).unwrap_err();
    assert!(
        matches!(error, AlarmStoreError::Open(OpenError::Unreadable { .. })),
        "{error}"
    );

    std::fs::write(&bench.path, b"").unwrap();
    assert_eq!(
        AlarmStore::open(&bench.path).unwrap().position(),
        Position(0)
    );
}

#[test]
fn what_is_open_here_and_there_is_brought_in_line_once() {
    let bench = Bench::new();
    let store = bench.open();
    let recorded = [raised("p1/a", 100), raised("p2/a", 100)];
    store.record(Position(10), &recorded).unwrap();
    let (known, unknown) = (recorded[0].clone(), raised("p3/a", 300));

    let new = store.reconcile(&[known.clone(), unknown.clone()]).unwrap();
    let states: Vec<_> = new.iter().map(|a| (&*a.alarm_id, a.state)).collect();
    let expect = [("p2/a", AlertState::Cleared), ("p3/a", AlertState::Raised)];
    assert_eq!(states, expect);
    assert_eq!(listed(&store, AlarmStateFilter::Open), ["p3/a", "p1/a"]);
    assert_eq!(pending(&store).len(), 4);

    // Once more, as after a crash.
    drop(store);
    let store = bench.open();
    assert_eq!(store.reconcile(&[known, unknown]).unwrap(), []);
}

fn latching() -> Policy {
    let config = "[[alarm]]\nfunction = \"overheat\"\nlatch = true\n\
                  [[channel]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://a\"\n";
    Policy::new(&weir_config::Config::from_toml(config).unwrap())
}

#[test]
fn a_latched_alarm_stays_until_somebody_acknowledges_it() {
    let bench = Bench::new();
    let store = bench.open();
    store.set_policy(latching());
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    let clear = cleared("p1/a", 160);
    assert!(store.is_withheld(&clear));
    store
        .record(Position(2), std::slice::from_ref(&clear))
        .unwrap();
    let latched = store.alarm("p1/a").unwrap();
    assert_eq!(latched.lifecycle, Lifecycle::Latched);
    assert_eq!((latched.returned_at, latched.cleared_at), (Some(160), None));
    // Recorded again after a crash.
    store.record_unpositioned(&[clear]).unwrap();
    assert_eq!(store.history(10, 0).unwrap().len(), 1);

    let store = {
        drop(store);
        bench.open()
    };
    let done = store.acknowledge("p1/a", by("ann", None, ms(900))).unwrap();
    assert_eq!(
        (done.lifecycle, done.cleared_at),
        (Lifecycle::Normal, Some(160))
    );
    assert_eq!(store.alarm("p1/a").unwrap(), done);
    assert_eq!(store.history(10, 0).unwrap().len(), 2);
    assert_eq!(store.pending(0, 10).unwrap().len(), 2);
}

#[test]
fn one_that_is_acknowledged_in_time_does_not_latch_and_the_next_ends_one_that_does() {
    let bench = Bench::new();
    let store = bench.open();
    store.set_policy(latching());
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    store.acknowledge("p1/a", by("ann", None, ms(150))).unwrap();
    store.record(Position(2), &[cleared("p1/a", 160)]).unwrap();
    assert_eq!(store.alarm("p1/a").unwrap().lifecycle, Lifecycle::Normal);

    store
        .record(Position(3), &[raised("p1/b", 200), cleared("p1/b", 260)])
        .unwrap();
    store.record(Position(4), &[raised("p1/c", 300)]).unwrap();
    let b = store.alarm("p1/b").unwrap();
    assert_eq!(
        (b.lifecycle, b.cleared_at),
        (Lifecycle::ReturnedUnacknowledged, Some(260))
    );
    let open = AlarmFilter {
        state: AlarmStateFilter::Open,
        ..AlarmFilter::default()
    };
    assert_eq!(
        store.alarms(&open).unwrap().len(),
        1,
        "one open alarm of a sensor"
    );
    assert_eq!(store.history(10, 0).unwrap().len(), 5);
}

#[test]
fn what_operators_do_is_kept_and_can_be_taken_back() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    let ann = |note| by("ann", note, ms(150));
    store.acknowledge("p1/a", ann(None)).unwrap();
    store.comment("p1/a", ann(Some("fan ordered"))).unwrap();
    store.assign("p1/a", Some("bob"), ann(None)).unwrap();
    let out = store.out_of_service("p1/a", ann(None)).unwrap();
    assert_eq!(out.lifecycle, Lifecycle::OutOfService);
    assert_eq!(out.assigned_to.as_deref(), Some("bob"));
    assert_eq!(out.comments[0].text, "fan ordered");
    assert_eq!(store.shelved_until(&raised("p1/b", 300)), OUT_OF_SERVICE);
    assert_eq!(store.expire_shelves(ms(i64::MAX / 1_000_000)).unwrap(), 0);

    store.shelve("p1/a", ms(0), ann(None)).unwrap();
    store.assign("p1/a", None, ann(None)).unwrap();
    let back = store.unacknowledge("p1/a", ann(None)).unwrap();
    assert_eq!(back.lifecycle, Lifecycle::Unacknowledged);
    assert_eq!(back.assigned_to, None);
    let actions = store.actions(100, 0).unwrap();
    let names: Vec<&str> = actions
        .iter()
        .map(|(_, entry)| entry.action.as_str())
        .collect();
    let expect = [
        "acknowledge",
        "comment",
        "assign",
        "out-of-service",
        "unshelve",
        "assign",
        "unacknowledge",
    ];
    assert_eq!(names, expect);
    assert_eq!(store.actions(100, 5).unwrap().len(), 2);
}

#[test]
fn history_is_forgotten_when_it_is_old_and_open_alarms_are_not() {
    let bench = Bench::new();
    let store = bench.open();
    let alerts = [
        raised("p1/a", 100),
        cleared("p1/a", 160),
        raised("p2/a", 170),
        raised("p3/a", 900),
    ];
    store.record(Position(1), &alerts).unwrap();
    assert_eq!(store.expire(ms(500)).unwrap(), 4);
    let left = store.alarms(&AlarmFilter::default()).unwrap();
    let ids: Vec<&str> = left.iter().map(|alarm| alarm.alarm_id.as_str()).collect();
    assert_eq!(ids, ["p3/a", "p2/a"]);
    assert_eq!(store.history(10, 0).unwrap().len(), 1);
    assert_eq!(store.expire(ms(500)).unwrap(), 0);
}

#[test]
fn what_came_and_went_before_routing_stored_anything_is_still_to_be_notified() {
    let bench = Bench::new();
    let store = bench.open();
    let alerts = [raised("p1/a", 100), cleared("p1/a", 160)];
    store.record(Position(1), &alerts).unwrap();
    drop(store);
    let store = bench.open();
    let (_, up_to, open) = store.restore_routing(latching()).unwrap();
    assert_eq!((up_to, open.len()), (RoutedUpTo::default(), 0));
    assert!(store.has_changes_after(up_to).unwrap());
}

#[test]
fn routing_continues_after_a_crash_where_it_was_committed() {
    let bench = Bench::new();
    let store = bench.open();
    store.record(Position(1), &[raised("p1/a", 100)]).unwrap();
    let now = Now {
        steady_ms: 1_000,
        wall_ms: 1_000,
    };
    // The database has no routing state: open alarms are notified, older ones are not.
    let txn = store.database.begin_write().unwrap();
    txn.open_table(META).unwrap().remove("routed_seq").unwrap();
    txn.commit().unwrap();
    let (mut router, up_to, open) = store.restore_routing(latching()).unwrap();
    assert_eq!((up_to, open.len()), (RoutedUpTo { seq: 1, audit: 0 }, 1));
    router.on_alert(&open[0], 0, now);
    let decisions = router.take_decisions();
    store.commit_routing(up_to, &decisions).unwrap();
    assert!(!store.has_changes_after(up_to).unwrap());
    store.record(Position(2), &[raised("p2/a", 200)]).unwrap();
    assert!(store.has_changes_after(up_to).unwrap());

    drop(store);
    let store = bench.open();
    let (mut router, after, open) = store.restore_routing(latching()).unwrap();
    assert_eq!((after, open.len()), (up_to, 0));
    for (_, alert) in store.history(10, after.seq).unwrap() {
        router.on_alert(&alert, 0, now);
    }
    let up_to = RoutedUpTo { seq: 2, audit: 0 };
    let decisions = router.take_decisions();
    store.commit_routing(up_to, &decisions).unwrap();

    let queued = store.queued("a", 10).unwrap();
    let ids: Vec<_> = queued
        .iter()
        .map(|q| q.notification.alerts[0].alert.alarm_id.as_str())
        .collect();
    assert_eq!(ids, ["p1/a", "p2/a"]);
    assert_eq!(store.queue_lengths().unwrap(), [("a".to_owned(), 2)]);
    store.dequeue("a", &[queued[0].n]).unwrap();
    store
        .move_to_dead_letters(&queued[1], "410 Gone", 9)
        .unwrap();
    assert_eq!(store.queued("a", 10).unwrap(), []);
    let dead = store.dead_letters(10).unwrap();
    assert_eq!(
        (dead[0].n, dead[0].reason.as_str(), dead[0].at),
        (queued[1].n, "410 Gone", 9)
    );
    assert_eq!(store.retry_dead_letters(Some(77), 5).unwrap(), 0);
    assert_eq!(store.retry_dead_letters(None, 5).unwrap(), 1);
    assert_eq!(
        store.queued("a", 10).unwrap()[0].notification.cause,
        Cause::Alerts
    );
    assert_eq!(store.dead_letter_count().unwrap(), 0);
}

#[test]
fn a_restart_continues_with_the_operational_alarms_that_were_raised() {
    // One look per second with these unhealthy components: the alerts.
    let look = |alarms: &mut OperationalAlarms, seconds: std::ops::Range<u64>, bad: &[&str]| {
        let mut alerts = Vec::new();
        for second in seconds {
            let reason = format!("it is bad at {second}");
            let reasons = bad.iter().map(|name| ((*name).to_owned(), reason.clone()));
            let (now, elapsed) = (
                ms(1_000_000 + second as i64 * 1_000),
                Duration::from_secs(second),
            );
            let warning = |_: &str| Severity::Warning;
            alerts.extend(alarms.look(&reasons.collect(), warning, elapsed, now));
        }
        alerts
    };
    let after = Duration::from_secs(10);
    let bench = Bench::new();
    let mut alarms = OperationalAlarms::new(after, Vec::new());
    let raised = look(&mut alarms, 0..60, &["journal", "store"]);
    let store = bench.open();
    store.record_unpositioned(&raised).unwrap();
    drop(store);

    let store = bench.open();
    let open = AlarmFilter {
        state: AlarmStateFilter::Open,
        ..AlarmFilter::default()
    };
    let mut alarms = OperationalAlarms::new(after, store.alarms(&open).unwrap());
    // One is still unhealthy: nothing is raised again. The other is healthy.
    let alerts = look(&mut alarms, 0..60, &["store"]);
    let states: Vec<_> = alerts
        .iter()
        .map(|alert| (&*alert.sensor, alert.state))
        .collect();
    assert_eq!(states, [("journal", AlertState::Cleared)]);
    let cleared = look(&mut alarms, 60..90, &[]);
    assert_eq!(cleared[0].alarm_id, raised[1].alarm_id);
    store.record_unpositioned(&cleared).unwrap();
    assert_eq!(store.position(), Position(0));
}

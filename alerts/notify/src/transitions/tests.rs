use redb::ReadableTableMetadata;
use weir_alarms::{AlarmFilter, AlarmStateFilter, AuditAction, Lifecycle};
use weir_model::{AlertKind, AlertState, Position, Severity, Timestamp};

use super::*;
use crate::alarm_actions::{Operator, OperatorAction};

fn alert(alarm: &str, state: AlertState, timestamp: i64) -> Alert {
    Alert {
        id: format!("{alarm}-{}-{timestamp}", state.as_str()),
        alarm_id: alarm.to_owned(),
        kind: AlertKind::Alert,
        severity: Severity::Warning,
        state,
        device_id: alarm.to_owned(),
        sensor: "temperature".to_owned(),
        value: 91.0,
        threshold: None,
        function: "overheat".to_owned(),
        location: None,
        unit: None,
        timestamp,
        raised_at: 100,
        reason: "it is hot".to_owned(),
        text: None,
        recorded_at: None,
    }
}

fn operator(at: i64) -> Operator<'static> {
    Operator {
        by: "ann",
        note: None,
        at: Timestamp::from_millis(at).unwrap(),
    }
}

fn listed(store: &AlarmStore) -> Vec<String> {
    let filter = AlarmFilter {
        state: AlarmStateFilter::Listed,
        limit: usize::MAX,
        ..AlarmFilter::default()
    };
    let mut ids: Vec<String> = store
        .alarms(&filter)
        .unwrap()
        .into_iter()
        .map(|alarm| alarm.alarm_id)
        .collect();
    ids.sort();
    ids
}

/// `a` is raised and cleared, `b` is raised.
fn store(folder: &tempfile::TempDir) -> AlarmStore {
    let store = AlarmStore::open(&folder.path().join("alarms.redb")).unwrap();
    let alerts = [
        alert("a", AlertState::Raised, 100),
        alert("b", AlertState::Raised, 101),
        alert("a", AlertState::Cleared, 102),
    ];
    store.record(Position(10), &alerts).unwrap();
    store
}

#[test]
fn the_transitions_of_an_alarm_are_found_with_the_time_of_their_recording() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let found = store.transitions("a").unwrap();
    let states: Vec<_> = found.iter().map(|found| found.alert.state).collect();
    assert_eq!(states, [AlertState::Raised, AlertState::Cleared]);
    // The readings are of 1970; the recording is not.
    assert!(found.iter().all(|found| found.time() > 1_000_000_000_000));
    assert_eq!(store.alarm("a").unwrap().recorded_at, found[0].recorded_at,);
    assert_eq!(store.transitions("unknown").unwrap(), []);
    let mut left = 2;
    let latest = store.latest_transitions(|_| {
        left -= 1;
        left >= 0
    });
    let latest: Vec<_> = latest
        .unwrap()
        .into_iter()
        .map(|one| one.alert.id)
        .collect();
    assert_eq!(latest, ["a-cleared-102", "b-raised-101"]);
}

#[test]
fn a_replay_keeps_the_time_of_the_first_recording() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let before = store.transitions("a").unwrap();
    let again = [alert("a", AlertState::Raised, 100)];
    store.record(Position(20), &again).unwrap();
    assert_eq!(store.transitions("a").unwrap(), before);
}

#[test]
fn what_returned_stays_listed_until_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    assert_eq!(listed(&store), ["a", "b"]);
    let returned = store.alarm("a").unwrap().lifecycle;
    assert_eq!(returned, Lifecycle::ReturnedUnacknowledged);
    store.acknowledge("a", operator(200)).unwrap();
    assert_eq!(listed(&store), ["b"]);
    store.unacknowledge("a", operator(201)).unwrap();
    assert_eq!(listed(&store), ["a", "b"]);
    store
        .expire(Timestamp::from_millis(1_000).unwrap())
        .unwrap();
    assert_eq!(listed(&store), ["b"]);
    assert_eq!(store.transitions("a").unwrap(), []);
}

#[test]
fn several_alarms_are_acted_on_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let ids = ["a", "missing", "b"].map(str::to_owned);
    let action = OperatorAction::plain(AuditAction::Acknowledge);
    let acted = store.act_on(&ids, &action, operator(200)).unwrap();
    let known: Vec<_> = acted.iter().map(|acted| acted.record.is_some()).collect();
    assert_eq!(known, [true, false, true]);
    assert_eq!(store.audit(10, None).unwrap().len(), 2);
    assert_eq!(listed(&store), ["b"]);
}

#[test]
fn the_end_of_out_of_service_has_its_own_name_in_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    store.out_of_service("b", operator(200)).unwrap();
    let out = serde_json::to_value(store.alarm("b").unwrap()).unwrap();
    assert_eq!(out["lifecycle"], "out-of-service");
    assert_eq!(out["shelvedUntil"], serde_json::Value::Null);
    let action = OperatorAction::plain(AuditAction::InService);
    let back = store.act("b", &action, operator(201)).unwrap();
    assert_eq!(back.lifecycle, Lifecycle::Unacknowledged);
    assert_eq!(
        store.audit(1, None).unwrap()[0].action.as_str(),
        "in-service"
    );
}

#[test]
fn a_database_of_an_older_version_is_indexed() {
    let folder = tempfile::tempdir().unwrap();
    let before = store(&folder);
    let txn = before.database.begin_write().unwrap();
    txn.delete_table(TRANSITIONS).unwrap();
    txn.delete_table(RETURNED).unwrap();
    txn.commit().unwrap();
    drop(before);
    let after = AlarmStore::open(&folder.path().join("alarms.redb")).unwrap();
    assert_eq!(after.transitions("a").unwrap().len(), 2);
    assert_eq!(after.alarm("a").unwrap().recorded_at, None);
    assert_eq!(listed(&after), ["a", "b"]);
    let txn = after.database.begin_read().unwrap();
    assert_eq!(txn.open_table(TRANSITIONS).unwrap().len().unwrap(), 3);
}

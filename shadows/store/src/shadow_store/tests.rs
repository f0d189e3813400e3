use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use weir_kv::OpenError;
use weir_model::{Alert, AlertKind, AlertState, Severity};
use weir_shadow_document::{Operation, VERSION_KEPT_S, report_payload};

use super::*;
use crate::shadow_tables::{DELETED, EXPIRY, META};

const NOW: i64 = 1_700_000_000_000;

struct Bench {
    _folder: TempDir,
    path: PathBuf,
    limits: Shadows,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shadows.redb");
        Self {
            _folder: folder,
            path,
            limits: Shadows::default(),
        }
    }

    fn open(&self) -> ShadowStore {
        ShadowStore::open(&self.path, &self.limits).unwrap()
    }
}

fn request(thing: &str, operation: Operation, payload: impl Into<Vec<u8>>) -> Request {
    let (thing, name) = match thing.split_once('~') {
        Some((thing, name)) => (thing, Some(name)),
        None => (thing, None),
    };
    Request {
        thing: thing.to_owned(),
        name: name.map(str::to_owned),
        operation,
        payload: payload.into(),
        publish: true,
    }
}

fn update(thing: &str, state: Value) -> Request {
    request(
        thing,
        Operation::Update,
        json!({"state": state}).to_string(),
    )
}

/// The answers as topic (below the thing) and payload.
fn answers(answers: &[Answer]) -> Vec<(String, Value)> {
    let answer = |answer: &Answer| {
        let topic = answer
            .topic
            .strip_prefix("$aws/things/")
            .unwrap()
            .to_owned();
        (topic, serde_json::from_slice(&answer.payload).unwrap())
    };
    answers.iter().map(answer).collect()
}

fn topics(found: &[Answer]) -> Vec<String> {
    answers(found).into_iter().map(|(topic, _)| topic).collect()
}

fn state(store: &ShadowStore, thing: &str) -> Value {
    store.get(thing, None, NOW).unwrap()["state"].clone()
}

#[test]
fn answers_come_per_request_in_the_order_of_the_service() {
    let bench = Bench::new();
    let store = bench.open();
    let batch = [
        update("p", json!({"desired": {"a": 1}})),
        update("p~cfg", json!({"reported": {"a": 1}})),
        request("p", Operation::Get, r#"{"clientToken": "t"}"#),
        request(
            "p",
            Operation::Update,
            r#"{"state": 1, "clientToken": "u"}"#,
        ),
        request("p", Operation::Delete, "not JSON"),
        request("p~none", Operation::Get, ""),
    ];
    let found = store.apply(Some(Position(9)), &batch, NOW).unwrap();
    let of = |topics: &[&str]| {
        topics
            .iter()
            .map(|topic| (*topic).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        topics(&found[0]),
        of(&[
            "p/shadow/update/delta",
            "p/shadow/update/documents",
            "p/shadow/update/accepted"
        ])
    );
    assert_eq!(
        topics(&found[1]),
        of(&[
            "p/shadow/name/cfg/update/documents",
            "p/shadow/name/cfg/update/accepted"
        ])
    );
    let get = &answers(&found[2])[0];
    assert_eq!(
        (get.0.as_str(), &get.1["clientToken"]),
        ("p/shadow/get/accepted", &json!("t"))
    );
    assert_eq!(
        get.1["state"],
        json!({"desired": {"a": 1}, "delta": {"a": 1}})
    );
    let rejected = json!({
        "code": 400, "message": "State node must be an object", "timestamp": NOW / 1_000,
        "clientToken": "u",
    });
    assert_eq!(
        answers(&found[3]),
        [("p/shadow/update/rejected".to_owned(), rejected)]
    );
    let gone = json!({"version": 1, "timestamp": NOW / 1_000});
    assert_eq!(
        answers(&found[4]),
        [("p/shadow/delete/accepted".to_owned(), gone)]
    );
    let unknown = json!({
        "code": 404, "message": "No shadow exists with name: 'p~none'", "timestamp": NOW / 1_000,
    });
    assert_eq!(
        answers(&found[5]),
        [("p/shadow/name/none/get/rejected".to_owned(), unknown)]
    );
}

#[test]
fn a_batch_that_comes_again_changes_nothing_and_has_no_answers() {
    let bench = Bench::new();
    let batch = [update("p", json!({"reported": {"a": 1}}))];
    {
        let store = bench.open();
        assert_eq!(store.position(), Position(0));
        assert_eq!(
            store.apply(Some(Position(10)), &batch, NOW).unwrap()[0].len(),
            2
        );
        assert_eq!(
            store.apply(Some(Position(10)), &batch, NOW).unwrap(),
            [vec![]]
        );
        assert_eq!(
            store.apply(Some(Position(4)), &batch, NOW).unwrap(),
            [vec![]]
        );
    }
    let store = bench.open();
    assert_eq!(store.position(), Position(10));
    assert_eq!(
        store.apply(Some(Position(10)), &batch, NOW).unwrap(),
        [vec![]]
    );
    assert_eq!(store.get("p", None, NOW).unwrap()["version"], 1);
    // Weir's own changes have no position and leave it alone.
    store.apply(None, &batch, NOW).unwrap();
    assert_eq!(store.get("p", None, NOW).unwrap()["version"], 2);
    assert_eq!(store.position(), Position(10));
}

#[test]
fn documents_survive_a_reopening() {
    let bench = Bench::new();
    let before = {
        let store = bench.open();
        let state = json!({"desired": {"a": [1, {"b": 0.1}], "c": {}}, "reported": {"a": -1}});
        store
            .apply(None, &[update("p", state), update("p~n", json!({}))], NOW)
            .unwrap();
        (
            store.get("p", None, NOW).unwrap(),
            store.get("p", Some("n"), NOW).unwrap(),
        )
    };
    let store = bench.open();
    let after = (
        store.get("p", None, NOW).unwrap(),
        store.get("p", Some("n"), NOW).unwrap(),
    );
    assert_eq!(after, before);
}

#[test]
fn a_deleted_shadow_continues_counting_until_its_version_is_forgotten() {
    let bench = Bench::new();
    let store = bench.open();
    let version =
        |store: &ShadowStore, now: i64| store.get("p", None, now).unwrap()["version"].clone();
    let set = [update("p", json!({"reported": {"a": 1}}))];
    let delete = [request("p", Operation::Delete, "")];
    let deleted = |store: &ShadowStore| {
        let txn = store.database.begin_read().unwrap();
        let (deleted, expiry) = (
            txn.open_table(DELETED).unwrap(),
            txn.open_table(EXPIRY).unwrap(),
        );
        (
            deleted.iter().unwrap().count(),
            expiry.iter().unwrap().count(),
        )
    };
    store.apply(None, &set, NOW).unwrap();
    store.apply(None, &delete, NOW).unwrap();
    assert_eq!(
        store.get("p", None, NOW).map(drop),
        Err(Rejected::NotFound { name: "p".into() })
    );
    assert_eq!(deleted(&store), (1, 1));
    store.apply(None, &set, NOW).unwrap();
    assert_eq!((version(&store, NOW), deleted(&store)), (json!(2), (0, 0)));

    store.apply(None, &delete, NOW).unwrap();
    let later = NOW + VERSION_KEPT_S * 1_000;
    store.apply(None, &[update("q", json!({}))], later).unwrap();
    assert_eq!(deleted(&store), (0, 0));
    store.apply(None, &set, later).unwrap();
    assert_eq!(version(&store, later), 1);
}

#[test]
fn named_shadows_are_listed_in_pages() {
    let bench = Bench::new();
    let store = bench.open();
    let names = ["a", "b", "c", "d"].map(|name| update(&format!("p~{name}"), json!({})));
    store.apply(None, &names, NOW).unwrap();
    let others = ["p", "p2~x", "o~y"].map(|thing| update(thing, json!({})));
    store.apply(None, &others, NOW).unwrap();
    store
        .apply(None, &[request("p~c", Operation::Delete, "")], NOW)
        .unwrap();

    let page = |size, token| store.list_named("p", size, token, NOW);
    let timestamp = NOW / 1_000;
    assert_eq!(
        page(2, None),
        Ok(json!({"results": ["a", "b"], "nextToken": "b", "timestamp": timestamp}))
    );
    assert_eq!(
        page(2, Some("b")),
        Ok(json!({"results": ["d"], "timestamp": timestamp}))
    );
    assert_eq!(
        page(3, None),
        Ok(json!({"results": ["a", "b", "d"], "timestamp": timestamp}))
    );
    let unknown = store.list_named("nobody", 100, None, NOW);
    assert_eq!(unknown, Ok(json!({"results": [], "timestamp": timestamp})));
    assert_eq!(page(0, None), Err(Rejected::InvalidPageSize));
    assert_eq!(page(101, None), Err(Rejected::InvalidPageSize));
    assert_eq!(page(1, Some("a/b")), Err(Rejected::InvalidNextToken));
}

#[test]
fn a_change_answers_its_caller_and_has_answers_for_the_others() {
    let bench = Bench::new();
    let store = bench.open();
    let change = store
        .change(&update("p", json!({"desired": {"a": 1}})), NOW)
        .unwrap();
    assert_eq!(topics(&change.answers).len(), 3);
    assert_eq!(
        change.result.unwrap()["state"],
        json!({"desired": {"a": 1}})
    );
    let change = store
        .change(&request("p", Operation::Update, "x"), NOW)
        .unwrap();
    assert_eq!(topics(&change.answers), ["p/shadow/update/rejected"]);
    assert_eq!(change.result, Err(Rejected::InvalidJson));
    let change = store
        .change(&request("p", Operation::Delete, ""), NOW)
        .unwrap();
    assert_eq!(change.result.unwrap()["version"], 1);
    for (thing, rejected) in [
        ("a/b", Rejected::InvalidThing),
        ("", Rejected::InvalidThing),
        ("p~ä", Rejected::InvalidShadow),
    ] {
        let change = store.change(&update(thing, json!({})), NOW).unwrap();
        assert_eq!(change.result, Err(rejected), "{thing}");
    }
    assert_eq!(store.get("..", None, NOW), Err(Rejected::InvalidThing));
}

#[test]
fn requests_in_flight_for_a_thing_are_limited() {
    let bench = Bench {
        limits: Shadows {
            max_inflight: 2,
            ..Shadows::default()
        },
        ..Bench::new()
    };
    let store = bench.open();
    let set = || update("p", json!({"reported": {"a": 1}}));
    let report = |w: i64| {
        let payload = json!({"state": {"reported": {"w": w}}}).to_string();
        request("p", Operation::Report, payload.as_str())
    };
    let batch = [
        set(),
        report(1),
        set(),
        set(),
        update("q", json!({})),
        report(2),
    ];
    let found = store.apply(None, &batch, NOW).unwrap();
    let last: Vec<String> = found
        .iter()
        .map(|found| topics(found).pop().unwrap())
        .collect();
    let accepted = "p/shadow/update/accepted";
    let rejected = "p/shadow/update/rejected";
    assert_eq!(
        last,
        [
            accepted,
            accepted,
            accepted,
            rejected,
            "q/shadow/update/accepted",
            accepted
        ]
    );
    assert_eq!(answers(&found[3])[0].1["code"], 429);
    assert_eq!(store.get("p", None, NOW).unwrap()["version"], 4);
}

#[test]
fn a_report_that_does_not_fit_is_dropped_alone() {
    let bench = Bench {
        limits: Shadows {
            max_document: 60,
            ..Shadows::default()
        },
        ..Bench::new()
    };
    let store = bench.open();
    let report = |thing: &str, text: &str| {
        let payload = report_payload(&[], 5, &[("t", json!(text), 4)]);
        Request {
            publish: false,
            ..request(thing, Operation::Report, payload)
        }
    };
    let batch = [
        report("p", &"x".repeat(60)),
        report("q", ""),
        report("r", ""),
    ];
    // {"alerts":[],"lastUpdate":5,"readings":{"t":{"timestamp":4,"value":""}}} is 73.
    assert_eq!(
        store.apply(None, &batch, NOW).unwrap(),
        [vec![], vec![], vec![]]
    );
    assert_eq!(store.dropped_reports(), 3);
    drop(store);

    let bench = Bench {
        limits: Shadows {
            max_document: 100,
            ..Shadows::default()
        },
        ..bench
    };
    let store = bench.open();
    assert_eq!(
        store.apply(None, &batch, NOW).unwrap(),
        [vec![], vec![], vec![]]
    );
    assert_eq!(store.dropped_reports(), 1);
    assert_eq!(
        store.get("p", None, NOW).map(drop),
        Err(Rejected::NotFound { name: "p".into() })
    );
    assert_eq!(state(&store, "q")["reported"]["lastUpdate"], 5);
}

#[test]
fn a_report_nobody_listens_to_still_has_its_delta() {
    let bench = Bench::new();
    let store = bench.open();
    let report = |value: i64| {
        let payload = report_payload(&[], NOW, &[("t", json!(value), NOW)]);
        Request {
            publish: false,
            ..request("p", Operation::Report, payload)
        }
    };
    assert_eq!(store.apply(None, &[report(1)], NOW).unwrap(), [vec![]]);
    let wish = json!({"desired": {"readings": {"t": {"value": 3}}}});
    store.apply(None, &[update("p", wish)], NOW).unwrap();
    let found = store.apply(None, &[report(2)], NOW).unwrap();
    assert_eq!(topics(&found[0]), ["p/shadow/update/delta"]);
    assert_eq!(store.apply(None, &[report(3)], NOW).unwrap(), [vec![]]);
}

#[test]
fn a_report_shows_alarms_and_readings() {
    let alert = Alert {
        id: "transition".to_owned(),
        alarm_id: "episode".to_owned(),
        kind: AlertKind::Alert,
        severity: Severity::Critical,
        state: AlertState::Escalated,
        device_id: "p".to_owned(),
        sensor: "temperature".to_owned(),
        value: 93.5,
        text: None,
        threshold: Some(90.0),
        function: "overheat".to_owned(),
        location: None,
        unit: None,
        timestamp: NOW,
        raised_at: NOW - 1_000,
        recorded_at: None,
        reason: "it is hot".to_owned(),
    };
    let limitless = Alert {
        threshold: None,
        severity: Severity::Warning,
        ..alert.clone()
    };
    let readings = [
        ("temperature", json!(93.5), NOW),
        ("door \"A\"", json!("open"), NOW - 1),
    ];
    let payload = report_payload(&[&alert, &limitless], NOW, &readings);
    let bench = Bench::new();
    let store = bench.open();
    store
        .apply(None, &[request("p", Operation::Report, payload)], NOW)
        .unwrap();
    let alarm = |severity: &str| {
        json!({
            "id": "episode", "sensor": "temperature", "severity": severity, "value": 93.5,
            "since": NOW - 1_000, "function": "overheat", "reason": "it is hot",
        })
    };
    let mut critical = alarm("CRITICAL");
    critical["threshold"] = json!(90.0);
    assert_eq!(
        state(&store, "p"),
        json!({"reported": {
            "alerts": [critical, alarm("WARNING")],
            "lastUpdate": NOW,
            "readings": {
                "temperature": {"value": 93.5, "timestamp": NOW},
                "door \"A\"": {"value": "open", "timestamp": NOW - 1},
            },
        }})
    );
    // The alarm is cleared and a sensor is new: the other readings stay.
    let payload = report_payload(&[], NOW + 1, &[("n", json!(1), NOW + 1)]);
    store
        .apply(None, &[request("p", Operation::Report, payload)], NOW)
        .unwrap();
    let reported = &state(&store, "p")["reported"];
    assert_eq!(reported["alerts"], json!([]));
    assert_eq!(reported["readings"].as_object().unwrap().len(), 3);
}

#[test]
fn every_shadow_is_visited() {
    let bench = Bench::new();
    let store = bench.open();
    store
        .apply(
            None,
            &["b", "a~n", "a"].map(|thing| update(thing, json!({}))),
            NOW,
        )
        .unwrap();
    let mut seen = Vec::new();
    store
        .for_each(|thing, name, document| {
            seen.push(format!("{thing}~{name} {}", document.version()))
        })
        .unwrap();
    assert_eq!(seen, ["a~ 1", "a~n 1", "b~ 1"]);
}

#[test]
fn a_database_that_cannot_be_used_says_why() {
    let bench = Bench::new();
    let store = bench.open();
    let error = ShadowStore::open(&bench.path, &bench.limits).unwrap_err();
    assert!(
        matches!(error, StoreError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    let txn = store.database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("format", 99).unwrap();
    txn.commit().unwrap();
    drop(store);
    let error = ShadowStore::open(&bench.path, &bench.limits).unwrap_err();
    assert!(
        matches!(error, StoreError::Format { found: 99, .. }),
        "{error}"
    );
    std::fs::write(
        &bench.path,
        b"this is no database, whatever its name says".repeat(200),
    )
    .unwrap();
    let error = ShadowStore::open(&bench.path, &bench.limits).unwrap_err();
    assert!(
        matches!(error, StoreError::Open(OpenError::Unreadable { .. })),
        "{error}"
    );
}

fn any_request() -> impl Strategy<Value = Request> {
    let thing = prop_oneof![Just("p"), Just("q"), Just("p~n")];
    let what = prop_oneof![
        6 => ("[ab]", 0..3, prop::bool::ANY).prop_map(|(key, value, desired)| {
            let section = if desired { "desired" } else { "reported" };
            let value = if value == 0 { Value::Null } else { json!(value) };
            Some(json!({section: {key: value}}))
        }),
        1 => Just(None),
    ];
    (thing, what).prop_map(|(thing, what)| match what {
        Some(state) => update(thing, state),
        None => request(thing, Operation::Delete, ""),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Cut into batches anywhere, with a crash before any of them repeated, the
    /// same requests come to the same documents and answers.
    #[test]
    fn any_split_gives_the_same_documents(
        requests in prop::collection::vec(any_request(), 1..24),
        cuts in prop::collection::btree_set(1usize..24, 0..4),
    ) {
        let unlimited = || Bench {
            limits: Shadows { max_inflight: usize::MAX, ..Shadows::default() }, ..Bench::new()
        };
        let (whole, split) = (unlimited(), unlimited());
        let whole = whole.open();
        let expect = whole.apply(Some(Position(100)), &requests, NOW).unwrap();

        let mut found = Vec::new();
        let mut from = 0;
        for end in cuts.into_iter().chain([requests.len()]) {
            let end = end.min(requests.len());
            let store = split.open();
            let position = Some(Position(end as u64));
            let answers = store.apply(position, &requests[from..end], NOW).unwrap();
            if end > from {
                found.extend(answers);
            }
            let again = store.apply(position, &requests[from..end], NOW).unwrap();
            prop_assert!(again.iter().all(Vec::is_empty));
            from = end;
        }
        prop_assert_eq!(found, expect);
        let split = split.open();
        let all = |store: &ShadowStore| {
            let mut all = Vec::new();
            store.for_each(|thing, name, document| {
                all.push((thing.to_owned(), name.to_owned(), document.clone()));
            }).unwrap();
            all
        };
        prop_assert_eq!(all(&split), all(&whole));
    }
}

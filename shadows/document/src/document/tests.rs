use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_700_000_000;

fn limits() -> Shadows {
    Shadows::default()
}

/// A shadow and the second that it is.
struct Bench {
    document: Document,
    now_s: i64,
    limits: Shadows,
}

impl Bench {
    fn new() -> Self {
        Self {
            document: Document::default(),
            now_s: NOW,
            limits: limits(),
        }
    }

    /// A shadow after one update of that state.
    fn with(state: Value) -> Self {
        let mut bench = Self::new();
        bench.update(json!({"state": state})).unwrap();
        bench
    }

    fn update(&mut self, body: Value) -> Result<Updated, Rejected> {
        let body = serde_json::to_vec(&body).unwrap();
        let request = UpdateRequest::parse(&body, &self.limits).request?;
        self.document
            .update(&request, self.now_s, &self.limits, Wanted::All)
    }

    fn get(&self) -> Value {
        value(
            &self
                .document
                .get(self.now_s, None, || "p".to_owned())
                .unwrap(),
        )
    }

    fn state(&self) -> Value {
        self.get()["state"].clone()
    }

    fn delete(&mut self) -> Result<Vec<u8>, Rejected> {
        self.document.delete(self.now_s, None, || "p".to_owned())
    }
}

fn value(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap()
}

/// `before`, updated with `update`, has the state `expect` (without its delta).
#[track_caller]
fn check_state(before: Value, update: Value, expect: Value) {
    let mut bench = Bench::with(before.clone());
    bench.update(json!({"state": update})).unwrap();
    let mut state = bench.state();
    state.as_object_mut().unwrap().remove("delta");
    assert_eq!(state, expect, "{before} + {update}");
    assert_eq!(bench.document.version(), 2);
}

#[test]
fn only_the_given_fields_change() {
    let before = json!({"desired": {"a": 1, "b": {"c": 2, "d": [1, 2]}}, "reported": {"x": "y"}});
    let check = |update, expect| check_state(before.clone(), update, expect);
    check(
        json!({"desired": {"b": {"c": 3}}}),
        json!({"desired": {"a": 1, "b": {"c": 3, "d": [1, 2]}}, "reported": {"x": "y"}}),
    );
    check(
        json!({"reported": {"x": {"deep": true}}}),
        json!({"desired": {"a": 1, "b": {"c": 2, "d": [1, 2]}}, "reported": {"x": {"deep": true}}}),
    );
    check(
        json!({"desired": {"b": 7}}),
        json!({"desired": {"a": 1, "b": 7}, "reported": {"x": "y"}}),
    );
    check(json!({}), before.clone());
}

#[test]
fn arrays_are_replaced_whole() {
    check_state(
        json!({"reported": {"a": [1, 2, {"k": 1}]}}),
        json!({"reported": {"a": [9]}}),
        json!({"reported": {"a": [9]}}),
    );
}

#[test]
fn null_deletes() {
    let before = json!({"desired": {"a": 1, "b": {"c": 2}}, "reported": {"x": 1}});
    let check = |update, expect| check_state(before.clone(), update, expect);
    check(
        json!({"desired": {"a": null, "none": null}}),
        json!({"desired": {"b": {"c": 2}}, "reported": {"x": 1}}),
    );
    check(
        json!({"desired": {"b": {"c": null}}}),
        json!({"desired": {"a": 1, "b": {}}, "reported": {"x": 1}}),
    );
    check(
        json!({"desired": {"n": {"c": null, "d": 1}}, "reported": null}),
        json!({"desired": {"a": 1, "b": {"c": 2}, "n": {"d": 1}}}),
    );
    check(json!({"desired": null}), json!({"reported": {"x": 1}}));
    check(Value::Null, json!({}));
}

#[test]
fn an_empty_state_makes_a_valid_empty_shadow() {
    for state in [Value::Null, json!({}), json!({"desired": null})] {
        let bench = Bench::with(state);
        assert_eq!(
            bench.get(),
            json!({"state": {}, "metadata": {}, "version": 1, "timestamp": NOW})
        );
    }
}

#[test]
fn members_at_the_top_that_are_unknown_are_ignored() {
    let mut bench = Bench::new();
    bench
        .update(json!({"state": {"desired": {"a": 1}}, "else": [null]}))
        .unwrap();
    assert_eq!(bench.state()["desired"], json!({"a": 1}));
}

#[test]
fn the_version_is_an_optimistic_lock() {
    let mut bench = Bench::with(json!({}));
    let update = |version: Value| json!({"state": {"reported": {"a": 1}}, "version": version});
    assert_eq!(
        bench.update(update(json!(2))),
        Err(Rejected::VersionConflict)
    );
    assert_eq!(
        bench.update(update(json!(0))),
        Err(Rejected::VersionConflict)
    );
    assert_eq!(bench.document.version(), 1);
    bench.update(update(json!(1))).unwrap();
    bench.update(json!({"state": {}})).unwrap();
    assert_eq!(bench.document.version(), 3);
    assert_eq!(
        Bench::new().update(update(json!(1))),
        Err(Rejected::VersionConflict)
    );
    Bench::new().update(update(json!(0))).unwrap();
}

#[test]
fn a_deleted_shadow_keeps_its_version_for_48_hours() {
    for (gap_s, expect) in [(0, 3), (VERSION_KEPT_S - 1, 3), (VERSION_KEPT_S, 1)] {
        let mut bench = Bench::with(json!({"desired": {"a": 1}}));
        bench
            .update(json!({"state": {"desired": {"b": 1}}}))
            .unwrap();
        assert_eq!(
            value(&bench.delete().unwrap()),
            json!({"version": 2, "timestamp": NOW})
        );
        assert!(!bench.document.exists());
        assert_eq!(
            bench.delete(),
            Err(Rejected::NotFound {
                name: "p".to_owned()
            })
        );
        bench.now_s += gap_s;
        bench
            .update(json!({"state": {"reported": {"c": 1}}}))
            .unwrap();
        assert_eq!(bench.document.version(), expect);
        assert_eq!(bench.state(), json!({"reported": {"c": 1}}));
    }
}

#[test]
fn accepted_holds_only_what_the_request_names() {
    let mut bench = Bench::with(json!({"desired": {"a": 1}, "reported": {"a": 1}}));
    bench.now_s += 5;
    let body = json!({
        "state": {"desired": {"b": {"c": [1, {"d": 2}]}, "a": null}},
        "clientToken": "t-1",
    });
    let at = json!({"timestamp": NOW + 5});
    assert_eq!(
        value(&bench.update(body).unwrap().accepted),
        json!({
            "state": {"desired": {"b": {"c": [1, {"d": 2}]}, "a": null}},
            "metadata": {"desired": {"b": {"c": [at, {"d": at}]}}},
            "version": 2, "timestamp": NOW + 5, "clientToken": "t-1",
        })
    );
}

#[test]
fn get_shows_everything_and_the_delta_when_there_is_one() {
    let mut bench = Bench::with(json!({"desired": {"a": 1, "b": 2}, "reported": {"a": 1}}));
    bench.now_s += 9;
    let at = json!({"timestamp": NOW});
    assert_eq!(
        bench.get(),
        json!({
            "state": {"desired": {"a": 1, "b": 2}, "reported": {"a": 1}, "delta": {"b": 2}},
            "metadata": {"desired": {"a": at, "b": at}, "reported": {"a": at}},
            "version": 1, "timestamp": NOW + 9,
        })
    );
    bench
        .update(json!({"state": {"reported": {"b": 2.0}}}))
        .unwrap();
    assert_eq!(bench.state().get("delta"), None);
    assert_eq!(
        Document::default().get(NOW, None, || "p~n".to_owned()),
        Err(Rejected::NotFound {
            name: "p~n".to_owned()
        })
    );
}

#[test]
fn a_timestamp_moves_only_when_an_update_names_its_leaf() {
    let mut bench = Bench::with(json!({"reported": {"a": 1, "b": {"c": 1, "d": [1, 2]}}}));
    bench.now_s += 60;
    bench
        .update(json!({"state": {"reported": {"a": 1, "b": {"d": [3, 4]}}}}))
        .unwrap();
    let (old, new) = (json!({"timestamp": NOW}), json!({"timestamp": NOW + 60}));
    assert_eq!(
        bench.get()["metadata"]["reported"],
        json!({"a": new, "b": {"c": old, "d": [new, new]}})
    );
}

#[track_caller]
fn check_delta(desired: Value, reported: Value, expect: Option<Value>) {
    let mut bench = Bench::new();
    let text = format!("{desired} against {reported}");
    let updated = bench
        .update(json!({"state": {"desired": desired, "reported": reported}}))
        .unwrap();
    let delta = updated.delta.map(|delta| value(&delta)["state"].clone());
    assert_eq!(delta, expect, "{text}");
}

#[test]
fn the_delta_is_what_is_desired_and_not_reported() {
    let same = |a, b| check_delta(json!({"k": a}), json!({"k": b}), None);
    same(json!(1), json!(1.0));
    same(json!(-3), json!(-3.0));
    same(
        json!({"a": [1, {"b": "c"}]}),
        json!({"a": [1.0, {"b": "c"}], "only reported": 1}),
    );
    same(json!({}), json!({"x": 1}));
    let differs = |a: Value, b: Value, expect: Value| {
        check_delta(json!({"k": a}), json!({"k": b}), Some(json!({"k": expect})));
    };
    differs(json!(1), json!(2), json!(1));
    differs(
        json!(9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_992.0),
        json!(9_007_199_254_740_993_i64),
    );
    differs(json!(1), json!("1"), json!(1));
    differs(json!(true), json!(1), json!(true));
    differs(json!([1, 2]), json!([2, 1]), json!([1, 2]));
    differs(
        json!({"a": 1, "b": {"c": 2, "d": 3}}),
        json!({"a": 1, "b": {"c": 2, "d": 4}}),
        json!({"b": {"d": 3}}),
    );
    differs(json!({"a": 1}), json!(1), json!({"a": 1}));
    differs(json!({}), json!(1), json!({}));
    check_delta(json!({"a": 1}), json!({}), Some(json!({"a": 1})));
    check_delta(json!({}), json!({"a": 1}), None);
}

#[test]
fn the_delta_holds_all_that_differs_with_the_metadata_of_desired() {
    let mut bench = Bench::with(json!({"desired": {"a": 1, "b": [1]}}));
    bench.now_s += 7;
    let body = json!({"state": {"desired": {"c": 3}}, "clientToken": "me"});
    let (old, new) = (json!({"timestamp": NOW}), json!({"timestamp": NOW + 7}));
    assert_eq!(
        value(&bench.update(body).unwrap().delta.unwrap()),
        json!({
            "version": 2, "timestamp": NOW + 7, "clientToken": "me",
            "state": {"a": 1, "b": [1], "c": 3},
            "metadata": {"a": old, "b": [old], "c": new},
        })
    );
    // A report brings it too, and so does the removal of a key that is desired.
    let updated = bench
        .update(json!({"state": {"reported": {"a": 1, "b": [1], "c": 3}}}))
        .unwrap();
    assert_eq!(updated.delta, None);
    let updated = bench
        .update(json!({"state": {"reported": {"b": null}}}))
        .unwrap();
    assert_eq!(value(&updated.delta.unwrap())["state"], json!({"b": [1]}));
}

#[test]
fn documents_show_before_and_after() {
    let mut bench = Bench::new();
    let first = bench
        .update(json!({"state": {"reported": {"a": 1}}}))
        .unwrap();
    let at = json!({"timestamp": NOW});
    let one = json!({
        "state": {"reported": {"a": 1}}, "metadata": {"reported": {"a": at}}, "version": 1,
    });
    assert_eq!(
        value(&first.documents),
        json!({
            "previous": {"state": {}, "metadata": {}, "version": 0},
            "current": one, "timestamp": NOW,
        })
    );
    let body = json!({"state": {"reported": {"a": null}}, "clientToken": "a \"token\""});
    assert_eq!(
        value(&bench.update(body).unwrap().documents),
        json!({
            "previous": one,
            "current": {"state": {}, "metadata": {}, "version": 2},
            "timestamp": NOW, "clientToken": "a \"token\"",
        })
    );
}

#[test]
fn answers_that_nobody_wants_are_not_built() {
    let mut document = Document::default();
    let body = br#"{"state": {"desired": {"a": 1}, "reported": {"b": 1}}}"#;
    let request = UpdateRequest::parse(body, &limits()).request.unwrap();
    let updated = document
        .update(&request, NOW, &limits(), Wanted::Delta)
        .unwrap();
    assert_eq!((updated.accepted.len(), updated.documents.len()), (0, 0));
    assert!(updated.delta.is_some());
}

#[test]
fn a_document_may_have_the_maximum_and_not_a_byte_more() {
    let mut bench = Bench::new();
    // {"t":"…"} is 8 bytes of desired, {} 2 of reported.
    let text = |bytes: usize| json!({"state": {"desired": {"t": "x".repeat(bytes)}}});
    let most = bench.limits.max_document - 10;
    bench.update(text(most)).unwrap();
    let before = bench.document.clone();
    assert_eq!(
        bench.update(text(most + 1)).map(drop),
        Err(Rejected::TooLarge)
    );
    assert_eq!(
        bench.update(json!({"state": {"reported": {"a": 1}}})),
        Err(Rejected::TooLarge)
    );
    assert_eq!(bench.document, before);
    // Metadata does not count, and what goes makes room: {"a":1} is 5 more than {}.
    let make_room = json!({"state": {"desired": {"t": null}, "reported": {"a": 1}}});
    bench.update(make_room).unwrap();
    assert_eq!(
        bench.update(text(most - 4)).map(drop),
        Err(Rejected::TooLarge)
    );
    assert_eq!(bench.update(text(most - 5)).map(drop), Ok(()));
}

fn any_value(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        (-3i32..3).prop_map(|n| json!(f64::from(n))),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Members to set, and some to delete.
fn patch() -> impl Strategy<Value = Value> {
    let member = prop_oneof![4 => any_value(2), 1 => Just(Value::Null)];
    prop::collection::btree_map("[a-d]", member, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn update() -> impl Strategy<Value = Value> {
    (prop::option::of(patch()), prop::option::of(patch())).prop_map(|(desired, reported)| {
        let mut state = json!({});
        if let Some(desired) = desired {
            state["desired"] = desired;
        }
        if let Some(reported) = reported {
            state["reported"] = reported;
        }
        json!({"state": state})
    })
}

/// Whether `reported` has everything that is `desired`, computed without the tree.
fn agrees(desired: &Value, reported: Option<&Value>) -> bool {
    match (desired, reported) {
        (Value::Object(desired), Some(Value::Object(reported))) => desired
            .iter()
            .all(|(name, value)| agrees(value, reported.get(name))),
        (desired, Some(reported)) => same(desired, reported),
        (_, None) => false,
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The metadata has the keys and arrays of the state.
fn mirrors(state: &Value, metadata: &Value) -> bool {
    match state {
        Value::Object(members) => {
            members.len() == metadata.as_object().map_or(usize::MAX, |m| m.len())
                && members.iter().all(|(name, value)| {
                    metadata
                        .get(name)
                        .is_some_and(|metadata| mirrors(value, metadata))
                })
        }
        Value::Array(items) => metadata.as_array().is_some_and(|metadata| {
            items.len() == metadata.len()
                && items
                    .iter()
                    .zip(metadata)
                    .all(|(item, metadata)| mirrors(item, metadata))
        }),
        _ => metadata["timestamp"].is_i64(),
    }
}

proptest! {
    #[test]
    fn updates_keep_the_promises(updates in prop::collection::vec(update(), 1..12)) {
        let mut bench = Bench::new();
        for body in updates {
            bench.now_s += 1;
            let version = bench.document.version();
            let updated = bench.update(body).unwrap();
            prop_assert_eq!(bench.document.version(), version + 1);

            let get = bench.get();
            let (state, nothing) = (&get["state"], json!({}));
            let desired = state.get("desired").unwrap_or(&nothing);
            let reported = state.get("reported").unwrap_or(&nothing);
            prop_assert_eq!(updated.delta.is_none(), agrees(desired, Some(reported)));
            for section in ["desired", "reported"] {
                let state = state.get(section).unwrap_or(&nothing);
                prop_assert!(mirrors(state, get["metadata"].get(section).unwrap_or(&nothing)));
            }
            let bytes = serde_json::to_vec(desired).unwrap().len() + serde_json::to_vec(reported).unwrap().len();
            prop_assert_eq!(bench.document.bytes, bytes);

            // A device that does what the delta says has nothing left to do.
            if let Some(delta) = updated.delta {
                let delta = value(&delta)["state"].clone();
                let mut obedient = Bench { document: bench.document.clone(), ..Bench::new() };
                let updated = obedient.update(json!({"state": {"reported": delta}})).unwrap();
                prop_assert_eq!(updated.delta, None);
            }
            let stored = postcard::to_stdvec(&bench.document).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Document>(&stored).unwrap(), &bench.document);
        }
    }
}

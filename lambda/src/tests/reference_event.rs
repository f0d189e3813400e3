//! The reference event through the pipeline and through the handler, with and
//! without state.

use serde_json::json;
use weir_pipeline::ShadowCause;

use super::*;
use crate::samples::{Sample, wrap};
use crate::state::in_memory::InMemory;

const EVENT: &str = r#"{"deviceId":"pump-1","location":"hall-2","data":[
    {"sensorId":"temperature","value":85.5,"unit":"°C","timestamp":1790000000000,
     "warningThreshold":70,"criticalThreshold":80},
    {"sensorId":"pressure","value":6.2,"timestamp":1790000000000,
     "warningThreshold":5,"criticalThreshold":8},
    {"sensorId":"flow","value":12.0,"timestamp":1790000000001}]}"#;

#[track_caller]
fn check(store: Option<Arc<dyn StateStore>>) {
    let settings = settings("");
    let message = incoming(1, "pump-1", START, EVENT.to_owned());
    let expect = whole(
        &settings.config,
        Pipeline::new(&settings.config),
        std::iter::once(&message),
    );
    assert_eq!((expect.lines.len(), expect.alerts.len()), (3, 2));
    let ShadowCause::Report(report) = &expect.effects.shadow_updates[0].cause else {
        panic!("a request");
    };
    let recorded = recorded(&settings);
    let handler = handler(&settings, &recorded, store);
    let events: Vec<Value> = [Sample::Sqs, Sample::Kinesis, Sample::Iot, Sample::Http]
        .into_iter()
        .map(|sample| wrap(sample, &[(&message.topic, EVENT.as_bytes())], START, 1).remove(0))
        .chain([serde_json::from_str(EVENT).unwrap()])
        .collect();
    for (nth, event) in events.iter().enumerate() {
        let answer = result(&handler, event, &format!("r-{nth}"));
        let found = recorded.take();
        if nth == 0 || handler.store.is_none() {
            assert_eq!(found.lines, expect.lines);
            let alerts = |alerts: &[Alert]| alerts.iter().map(json).collect::<Vec<_>>();
            assert_eq!(alerts(&found.alerts), alerts(&expect.alerts));
            assert_eq!(found.reports.len(), 1);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(text(&found.reports[0].payload), text(&report.payload));
            assert_eq!(found.reports[0].device, "pump-1");
            if nth > 1 {
                let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
                let expect =
                    json!({"processed": 3, "alerts": 2, "timestamp": 1_790_000_000_001_i64});
                assert_eq!(body, expect);
            }
        } else {
            // It is late: stored once more, nothing raised again.
            assert_eq!(
                (found.lines, found.alerts),
                (expect.lines.clone(), Vec::new())
            );
        }
        if nth < 2 {
            assert_eq!(answer, json!({"batchItemFailures": []}));
        }
    }
}

#[test]
fn the_event_has_the_effects_that_it_has_in_the_server() {
    check(None);
    check(Some(Arc::new(InMemory::default())));
}

#[test]
fn an_event_that_comes_again_gets_its_answer_again_and_does_nothing() {
    let settings = settings("");
    let recorded = recorded(&settings);
    let handler = handler(&settings, &recorded, Some(Arc::new(InMemory::default())));
    let event = serde_json::from_str(EVENT).unwrap();
    let first = result(&handler, &event, "same");
    assert_eq!(recorded.take().alerts.len(), 2);
    assert_eq!(result(&handler, &event, "same"), first);
    assert_eq!(recorded.take(), Default::default());
}

#[test]
fn what_is_rejected_is_kept_and_the_rest_is_stored() {
    for store in [
        None,
        Some(Arc::new(InMemory::default()) as Arc<dyn StateStore>),
    ] {
        let settings = settings("");
        let recorded = recorded(&settings);
        let handler = handler(&settings, &recorded, store);
        let bad = r#"{"deviceId":"p1","data":[{"sensorId":"a","value":1},{"sensorId":"b"}]}"#;
        let payloads: [(&str, &[u8]); 2] = [
            ("devices/p1/telemetry", bad.as_bytes()),
            ("devices/p1/telemetry", b"{"),
        ];
        let event = &wrap(Sample::Sqs, &payloads, START, 1)[0];
        assert_eq!(
            result(&handler, event, "r"),
            json!({"batchItemFailures": []})
        );
        let record = recorded.take();
        assert_eq!(record.lines.len(), 1);
        let mut reasons: Vec<&str> = record
            .rejected
            .iter()
            .map(|one| one.entry.reason.as_str())
            .collect();
        reasons.sort_unstable();
        assert_eq!(reasons, ["invalid_json", "missing_value"]);
        assert!(record.rejected.iter().all(|one| one.device == "p1"));
        let kept = record.rejected.iter().find(|one| one.message == 1).unwrap();
        assert_eq!(
            (&*kept.entry.payload, kept.entry.ingress.as_str()),
            (&b"{"[..], "function")
        );
    }
}

#[test]
fn a_reading_without_a_time_is_advised_about_once() {
    let settings = settings("");
    let recorded = recorded(&settings);
    let handler = handler(&settings, &recorded, None);
    let event = br#"{"deviceId":"p1","data":[{"sensorId":"a","value":1}]}"#;
    let trace = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    let lines = ["r-1", "r-2"].map(|id| handler.handle(event, &call(id), trace).line);
    assert!(
        lines[0]["warning"]
            .as_str()
            .unwrap()
            .contains("send timestamp")
    );
    assert_eq!(lines[1].get("warning"), None);
    assert_eq!(
        lines[0]["xray_trace_id"],
        "1-5759e988-bd862e3fe1be46a994272793"
    );
}

#[test]
fn a_batch_reads_and_writes_each_device_once() {
    let settings = settings("");
    let recorded = recorded(&settings);
    let handler = handler(&settings, &recorded, Some(Arc::new(InMemory::default())));
    let payloads: Vec<(String, String)> = (0..500)
        .map(|nth| {
            let device = nth % 100;
            let payload = format!(
                "{{\"deviceId\":\"d{device}\",\"data\":[{{\"sensorId\":\"t\",\"value\":1,\
                 \"timestamp\":{}}}]}}",
                START.millis() + nth
            );
            (format!("devices/d{device}/telemetry"), payload)
        })
        .collect();
    let payloads: Vec<(&str, &[u8])> = payloads
        .iter()
        .map(|(topic, payload)| (topic.as_str(), payload.as_bytes()))
        .collect();
    let event = wrap(Sample::Kinesis, &payloads, START, 1)
        .remove(0)
        .to_string();
    let line = handler.handle(event.as_bytes(), &call("r"), None).line;
    let found = ["Received", "Stored", "StateReads", "StateWrites"].map(|name| line[name].as_u64());
    assert_eq!(
        found,
        [Some(500), Some(500), Some(100), Some(100)],
        "{line}"
    );
}

//! The fleet of the demo and its functions, of every kind: its messages, cut into
//! batches at random and through every source, against one pipeline.

use std::collections::BTreeSet;

use serde_json::json;
use weir_config::{FunctionKind, ShadowReports};
use weir_simulator::{Emit, Fleet, FleetSpec, Scenario, demo_configuration};

use super::*;
use crate::samples::{Sample, wrap};
use crate::state::in_memory::InMemory;

const MESSAGES: usize = 10_000;
const DEVICES: usize = 60;

/// Without functions that wait for silence: `silence.rs` checks those.
fn demo_settings() -> Settings {
    let loaded = demo_configuration(std::iter::empty()).unwrap();
    let digest = digest(&loaded);
    let mut config = loaded.config;
    // A report is noted in the memory, and the pipeline makes none.
    config.aws.shadow_reports = ShadowReports::Off;
    let has_modules = weir_engine::check(&config).is_empty();
    config.functions.retain(|function| match function.kind {
        FunctionKind::Absence(_) => false,
        FunctionKind::Wasm(_) => has_modules,
        _ => true,
    });
    Settings {
        config,
        digest,
        service: "weir".to_owned(),
        clock: || START,
    }
}

fn messages() -> Vec<Incoming> {
    let mut fleet = Fleet::new(FleetSpec {
        devices: DEVICES,
        seed: 7,
        scenario: Scenario::Demo,
        anomaly: None,
    });
    let mut messages = Vec::new();
    let mut payload = String::new();
    for step in 0.. {
        for device in 0..DEVICES {
            let now = Timestamp(START.0 + step * 2_000_000_000 + device as i64 * 1_000_000);
            if fleet.next(device, now, &mut payload) != Emit::Silent {
                let id = fleet.id(device).to_owned();
                messages.push(incoming(messages.len() as u64, &id, now, payload.clone()));
            }
            if messages.len() == MESSAGES {
                return messages;
            }
        }
    }
    messages
}

/// A sequence of numbers that is the same in every run.
fn random(seed: &mut u64) -> usize {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

#[test]
fn batches_through_every_source_have_the_effects_of_one_pipeline() {
    let settings = demo_settings();
    let messages = messages();
    let pipeline = Pipeline::new(&settings.config).without_reports();
    let expect = whole(&settings.config, pipeline, messages.iter());
    let recorded = recorded(&settings);
    let store = Arc::new(InMemory::default());
    let handler = handler(&settings, &recorded, Some(store.clone()));
    let sources = [
        Sample::Sqs,
        Sample::SqsFifo,
        Sample::Kinesis,
        Sample::Kinesis,
        Sample::Iot,
        Sample::Http,
    ];
    let (mut at, mut seed) = (0, 42);
    while at < messages.len() {
        let source = sources[random(&mut seed) % sources.len()];
        let size = match source {
            Sample::Iot | Sample::Http => 1 + random(&mut seed) % 4,
            Sample::SqsFifo => 1 + random(&mut seed) % 10,
            _ => 1 + random(&mut seed) % 300,
        };
        let end = (at + size).min(messages.len());
        let batch = &messages[at..end];
        for (first, event) in events(source, batch, at as u64) {
            let answer = result(&handler, &event, &format!("request-{first}"));
            match source {
                Sample::Iot | Sample::Http => assert_eq!(answer["statusCode"], 200),
                _ => assert_eq!(answer, json!({"batchItemFailures": []})),
            }
        }
        at = end;
    }
    let record = recorded.take();
    let set = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<String>>();
    assert_eq!(record.lines.len(), expect.lines.len());
    assert!(set(&record.lines) == set(&expect.lines), "other rows");
    let alerts = |alerts: &[Alert]| alerts.iter().map(json).collect::<BTreeSet<String>>();
    let (found, expected) = (alerts(&record.alerts), alerts(&expect.alerts));
    assert!(expected.len() > 50, "{}", expected.len());
    let difference: Vec<_> = found.symmetric_difference(&expected).take(4).collect();
    assert!(difference.is_empty(), "{difference:#?}");
    assert_eq!(record.rejected.len(), expect.effects.quarantined.len());
    // And the memory is that of the one pipeline.
    let memories = expect.pipeline.device_memories();
    for (device, item) in store.items() {
        assert_eq!(
            Some(&item.memory),
            memories.of(&device).as_ref(),
            "{device}"
        );
        assert!(item.outbox.is_empty());
    }
}

/// One event for the batch, or one for each message; every message with its own time.
fn events(source: Sample, batch: &[Incoming], first: u64) -> Vec<(u64, Value)> {
    let single = (first..).zip(batch).map(|(nth, message)| {
        let payload: [(&str, &[u8]); 1] = [(&message.topic, &message.payload)];
        (nth, wrap(source, &payload, message.received, nth).remove(0))
    });
    match source {
        Sample::Iot | Sample::Http | Sample::Tick => single.collect(),
        Sample::Sqs | Sample::SqsFifo | Sample::Kinesis => {
            let records: Vec<Value> = single
                .map(|(_, mut event)| event["Records"][0].take())
                .collect();
            vec![(first, json!({"Records": records}))]
        }
    }
}

//! The vectors in `tests/data/codecs`: one file, one message, what it becomes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use weir_config::RouteCodec;

use super::*;

/// The folder, found upwards from the crate.
fn folder(codec: RouteCodec) -> PathBuf {
    let inside = Path::new("tests/data/codecs").join(codec.as_str());
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.find(|folder| folder.join(&inside).is_dir());
    found.expect("the data is in the checkout").join(inside)
}

fn run(codec: RouteCodec) -> usize {
    let mut count = 0;
    for file in fs::read_dir(folder(codec)).unwrap() {
        let text = fs::read(file.unwrap().path()).unwrap();
        check(codec, &serde_json::from_slice(&text).unwrap());
        count += 1;
    }
    count
}

#[track_caller]
fn check(codec: RouteCodec, vector: &Json) {
    let id = vector["id"].as_str().unwrap();
    let route = Route {
        topic: TopicPattern::parse(vector["route"]["topic"].as_str().unwrap()).unwrap(),
        codec,
        ..Route::default()
    };
    let mut bench = Bench::with(&Config {
        routes: vec![route],
        ..Config::default()
    });
    let received = vector["received_ms"].as_i64().unwrap();
    let batch = bench.send_message(Message {
        received: Timestamp::from_millis(received).unwrap(),
        ..message(
            vector["topic"].as_str().unwrap(),
            vector["payload"].as_str().unwrap().as_bytes(),
        )
    });
    let expect = &vector["expect"];
    let mut wanted: Vec<String> = items(&expect["readings"])
        .map(|reading| {
            let unit = reading["unit"].as_str().unwrap_or_default();
            let location = reading["location"].as_str().unwrap_or_default();
            let value = match reading["text"].as_str() {
                Some(text) => format!("{text:?}"),
                None => reading["value"].as_f64().unwrap().to_string(),
            };
            let (device, sensor) = (&expect["device"], &reading["sensor"]);
            format!("{device} {sensor} {location} {value} {unit}")
        })
        .collect();
    let catalog = bench.engine.catalog();
    let mut found = Vec::new();
    for row in &batch.rows.rows {
        assert_eq!(row.time.millis(), received, "{id}");
        for cell in batch.rows.cells_of(row) {
            let column = catalog.column(cell.column);
            let value = match cell.value {
                Value::Number(value) => value.to_string(),
                Value::Text(at) => format!("{:?}", batch.rows.texts[at as usize]),
            };
            let unit = column.unit.as_deref().unwrap_or_default();
            let location = catalog.location(row.location);
            let device = catalog.device(row.device);
            found.push(format!(
                "{:?} {:?} {location} {value} {unit}",
                &*device, &*column.sensor
            ));
        }
    }
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted, "{id}");
    let reasons = |batch: &Batch| -> Vec<String> {
        let quarantined = batch.quarantined.iter();
        quarantined.map(|entry| entry.reason.to_string()).collect()
    };
    let wanted: Vec<&str> = items(&expect["quarantined"])
        .map(|entry| entry["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons(&batch), wanted, "{id}");
    if let Some(absent) = expect["other"]["absent"].as_u64() {
        assert_eq!(batch.absent[codec.index()], absent, "{id}");
    }
    let cleared = expect["other"]["kind"] == "cleared";
    assert_eq!(batch.cleared, u64::from(cleared), "{id}");
}

fn items(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

#[test]
fn the_vectors_of_the_codecs_are_decoded_as_they_say() {
    assert_eq!(run(RouteCodec::Value), 8);
    assert_eq!(run(RouteCodec::Json), 3);
}

//! Against a real VictoriaMetrics, which accepts InfluxDB's line protocol.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use weir_model::{
    Catalog, Cell, Column, Flags, LocationIx, Position, Row, RowBatch, Timestamp, Value, ValueKind,
};

use super::sink;
use crate::line_protocol::{LineBatch, encode_lines};

/// VictoriaMetrics on a free port, stopped when the test ends.
struct VictoriaMetrics {
    process: std::process::Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Drop for VictoriaMetrics {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn victoria_metrics() -> VictoriaMetrics {
    let data = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let process = std::process::Command::new("/usr/bin/victoria-metrics")
        .arg(format!("-httpListenAddr={address}"))
        .arg(format!("-storageDataPath={}", data.path().display()))
        .arg("-retentionPeriod=100y")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let server = VictoriaMetrics {
        process,
        url: format!("http://{address}"),
        _data: data,
    };
    let begun = std::time::Instant::now();
    while get(&format!("{}/health", server.url)).await.is_none() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it does not start"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server
}

async fn get(url: &str) -> Option<String> {
    let response = reqwest_influx::get(url)
        .await
        .ok()?
        .error_for_status()
        .ok()?;
    response.text().await.ok()
}

#[tokio::test]
#[ignore = "needs victoria-metrics"]
async fn a_real_server_gives_back_what_was_written() {
    let server = victoria_metrics().await;
    let catalog = Catalog::new();
    let sensors = [
        "temperature",
        "a b",
        "c,d=e",
        "back\\slash",
        "quo\"te",
        "日本",
        "trailing\\",
    ];
    let locations = [LocationIx(0), catalog.add_location("hall 2, left".into())];
    let mut batch = RowBatch::default();
    let mut expect: BTreeMap<(String, String, i64), f64> = BTreeMap::new();
    for (device, location) in ["pump-1", "pump-2"].iter().zip(locations) {
        let ix = catalog.add_device((*device).into());
        for sensor in sensors {
            let column = Column {
                sensor: sensor.into(),
                unit: None,
                kind: ValueKind::Number,
            };
            let column = catalog.add_column(Arc::new(column));
            for minute in 0..50_i64 {
                let millis = 1_795_219_200_000 + minute * 60_000;
                // It keeps about 15 digits.
                let value = minute as f64 / 4.0 - 2.0;
                batch.rows.push(Row {
                    position: Position(0),
                    device: ix,
                    location,
                    time: Timestamp::from_millis(millis).unwrap(),
                    flags: Flags::default(),
                    first_cell: batch.cells.len() as u32,
                    cell_count: 1,
                });
                batch.cells.push(Cell {
                    column,
                    value: Value::Number(value),
                });
                // What would escape something has become a slash.
                let sensor = sensor.replace("trailing\\", "trailing/");
                expect.insert(((*device).to_owned(), sensor, millis), value);
            }
        }
    }
    let mapping = weir_config::LineMapping::default();
    let mut sink = sink(&server.url);
    for _ in 0..2 {
        let mut lanes = [LineBatch::default(), LineBatch::default()];
        encode_lines(&batch, &catalog, &mapping, &mut lanes);
        assert!(lanes.iter().all(|lane| !lane.is_empty()));
        let written = sink.write_lanes(&mut lanes).await;
        assert_eq!((written.error, written.refused), (None, Vec::new()));
    }

    let begun = std::time::Instant::now();
    loop {
        let _ = get(&format!("{}/internal/force_flush", server.url)).await;
        let url = format!(
            "{}/api/v1/export?match[]=readings_value&reduce_mem_usage=1",
            server.url
        );
        let exported = get(&url).await.unwrap();
        let mut found = BTreeMap::new();
        for line in exported.lines() {
            let series: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| series["metric"][name].as_str().unwrap().to_owned();
            let values = series["values"].as_array().unwrap();
            for (value, time) in values.iter().zip(series["timestamps"].as_array().unwrap()) {
                let key = (text("device"), text("sensor"), time.as_i64().unwrap());
                found.insert(key, value.as_f64().unwrap());
            }
        }
        if found == expect {
            break;
        }
        if begun.elapsed() > Duration::from_secs(30) {
            assert_eq!(found, expect);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! What a million shadows of about 500 bytes cost: making them, updating them,
//! opening them again, and memory.
//!
//! ```text
//! cargo run --release -p weir-shadows --example million_shadows [shadows]
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::time::Instant;

use serde_json::json;
use weir_config::Shadows;
use weir_shadows::{Operation, Request, ShadowStore, report_payload};

const NOW: i64 = 1_795_219_200_000;
const BATCH: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args()
        .nth(1)
        .map_or(Ok(1_000_000), |n| n.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shadows.redb");
    let limits = Shadows::default();
    let before = resident_kib();
    let store = ShadowStore::open(&path, &limits)?;
    for (name, round) in [("created", 0), ("updated", 1)] {
        let start = Instant::now();
        for first in (0..count).step_by(BATCH) {
            let last = (first + BATCH).min(count);
            let batch: Vec<_> = (first..last).map(|n| request(n, round)).collect();
            store.apply(None, &batch, NOW + round)?;
        }
        let took = start.elapsed().as_secs_f64();
        println!(
            "{name} {count} in {took:.1} s: {:.0}/s",
            count as f64 / took
        );
    }
    let file = fs::metadata(&path)?.len();
    println!(
        "resident +{} KiB, of it {} bytes per shadow; file {} MiB",
        resident_kib() - before,
        (resident_kib() - before) * 1024 / count as u64,
        file >> 20
    );
    let document = store.get("device-0", None, NOW)?;
    println!(
        "state {} bytes",
        serde_json::to_vec(&document["state"])?.len()
    );
    drop(store);
    let start = Instant::now();
    let store = ShadowStore::open(&path, &limits)?;
    println!("opened in {:?}", start.elapsed());
    drop(store);
    Ok(())
}

fn request(n: usize, round: i64) -> Request {
    let names = [
        "temperature",
        "humidity",
        "pressure",
        "vibration",
        "current",
        "voltage",
        "speed",
        "flow",
    ];
    let at = NOW + round;
    let readings: Vec<_> = names
        .iter()
        .map(|name| (*name, json!(n as f64 / 16.0 + round as f64), at))
        .collect();
    Request {
        thing: format!("device-{n}"),
        name: None,
        operation: Operation::Report,
        payload: report_payload(&[], at, &readings),
        publish: false,
    }
}

/// Resident memory of this process, as Linux tells it.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

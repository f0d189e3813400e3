//! What a million shadows of about 500 bytes cost: making them, updating them,
//! opening them again after an orderly close and after a kill amid updates, and
//! memory.
//!
//! ```text
//! cargo run --release -p weir-shadow-store --example million_shadows [shadows]
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;
use weir_config::Shadows;
use weir_shadow_document::{Operation, Request, report_payload};
use weir_shadow_store::ShadowStore;

const NOW: i64 = 1_795_219_200_000;
const BATCH: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, path, count] = arguments.as_slice()
        && command == "update-for-ever"
    {
        return update_for_ever(Path::new(path), count.parse()?);
    }
    let count = arguments
        .first()
        .map_or(Ok(1_000_000), |n| n.parse::<usize>())?;
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
    for kill in 1..=3 {
        killed_amid_updates(&path, count)?;
        let start = Instant::now();
        let store = ShadowStore::open(&path, &limits)?;
        println!(
            "opened after kill -9 number {kill} in {:?}",
            start.elapsed()
        );
        let mut shadows = 0;
        store.for_each(|_, _, _| shadows += 1)?;
        assert_eq!(shadows, count, "none is lost");
    }
    Ok(())
}

/// Batches in no order, until somebody ends it; a line per transaction.
fn update_for_ever(path: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    let store = ShadowStore::open(path, &Shadows::default())?;
    let mut state = std::process::id() as usize;
    for round in 2.. {
        let batch: Vec<_> = (0..BATCH)
            .map(|_| {
                // A linear congruential generator: any order will do.
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                request((state >> 33) % count, round)
            })
            .collect();
        store.apply(None, &batch, NOW + round)?;
        println!("durable");
    }
    Ok(())
}

/// Has another process update, and kills it (SIGKILL) behind a few transactions,
/// in the middle of the next one.
fn killed_amid_updates(path: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("update-for-ever")
        .arg(path)
        .arg(count.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("it has an output")?;
    let mut transactions = BufReader::new(output).lines();
    let start = Instant::now();
    for line in transactions.by_ref().take(5) {
        line?;
    }
    let took = start.elapsed().as_secs_f64();
    let rate = (5 * BATCH) as f64 / took;
    println!("in random order: {rate:.0} updates/s");
    child.kill()?;
    child.wait()?;
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

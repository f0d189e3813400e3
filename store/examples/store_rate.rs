//! How fast the embedded store takes readings, how small they get, and what
//! usual questions cost:
//!
//! ```text
//! cargo run --release -p weir-store --example store_rate [devices] [hours]
//! ```
//!
//! The fleet is the one of the store's reference measurement: five sensors per
//! device every 10 s with ±0.4 s of jitter, values rounded as sensors do, and a
//! checkpoint per simulated minute. CPU time is that of the whole process,
//! with what it takes to make the readings up.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use weir_model::{
    Catalog, Cell, Column, ColumnIx, DeviceIx, Flags, LocationIx, Position, ReadingCounts, Row,
    RowBatch, Timestamp, Value, ValueKind,
};
use weir_store::{EmbeddedStore, QueryLimits};

/// 2026-11-21T00:00:00Z
const START_MS: i64 = 1_795_219_200_000;
const SENSORS: [(&str, f64, f64); 5] = [
    ("temperature", 21.0, 0.1),
    ("humidity", 45.0, 0.5),
    ("pressure", 1013.0, 0.01),
    ("vibration", 0.3, 0.001),
    ("current", 4.0, 0.01),
];

/// xorshift: the same fleet every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From -1 to 1.
    fn symmetric(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

struct Fleet {
    random: Random,
    columns: Vec<ColumnIx>,
    /// Per device and sensor.
    values: Vec<[f64; 5]>,
}

impl Fleet {
    fn new(catalog: &Catalog, devices: usize) -> Self {
        for device in 0..devices {
            catalog.add_device(format!("device-{device:05}").into());
        }
        let column = |(name, _, _): (&str, f64, f64)| {
            let (sensor, kind) = (name.into(), ValueKind::Number);
            catalog.add_column(Arc::new(Column {
                sensor,
                unit: None,
                kind,
            }))
        };
        let columns = SENSORS.map(column).to_vec();
        let values = vec![SENSORS.map(|(_, start, _)| start); devices];
        Self {
            random: Random(0x2545_f491_4f6c_dd1d),
            columns,
            values,
        }
    }

    /// What all devices send within one interval.
    fn tick(&mut self, at_ms: i64, batch: &mut RowBatch) {
        batch.clear();
        for (device, values) in self.values.iter_mut().enumerate() {
            let jitter = (self.random.symmetric() * 400.0) as i64;
            batch.rows.push(Row {
                position: Position(0),
                device: DeviceIx(device as u32),
                location: LocationIx(0),
                time: Timestamp((at_ms + jitter) * 1_000_000),
                flags: Flags::default(),
                first_cell: batch.cells.len() as u32,
                cell_count: 5,
            });
            for ((value, (_, _, step)), column) in values.iter_mut().zip(SENSORS).zip(&self.columns)
            {
                *value += self.random.symmetric() * 3.0 * step;
                let rounded = (*value / step).round() / (1.0 / step).round();
                batch.cells.push(Cell {
                    column: *column,
                    value: Value::Number(rounded),
                });
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let devices: usize = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let hours: i64 = arguments.next().map_or(Ok(6), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let (store, _) = EmbeddedStore::open(dir.path(), &weir_config::EmbeddedStore::default())?;
    let catalog = Arc::new(Catalog::new());
    let mut fleet = Fleet::new(&catalog, devices);
    store.attach(catalog);

    let mut batch = RowBatch::default();
    let mut appending = Duration::ZERO;
    // Checkpoints without and with compaction.
    let (mut flushing, mut merging) = (Duration::ZERO, Duration::ZERO);
    let cpu_before = cpu()?;
    let (wall, mut stored) = (Instant::now(), 0);
    for tick in 0..hours * 360 {
        let at_ms = START_MS + tick * 10_000;
        fleet.tick(at_ms, &mut batch);
        let begun = Instant::now();
        stored += store.append(&batch, Timestamp(at_ms * 1_000_000)).stored;
        appending += begun.elapsed();
        if tick % 6 == 5 {
            let begun = Instant::now();
            let position = Position(tick as u64);
            let counts = ReadingCounts::default();
            let done = store.checkpoint(position, b"", &counts, &mut || Ok(()))?;
            let spent = if done.files_merged > 0 {
                &mut merging
            } else {
                &mut flushing
            };
            *spent += begun.elapsed();
        }
    }
    let stats = store.stats();
    let rate = stored as f64 / (cpu()? - cpu_before).as_secs_f64() / 1e6;
    println!(
        "{stored} readings in {:.1?}: {rate:.1} M readings per CPU s",
        wall.elapsed()
    );
    println!("append {appending:.1?}, checkpoints {flushing:.1?}, with compaction {merging:.1?}");
    println!(
        "{} files, {:.3} bytes per reading",
        stats.files,
        stats.bytes as f64 / stored as f64
    );

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let last_hour = Timestamp((START_MS + (hours - 1) * 3_600_000) * 1_000_000).to_rfc3339();
    for (name, sql) in [
        ("count of all", "SELECT count(*) FROM readings".to_owned()),
        (
            "last hour of one device and sensor",
            format!(
                "SELECT time, value FROM readings WHERE device = 'device-00042' \
                 AND sensor = 'temperature' AND time >= '{last_hour}'"
            ),
        ),
        (
            "hourly mean of one sensor",
            "SELECT date_bin(interval '1 hour', time) AS t, avg(value) FROM readings \
             WHERE sensor = 'temperature' GROUP BY t"
                .to_owned(),
        ),
        (
            "maximum by device",
            "SELECT device, max(value) FROM readings GROUP BY device".to_owned(),
        ),
    ] {
        const TIMES: u32 = 20;
        let ask = || -> Result<usize, Box<dyn Error + Send + Sync>> {
            runtime.block_on(async {
                let stream = store.sql().query(&sql, QueryLimits::default()).await?;
                let batches: Vec<_> = stream.try_collect().await?;
                Ok(batches.iter().map(|batch| batch.num_rows()).sum())
            })
        };
        let rows = ask()?;
        let (begun, wall) = (cpu()?, Instant::now());
        for _ in 0..TIMES {
            ask()?;
        }
        println!(
            "{name}: {rows} rows, {:.2} ms CPU, {:.2} ms",
            (cpu()? - begun).as_secs_f64() * 1e3 / f64::from(TIMES),
            wall.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES)
        );
    }
    Ok(())
}

/// CPU time of the process: user and system, from `/proc`.
fn cpu() -> Result<Duration, Box<dyn Error + Send + Sync>> {
    // Nanoseconds of each thread; `/proc/self/stat` counts in hundredths of a second.
    let mut nanos = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let line = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += line.split(' ').next().unwrap_or("0").parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

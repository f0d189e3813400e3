//! `cargo xtask bench store`: what readings cost to store and to ask for,
//! beside VictoriaMetrics with the same readings in the same run.
//!
//! - **in**: readings per second of CPU, and bytes per reading once both have
//!   merged what they wanted to. Weir's store is given rows, as its pipeline
//!   does; VictoriaMetrics is given its own JSON lines, with several minutes of
//!   a series in each, and has to parse them.
//! - **out**: CPU and latency of usual questions, medians of rounds in which the
//!   two sides take turns; then the latency again while both take readings.
//!   Weir makes JSON of its answers but no HTTP; the question for the last
//!   values goes to a real Weir by HTTP.

mod fleet;
mod last_values;
mod questions;
mod victoria_side;
mod weir_side;

use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use weir_benches::{CpuMeter, cpu_time};

use fleet::Fleet;
use victoria_side::VictoriaSide;
use weir_side::Writer;

/// Intervals that go in at once: six minutes.
const TICKS: usize = 36;

#[derive(Debug, Parser)]
#[command(name = "store")]
struct Args {
    #[arg(long, default_value_t = 1_000)]
    devices: usize,
    #[arg(long, default_value_t = 24)]
    hours: usize,
    /// Times that each question is asked on each side
    #[arg(long, default_value_t = 21)]
    rounds: usize,
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let args = Args::parse();
    let dir = tempfile::tempdir()?;
    let mut fleet = Fleet::new(args.devices);
    let mut weir = Writer::new(&dir.path().join("weir"), args.devices)?;
    let mut victoria = VictoriaSide::start(dir.path())?;
    println!(
        "{} devices, {} sensors each, {} h at {} s",
        args.devices,
        fleet::SENSORS.len(),
        args.hours,
        fleet::INTERVAL_MS / 1_000
    );

    let mut me = CpuMeter::of(std::process::id())?;
    let mut samples = Vec::new();
    let (mut readings, mut weir_cpu, mut weir_wall, mut victoria_wall) = (0, 0.0, 0.0, 0.0);
    for _ in 0..(args.hours * 360).div_ceil(TICKS) {
        fleet.take(TICKS, &mut samples);
        let (before, begun) = (me.total()?, Instant::now());
        readings += weir.ingest(&samples)?;
        weir_wall += begun.elapsed().as_secs_f64();
        weir_cpu += (me.total()? - before).as_secs_f64();
        let begun = Instant::now();
        victoria.ingest(&samples)?;
        victoria_wall += begun.elapsed().as_secs_f64();
    }
    let (before, begun) = (me.total()?, Instant::now());
    weir.settle()?;
    weir_wall += begun.elapsed().as_secs_f64();
    weir_cpu += (me.total()? - before).as_secs_f64();
    let loaded = cpu_time(victoria.process_id())?.as_secs_f64();
    let (victoria_cpu, victoria_fewest) = victoria.settle()?;
    let victoria_cpu = victoria_cpu.as_secs_f64();

    let each = |amount: f64| amount / readings as f64;
    let million = |seconds: f64| readings as f64 / seconds / 1e6;
    println!("{readings} readings\n");
    println!("| in | weir | victoria-metrics | ratio |");
    println!("| --- | --- | --- | --- |");
    println!(
        "| million readings per CPU second, until settled | {:.2} | {:.2} (before its final merge {:.2}) | {:.2} |",
        million(weir_cpu),
        million(victoria_cpu),
        million(loaded),
        victoria_cpu / weir_cpu
    );
    println!(
        "| million readings per second | {:.2} | {:.2} | {:.2} |",
        million(weir_wall),
        million(victoria_wall),
        victoria_wall / weir_wall
    );
    let stats = weir.stats();
    let (ours, theirs) = (each(stats.bytes as f64), each(victoria_fewest as f64));
    println!(
        "| bytes per reading | {ours:.3} ({} files; roll-ups {:.3} more) | {theirs:.3} (merged into one {:.3}) | {:.2} |\n",
        stats.files,
        each(stats.rollup_bytes as f64),
        each(victoria.bytes()? as f64),
        ours / theirs
    );
    questions::ask(&args, &mut fleet, &mut weir, &victoria)?;
    last_values::ask(&args, &fleet, &victoria)
}

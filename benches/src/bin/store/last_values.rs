//! The last value of every series: to a real Weir, which has them in memory,
//! and to VictoriaMetrics, both by HTTP.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use weir_benches::{CpuMeter, median};
use weir_tests::{Weir, WeirSpec};

use crate::Args;
use crate::fleet::{Fleet, SENSORS, device_name};
use crate::victoria_side::VictoriaSide;

#[allow(clippy::print_stdout)]
pub(crate) fn ask(args: &Args, fleet: &Fleet, victoria: &VictoriaSide) -> Result<()> {
    let mut weir = Weir::start(WeirSpec::embedded());
    for device in 0..args.devices {
        let mut payload = format!("{{\"timestamp\":{}", fleet.end_ms());
        for (sensor, first, _) in SENSORS {
            write!(payload, ",\"{sensor}\":{first}")?;
        }
        payload.push('}');
        weir.ingest(&device_name(device), "", payload).expect(202);
    }
    weir.wait_received(args.devices as u64 * SENSORS.len() as u64);

    let sql = "SELECT device, sensor, time, value FROM latest";
    let path = format!(
        "/api/v1/query?nocache=1&time={}&query=last_over_time(reading%5B1h%5D)",
        fleet.end_ms() / 1_000
    );
    let mut us = CpuMeter::of(weir.process().id())?;
    let mut them = CpuMeter::of(victoria.process_id())?;
    let (mut ours, mut theirs) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..=args.rounds {
        let (before, begun) = (us.total()?, Instant::now());
        let rows = weir.sql(sql).len();
        let wall = begun.elapsed();
        ensure!(rows == args.devices * SENSORS.len(), "{rows} last values");
        let cpu = us.total()? - before;
        if round > 0 {
            ours[0].push(cpu.as_secs_f64() * 1e3);
            ours[1].push(wall.as_secs_f64() * 1e3);
        }
        let (before, begun) = (them.total()?, Instant::now());
        victoria.get(&path)?;
        let wall = begun.elapsed();
        let cpu = them.total()? - before;
        if round > 0 {
            theirs[0].push(cpu.as_secs_f64() * 1e3);
            theirs[1].push(wall.as_secs_f64() * 1e3);
        }
    }
    let [our_cpu, our_wall] = ours.map(|all| median(all).unwrap_or(f64::NAN));
    let [their_cpu, their_wall] = theirs.map(|all| median(all).unwrap_or(f64::NAN));
    println!("| by HTTP | weir CPU ms | victoria CPU ms | ratio | weir ms | victoria ms | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    println!(
        "| last value of every series | {our_cpu:.2} | {their_cpu:.2} | {:.2} | {our_wall:.2} | {their_wall:.2} | {:.2} |",
        their_cpu / our_cpu,
        their_wall / our_wall
    );
    Ok(())
}

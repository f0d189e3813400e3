//! `cargo xtask bench demo [--hours H] [--devices N] [--seed S]`: the faults of
//! `weir up --demo` in event time, what each is found by, and what else fires.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

use anyhow::{Context, Result, bail};
use weir_detector_benches::demo::{Found, Spec, run};

fn main() -> Result<()> {
    // 2026-11-02T06:30:00Z, a Monday.
    let mut spec = Spec {
        devices: 120,
        seed: 1,
        start_ms: 1_793_601_000_000,
        hours: 24,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--hours" => spec.hours = value.parse()?,
            "--devices" => spec.devices = value.parse()?,
            "--seed" => spec.seed = value.parse()?,
            "--start-ms" => spec.start_ms = value.parse()?,
            _ => bail!("unknown argument {name}; there are --hours, --devices, --seed, --start-ms"),
        }
    }
    let report = run(spec).map_err(|problems| {
        let reported: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", reported.join("; "))
    })?;
    println!("| function | faults | found | slowest, s | other alarms |");
    println!("| --- | --- | --- | --- | --- |");
    for (function, found) in &report.faults {
        let Found {
            faults,
            found,
            slowest_ms,
        } = found;
        let others = report.others.get(*function).map_or(0, Vec::len);
        let seconds = *slowest_ms as f64 / 1_000.0;
        println!("| {function} | {faults} | {found} | {seconds:.1} | {others} |");
    }
    println!(
        "\n{} readings, {} undecoded, {} late or repeated; converted: {:?}",
        report.readings, report.undecoded, report.late, report.converted
    );
    println!(
        "most other alarms of one function within an hour: {}",
        report.most_others_per_hour()
    );
    for missed in report.missed.iter().take(40) {
        println!("missed: {missed}");
    }
    for (function, others) in &report.others {
        for (at, reason) in others.iter().take(8) {
            println!("other: {function} after {} s: {reason}", at / 1_000);
        }
    }
    Ok(())
}

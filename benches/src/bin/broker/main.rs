//! `cargo xtask bench broker`: what MQTT costs in Weir's embedded broker, beside
//! Mosquitto, in one run.
//!
//! Per round and case, each side in turn as a fresh process with its defaults, but
//! for Mosquitto's limit of queued messages, which is off. Weir is the release
//! binary with everything behind its broker: messages with a route go to the
//! journal, which is synced, and through the pipeline into the store. Mosquitto
//! writes nothing.
//!
//! CPU is user and system time of all threads of the broker; the load is another
//! process and is not counted.

mod cases;
mod load;
mod side;

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Result;
use clap::Parser;
use weir_benches::median;

use cases::{Case, Size};
use side::Side;

#[derive(Debug, Parser)]
#[command(name = "broker")]
struct Args {
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Divides the number of messages, connections and filters
    #[arg(long, default_value_t = 1)]
    smaller: usize,
    /// Only these cases, such as --only publish-1000,idle
    #[arg(long, value_delimiter = ',')]
    only: Vec<Case>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let size = Size {
        smaller: args.smaller.max(1),
    };
    let cases: Vec<Case> = match args.only.as_slice() {
        [] => Case::ALL.to_vec(),
        only => only.to_vec(),
    };
    let mut figures = BTreeMap::<_, Vec<f64>>::new();
    for round in 1..=args.rounds {
        for (number, case) in cases.iter().enumerate() {
            for side in Side::ALL {
                let measured = side::measure(side, *case, size)?;
                for (row, (name, value)) in measured.into_iter().enumerate() {
                    writeln!(
                        io::stdout(),
                        "{round}  {:9}  {:24}  {name:28}  {value:12.2}",
                        side.as_str(),
                        case.title()
                    )?;
                    let key = (number, row, case.title(), name);
                    figures.entry((key, side)).or_default().push(value);
                }
            }
        }
    }
    medians(&figures)
}

type Row = (usize, usize, &'static str, &'static str);

/// One row per figure, one column per side.
fn medians(figures: &BTreeMap<(Row, Side), Vec<f64>>) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\n| case | figure | Weir | Mosquitto |")?;
    writeln!(out, "| --- | --- | --- | --- |")?;
    let of = |row: Row, side| {
        let values = figures.get(&(row, side)).cloned().unwrap_or_default();
        median(values).map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
    };
    for (row, side) in figures.keys() {
        if *side == Side::Weir {
            let (_, _, case, name) = *row;
            let (weir, mosquitto) = (of(*row, Side::Weir), of(*row, Side::Mosquitto));
            writeln!(out, "| {case} | {name} | {weir} | {mosquitto} |")?;
        }
    }
    Ok(())
}

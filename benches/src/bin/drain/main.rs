//! `cargo xtask bench drain`: how much CPU a message costs on its whole way,
//! and at which rate, beside two subscribers that only count.
//!
//! Per round, each side in turn against a fresh Mosquitto:
//! - **plain**: rumqttc with automatic acknowledgements;
//! - **ideal**: rumqttc with a hundred acknowledgements in one flush;
//! - **weir**: the release binary with everything on: journal, decode,
//!   validate, detect, alarms, store, shadows;
//! - **no-shadows** (only with `--only`): the same without reports into shadows.
//!
//! A rate is messages ÷ time from the first publish until the last message is
//! received. CPU is user and system time of all threads: for the bare ones
//! until then, for Weir until it has come to rest, with its Parquet files
//! written. Live, publishing and draining run at once; with `--backlog` the
//! broker has everything before the draining begins.

mod report;
mod side;

use anyhow::Result;
use clap::Parser;

use report::Report;
use side::{Setting, Side};

#[derive(Debug, Parser)]
#[command(name = "drain")]
struct Args {
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    #[arg(long, default_value_t = 200_000)]
    messages: usize,
    /// Mosquitto's max_inflight_messages; 0 is no limit
    #[arg(long, default_value_t = 1_000)]
    inflight: u32,
    /// Unacknowledged messages of the publisher
    #[arg(long, default_value_t = 1_000)]
    window: usize,
    /// Publish everything before draining it
    #[arg(long)]
    backlog: bool,
    /// Only these sides, such as --only ideal,weir
    #[arg(long, value_delimiter = ',')]
    only: Vec<Side>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let sides: Vec<Side> = match args.only.as_slice() {
        [] => Side::ALL.to_vec(),
        only => only.to_vec(),
    };
    let setting = Setting {
        messages: args.messages,
        inflight: args.inflight,
        window: args.window,
        backlog: args.backlog,
    };
    let mut report = Report::new(setting)?;
    for round in 1..=args.rounds {
        for side in &sides {
            report.add(round, *side, side::measure(*side, setting)?)?;
        }
    }
    report.medians(&sides)
}

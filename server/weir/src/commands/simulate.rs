//! `weir simulate`: a fleet against any broker.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;
use weir_simulator::{SimulateArgs as Simulation, simulate};

use crate::cli::SimulateArgs;
use crate::output;

pub(crate) fn run(args: SimulateArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start")?;
    let summary = runtime.block_on(simulate(Simulation {
        broker_url: args.broker,
        devices: args.devices,
        rate: args.rate,
        scenario: args.scenario,
        anomaly: args.anomaly,
        seed: args.seed,
        duration: args.duration,
        qos: args.qos,
        connections: args.connections,
        progress: true,
    }))?;
    if args.json {
        let summary = json!({
            "sent": summary.sent,
            "acknowledged": summary.acknowledged,
            "resent": summary.resent,
            "reconnects": summary.reconnects,
            "seconds": summary.elapsed.as_secs_f64(),
        });
        output::line(&summary.to_string())?;
    } else {
        output::line(&summary.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

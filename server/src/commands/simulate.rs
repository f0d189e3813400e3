//! `weir simulate`: a fleet against any broker.

use std::process::ExitCode;

use anyhow::{Context, Result};
use weir_fleet::{SimulateArgs as Simulation, simulate};

use crate::cli::SimulateArgs;
use crate::output;

pub(crate) fn run(args: SimulateArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start")?;
    let summary = runtime.block_on(async {
        let cancel = tokio_util::sync::CancellationToken::new();
        let on_signal = cancel.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                on_signal.cancel();
            }
        });
        simulate(
            Simulation {
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
            },
            cancel,
        )
        .await
    })?;
    if args.json {
        output::line(&serde_json::to_string(&summary)?)?;
    } else {
        output::line(&summary.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

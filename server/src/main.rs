//! `weir`: one binary. See `cli.rs` for the commands and `app.rs` for how a
//! running Weir is put together.

mod accept;
mod access_watch;
mod alarm_router;
mod app;
mod backtest;
mod channel_worker;
mod checked;
mod cli;
mod commands;
mod complaint;
mod config_history;
mod core;
mod data_dir;
mod demo;
mod effects_worker;
mod explain;
mod flight;
mod flow;
mod health;
mod http;
mod influx_waits;
mod influx_worker;
mod live;
mod metering;
mod module_watch;
mod notifier;
mod operational_alerts;
mod output;
mod pipeline;
mod postgres;
mod progress;
mod queries;
mod refusals;
mod reload;
mod row_reader;
mod shadow_worker;
mod snapshot;
mod store_worker;
mod tables;
mod ticker;
mod tls;
mod waiters;
mod watchdog;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    // Everything that speaks TLS uses this provider. A second call fails, and
    // there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = match Cli::parse().command {
        Command::Up(args) => commands::up::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Simulate(args) => commands::simulate::run(args),
        Command::Query(args) => commands::query::run(&args),
        Command::Tap(args) => commands::tap::run(&args),
        Command::Backtest(args) => commands::backtest::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Functions(args) => commands::functions::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Alarms(args) => commands::alarms::run(args.command),
        Command::Auth(args) => commands::auth::run(args.command),
        Command::Shadow(args) => commands::shadow::run(args.command),
        Command::Store(args) => commands::store::run(&args.command),
    };
    result.unwrap_or_else(|error| {
        eprintln!("weir: {error:#}");
        ExitCode::FAILURE
    })
}

//! `weir`: one binary. `cli.rs` defines the commands, `commands/` runs them, and
//! the crate `weir-app` composes a running Weir.

mod cli;
mod commands;
mod demo;
mod output;

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
        Command::Decode(args) => commands::decode::run(&args),
        Command::Codecs => commands::codecs::run(),
        Command::Simulate(args) => commands::simulate::run(args),
        Command::Query(args) => commands::query::run(&args),
        Command::Tap(args) => commands::tap::run(&args),
        Command::Backtest(args) => commands::backtest::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Functions(args) => commands::functions::run(&args),
        Command::Lambda(args) => commands::lambda::run(&args.command),
        Command::Export(args) => commands::export::run(&args),
        Command::Alarms(args) => commands::alarms::run(args),
        Command::Auth(args) => commands::auth::run(args.command),
        Command::Shadow(args) => commands::shadow::run(args),
        Command::Store(args) => commands::store::run(&args.command),
    };
    result.unwrap_or_else(|error| {
        eprintln!("weir: {error:#}");
        ExitCode::FAILURE
    })
}

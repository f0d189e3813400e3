//! `weir lambda …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct LambdaArgs {
    #[command(subcommand)]
    pub(crate) command: LambdaCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LambdaCommand {
    /// Handle events as the function on AWS Lambda would, without AWS: print rows, alerts, shadows
    /// and answers
    Invoke(InvokeArgs),
    /// Print the events that would bring messages to the function
    Events(EventsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InvokeArgs {
    /// Files with one event each, as JSON, or with one event per line (.jsonl); memory is kept
    /// between them
    #[arg(required = true, value_name = "EVENT.json")]
    pub(crate) events: Vec<PathBuf>,
    /// Configuration file (TOML); without it, the defaults
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Who calls the function
    pub(crate) source: EventSource,
    /// Payloads, one per line; without it, a reference event
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Topic of the payloads; by default devices/{deviceId}/telemetry
    #[arg(long, value_name = "T")]
    pub(crate) topic: Option<String>,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventSource {
    /// An SQS queue
    Sqs,
    /// An SQS FIFO queue
    SqsFifo,
    /// A Kinesis stream
    Kinesis,
    /// The IoT rule of the template
    Iot,
    /// API Gateway, or a function URL
    Http,
    /// A schedule
    Tick,
}

/// Where a configuration is meant to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckTarget {
    #[default]
    Server,
    Lambda,
}

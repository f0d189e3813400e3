//! The command line: commands, flags and their help.

mod alarms;
mod auth;
mod decode;
pub(crate) mod lambda;
#[cfg(test)]
mod reference;
mod shadow;
mod store;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lambda::{CheckTarget, LambdaArgs};
use weir_config::parse_duration;
use weir_model::Timestamp;
use weir_simulator::{Anomaly, Scenario};

pub(crate) use alarms::{AlarmAction, AlarmsArgs, AlarmsCommand};
pub(crate) use auth::{AuthArgs, AuthCommand, RoleName};
pub(crate) use decode::DecodeArgs;
pub(crate) use shadow::{ShadowArgs, ShadowCommand, ShadowTarget};
pub(crate) use store::{StoreArgs, StoreCommand, StoreTarget};

/// IoT telemetry: MQTT in; series, alerts and device shadows out.
///
/// Acknowledged messages are never lost; every reading is stored or quarantined
/// with a reason.
#[derive(Debug, Parser)]
#[command(name = "weir", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: broker, pipeline, store, alerts, shadows, HTTP
    Up(UpArgs),
    /// Check a configuration file and report every error with its line
    Check(CheckArgs),
    /// Print what a payload becomes, and why
    Decode(DecodeArgs),
    /// List the codecs and their usual topics
    Codecs,
    /// Publish as a fleet of simulated devices to an MQTT broker
    Simulate(SimulateArgs),
    /// Run a SQL query
    Query(QueryArgs),
    /// Print readings and alerts of a running Weir as they arrive
    Tap(TapArgs),
    /// Run a configuration on stored readings or messages and print its alarms
    Backtest(BacktestArgs),
    /// Process quarantined messages again
    Replay(ReplayArgs),
    /// Import readings from CSV, Parquet, JSON lines or line protocol into a running Weir
    Import(ImportArgs),
    /// Export readings of a running Weir to a CSV, JSON lines or Parquet file
    Export(ExportArgs),
    /// Explain the verdicts of the functions on a reading
    Explain(ExplainArgs),
    /// Show invocations, times, memory and the AWS Lambda estimate of each function
    Functions(FunctionsArgs),
    /// Try the function for AWS Lambda on this machine
    Lambda(LambdaArgs),
    /// List and handle alarms
    Alarms(AlarmsArgs),
    /// Read and change device shadows
    Shadow(ShadowArgs),
    /// Inspect the files of the embedded store
    Store(StoreArgs),
    /// Create entries of the access file of `[auth]`
    Auth(AuthArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Configuration file (TOML); without it, embedded broker and defaults
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Add a simulated fleet with faults
    #[arg(long)]
    pub(crate) demo: bool,
    /// Write the bound addresses to FILE as JSON when all listeners accept connections
    #[arg(long, value_name = "FILE")]
    pub(crate) ports_file: Option<PathBuf>,
    /// Log as JSON lines
    #[arg(long, env = "WEIR_LOG_JSON")]
    pub(crate) log_json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Configuration file (TOML)
    pub(crate) file: PathBuf,
    /// Where the configuration is meant to run
    #[arg(long = "for", value_enum, default_value_t = CheckTarget::Server)]
    pub(crate) target: CheckTarget,
    /// Print the errors as a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Broker: mqtt://host:port
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    pub(crate) broker: String,
    /// Number of devices
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub(crate) devices: usize,
    /// Messages per second, all devices together
    #[arg(long, value_name = "R", default_value_t = 120.0)]
    pub(crate) rate: f64,
    /// demo (every kind of fault), steady (no faults), burst (no faults, bursts of five times the
    /// rate) or flaky (late, repeated and missing messages, dropped connections)
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub(crate) scenario: Scenario,
    /// Add spike, drift, stuck, silence or overheat to one device in twenty
    #[arg(long, value_name = "KIND")]
    pub(crate) anomaly: Option<Anomaly>,
    /// The same seed gives the same fleet
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Such as 30s or 5m; default: until Ctrl-C
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// MQTT connections that share the devices
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) connections: usize,
    /// MQTT quality of service, 0 to 2
    #[arg(long, value_name = "QOS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// The data folder: journal, series, alarms, shadows
    #[arg(
        long = "data-dir",
        value_name = "DIR",
        env = "WEIR_DATA_DIR",
        default_value = "weir-data"
    )]
    pub(crate) dir: PathBuf,
}

/// Where the running Weir listens.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remote {
    /// HTTP address of the running Weir
    #[arg(
        long,
        value_name = "URL",
        env = "WEIR_URL",
        default_value = "http://127.0.0.1:8080",
        global = true
    )]
    pub(crate) url: String,
    /// File whose first line is a token, for a Weir with `[auth]`
    #[arg(long, value_name = "FILE", env = "WEIR_TOKEN_FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// Authorities to trust instead of the system's, for https (PEM)
    #[arg(long, value_name = "FILE", env = "WEIR_CA_FILE", global = true)]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// For example: SELECT * FROM readings ORDER BY time DESC LIMIT 10
    pub(crate) sql: String,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Table,
    Json,
    Jsonl,
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct TapArgs {
    /// Only this device
    #[arg(long, value_name = "D")]
    pub(crate) device: Option<String>,
    /// Only this sensor
    #[arg(long, value_name = "S")]
    pub(crate) sensor: Option<String>,
    /// Print each event as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    /// The configuration under test (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// A second configuration, such as the current one: print only the differences
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Files or folders of readings (.csv, .jsonl, .parquet) instead of the store
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// Use the messages in the journal of the data folder instead of the readings in its store
    #[arg(long, conflicts_with = "input")]
    pub(crate) journal: bool,
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Only readings of this time and later, such as 2026-01-31T12:00:00Z; of the
    /// journal, messages received then and later
    #[arg(long, value_name = "T", value_parser = instant)]
    pub(crate) from: Option<Timestamp>,
    /// Only readings (of the journal, messages) before this time
    #[arg(long, value_name = "T", value_parser = instant)]
    pub(crate) to: Option<Timestamp>,
    /// Write time,device,sensor,value,function,score of every reading to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Replay the quarantine
    #[arg(long, required = true)]
    pub(crate) quarantine: bool,
    /// Only messages that were rejected for this reason
    #[arg(long, value_name = "R")]
    pub(crate) reason: Option<String>,
    /// Only messages of this device, as their topic names it
    #[arg(long, value_name = "D")]
    pub(crate) device: Option<String>,
    /// Count only
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// .csv, .parquet, .jsonl or .lp
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Format of the files; default: by extension
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormat>,
    /// Unit of timestamps in line protocol
    #[arg(long, value_name = "UNIT", default_value = "ns", value_parser = ["ns", "us", "ms", "s", "m", "h"])]
    pub(crate) precision: String,
    /// CSV: what separates cells, such as ; or tab; recognised by the header
    #[arg(long, value_name = "C", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// CSV: the decimal sign, . or ,; recognised where only one is possible
    #[arg(long, value_name = "C", value_parser = [".", ","])]
    pub(crate) decimal: Option<String>,
    /// CSV: how times are written, as for strftime, such as "%d.%m.%Y %H:%M"
    #[arg(long, value_name = "F")]
    pub(crate) time_format: Option<String>,
    /// CSV: the time zone of times without one, such as Europe/Brussels
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// CSV: every column but time, device and location is a sensor; recognised by the header
    #[arg(long)]
    pub(crate) wide: bool,
    /// CSV: the device of rows that name none
    #[arg(long, value_name = "D")]
    pub(crate) device: Option<String>,
    /// Start from the beginning, not where an earlier run stopped
    #[arg(long)]
    pub(crate) restart: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// .csv, .jsonl or .parquet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Format of the file; default: by extension
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormat>,
    /// Only readings of this time and later, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "T", value_parser = instant)]
    pub(crate) from: Option<Timestamp>,
    /// Only readings before this time
    #[arg(long, value_name = "T", value_parser = instant)]
    pub(crate) to: Option<Timestamp>,
    /// Only this device
    #[arg(long, value_name = "D")]
    pub(crate) device: Option<String>,
    /// Only this sensor
    #[arg(long, value_name = "S")]
    pub(crate) sensor: Option<String>,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// What a file of readings is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    Csv,
    Parquet,
    Jsonl,
    /// InfluxDB's line protocol
    #[value(name = "lp")]
    Lines,
}

impl FileFormat {
    /// By the end of the file's name.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        Ok(match extension.to_str().unwrap_or_default() {
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            "jsonl" | "ndjson" => Self::Jsonl,
            "lp" | "line" => Self::Lines,
            _ => anyhow::bail!(
                "{}: its name does not end in .csv, .parquet, .jsonl, .ndjson, .lp or .line; \
                 set --format",
                path.display()
            ),
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    pub(crate) device: String,
    pub(crate) sensor: String,
    /// The newest reading at or before this time (RFC 3339 or milliseconds); default: the last reading
    #[arg(long, value_name = "T")]
    pub(crate) at: Option<String>,
    /// Stored readings from which memory is recomputed, such as 6h or 30d; default: 7d
    #[arg(long, value_name = "D")]
    pub(crate) warmup: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct FunctionsArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// One character, or `tab`.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() => Ok(*byte),
        _ if matches!(text, "tab" | "\\t") => Ok(b'\t'),
        _ => Err("expected one character such as ; or the word tab".to_owned()),
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let expected = || format!("expected {}", weir_backtest::instant::FORMS);
    weir_backtest::instant::parse(text).ok_or_else(expected)
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 30s, 5m or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

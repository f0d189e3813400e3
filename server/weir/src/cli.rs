//! The command line: commands, flags and their help.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use weir_config::parse_duration;
use weir_model::Timestamp;
use weir_simulator::{Anomaly, Scenario};

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
    /// Run everything: broker, pipeline, store, alerts, shadows, HTTP
    Up(UpArgs),
    /// Check a configuration file and report every problem with its line number
    Check(CheckArgs),
    /// Publish simulated telemetry of a fleet of devices to an MQTT broker
    Simulate(SimulateArgs),
    /// Run a SQL query
    Query(QueryArgs),
    /// Stream readings and alerts of a running Weir
    Tap(TapArgs),
    /// Run a configuration on existing readings and print the alarms that it raises
    Backtest(BacktestArgs),
    /// Send quarantined messages through the pipeline again
    Replay(ReplayArgs),
    /// Import readings from CSV, Parquet, JSON lines or line protocol into a running Weir
    Import(ImportArgs),
    /// Export readings of a running Weir to a CSV, JSON lines or Parquet file
    Export(ExportArgs),
    /// Explain what the functions concluded from a reading
    Explain(ExplainArgs),
    /// Show what each function did, its latency, and its cost on AWS Lambda
    Functions(FunctionsArgs),
    /// List, acknowledge and shelve alarms
    Alarms(AlarmsArgs),
    /// Read and change device shadows
    Shadow(ShadowArgs),
    /// Inspect the files of the embedded store
    Store(StoreArgs),
    /// Create entries of the access file of `[auth]`
    Auth(AuthArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Show files, readings and bytes per kind of device
    Stats(StoreTarget),
    /// Read every file and compare its checksums; changes nothing
    Verify(StoreTarget),
}

/// The data folder. Weir may be running on it.
#[derive(Debug, Args)]
pub(crate) struct StoreTarget {
    /// The data folder
    #[arg(
        long,
        value_name = "DIR",
        env = "WEIR_DATA_DIR",
        default_value = "weir-data"
    )]
    pub(crate) data_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Configuration file (TOML); without it, embedded broker and defaults
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the journal, series, alarms and shadows
    #[arg(
        long,
        value_name = "DIR",
        env = "WEIR_DATA_DIR",
        default_value = "weir-data"
    )]
    pub(crate) data_dir: PathBuf,
    /// Add a simulated fleet with faults
    #[arg(long)]
    pub(crate) demo: bool,
    /// Write the bound addresses to FILE as JSON once all of them accept connections
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
    /// Print the problems as a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// mqtt://host:port
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    pub(crate) broker: String,
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub(crate) devices: usize,
    /// Messages per second, all devices together
    #[arg(long, value_name = "R", default_value_t = 120.0)]
    pub(crate) rate: f64,
    /// Behaviour of the fleet
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub(crate) scenario: Scenario,
    /// Add one kind of anomaly
    #[arg(long, value_name = "KIND")]
    pub(crate) anomaly: Option<Anomaly>,
    /// The same seed gives the same fleet
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How long, such as 30s or 5m; without it, until Ctrl-C
    #[arg(long, value_name = "D", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// MQTT connections that share the devices
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) connections: usize,
    /// MQTT quality of service
    #[arg(long, value_name = "QOS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the running Weir listens.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remote {
    /// HTTP address of the running Weir
    #[arg(
        long,
        value_name = "URL",
        env = "WEIR_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) url: String,
    /// File whose first line is a token, for a Weir with `[auth]`
    #[arg(long, value_name = "FILE", env = "WEIR_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Authorities to trust instead of the system's, for https (PEM)
    #[arg(long, value_name = "FILE", env = "WEIR_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// For example: SELECT * FROM readings ORDER BY time DESC LIMIT 10
    pub(crate) sql: String,
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
    /// The configuration to try (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// A second configuration, such as the current one: print only the differences
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Files or folders of readings (.csv, .jsonl, .parquet) instead of the store
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// The messages in the data folder's journal instead of the readings in its store
    #[arg(long, conflicts_with = "input")]
    pub(crate) journal: bool,
    /// The data folder whose store or journal is read, also beside a running Weir
    #[arg(
        long,
        value_name = "DIR",
        env = "WEIR_DATA_DIR",
        default_value = "weir-data"
    )]
    pub(crate) data_dir: PathBuf,
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
    /// Only count what would be replayed
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
    /// Format of the files; by their extensions by default
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormat>,
    /// The unit of times in line protocol
    #[arg(long, value_name = "UNIT", default_value = "ns", value_parser = ["ns", "us", "ms", "s", "m", "h"])]
    pub(crate) precision: String,
    /// CSV: what separates cells, such as ; or tab; recognised by the header
    #[arg(long, value_name = "C", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// CSV: what stands before decimals, . or ,; recognised where only one is possible
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
    /// Start again from the beginning instead of where an earlier run stopped
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
    /// Format of the file; by its extension by default
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
    /// The newest reading at or before this time (RFC 3339 or milliseconds); the last by default
    #[arg(long, value_name = "T")]
    pub(crate) at: Option<String>,
    /// Stored readings from which memory is computed again, such as 6h or 30d; 7d by default
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

#[derive(Debug, Args)]
pub(crate) struct AlarmsArgs {
    #[command(subcommand)]
    pub(crate) command: AlarmsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlarmsCommand {
    /// Show alarms: open ones, or all
    List {
        /// Cleared ones too
        #[arg(long)]
        all: bool,
        #[arg(long, value_name = "D")]
        device: Option<String>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show one alarm, and what was done to it
    Show {
        id: String,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Acknowledge an alarm; clears it if it is latched
    Ack(AlarmAction),
    /// Withdraw an acknowledgement
    Unack(AlarmAction),
    /// Shelve an alarm's device, sensor and function for a limited time
    Shelve {
        /// Such as 30m or 8h
        #[arg(long, default_value = "1h")]
        duration: String,
        #[command(flatten)]
        action: AlarmAction,
    },
    /// End a shelving
    Unshelve(AlarmAction),
    /// Take an alarm's device, sensor and function out of service
    OutOfService(AlarmAction),
    /// Return an alarm's device, sensor and function to service
    InService(AlarmAction),
    /// Comment on an alarm
    Comment {
        id: String,
        text: String,
        /// Who; your user name by default
        #[arg(long)]
        by: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Assign an alarm to a person
    Assign {
        #[command(flatten)]
        action: AlarmAction,
        /// The person; without it the assignment ends
        #[arg(long)]
        to: Option<String>,
    },
    /// Show the actions of operators, newest first
    Audit {
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show alarm performance: rates, floods, worst actors, time to acknowledge
    Kpi {
        /// RFC 3339; a day before --to by default
        #[arg(long, value_name = "T")]
        from: Option<String>,
        /// RFC 3339; now by default
        #[arg(long, value_name = "T")]
        to: Option<String>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show notification channels: queued, failing
    Channels {
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Send a test notification and print the result
    TestChannel {
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show notifications that could not be delivered
    DeadLetters {
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Print as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Retry a dead letter by its number, or all of them
    Retry {
        #[arg(value_name = "N|all")]
        n: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// What somebody does to an alarm.
#[derive(Debug, Args)]
pub(crate) struct AlarmAction {
    pub(crate) id: String,
    /// Who; your user name by default
    #[arg(long)]
    pub(crate) by: Option<String>,
    #[arg(long)]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    #[command(subcommand)]
    pub(crate) command: ShadowCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShadowCommand {
    /// Print a device's shadow
    Get {
        /// Print what is desired and not reported, a line each
        #[arg(long)]
        diff: bool,
        #[command(flatten)]
        target: ShadowTarget,
    },
    /// Change a device's shadow: '{"state":{"desired":{"led":"on"}}}'
    Update {
        #[command(flatten)]
        target: ShadowTarget,
        document: String,
    },
    /// Delete a device's shadow; its version continues for 48 hours
    Delete {
        #[command(flatten)]
        target: ShadowTarget,
    },
    /// List the named shadows of a device
    List {
        thing: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Print each change of a device's shadow, and what is desired and not reported
    Watch {
        /// How often to look
        #[arg(long, value_name = "D", default_value = "1s", value_parser = duration)]
        interval: Duration,
        #[command(flatten)]
        target: ShadowTarget,
    },
}

/// Which shadow, and where.
#[derive(Debug, Args)]
pub(crate) struct ShadowTarget {
    pub(crate) thing: String,
    /// A named shadow instead of the classic one
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    pub(crate) command: AuthCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Add an identity to the access file and print its new token
    Add {
        /// For a device: its id
        name: String,
        #[arg(long, value_enum, default_value_t = RoleName::Device)]
        role: RoleName,
        /// The access file; created if it does not exist
        #[arg(long, value_name = "FILE", default_value = "access.toml")]
        file: PathBuf,
        /// Another device in whose name it may publish; * is any text, ? one character
        #[arg(long, value_name = "GLOB")]
        device: Vec<String>,
        /// A chosen password in place of a token: the first line of FILE, or of - (standard input)
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// A client certificate of this name in place of a token
        #[arg(long)]
        certificate: bool,
    },
    /// Print the hash of a chosen password, for an entry that is written by hand
    Hash {
        /// The password is the first line of FILE, or of - (standard input)
        #[arg(long, value_name = "FILE", default_value = "-")]
        password_file: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Writes telemetry for itself and has shadows
    Device,
    /// Reads everything
    Reader,
    /// Reads, acknowledges alarms, changes shadows
    Operator,
    /// Everything
    Admin,
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

//! `weir alarms …`

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Args)]
pub(crate) struct AlarmsArgs {
    #[command(subcommand)]
    pub(crate) command: AlarmsCommand,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlarmsCommand {
    /// List open alarms, or all
    List {
        /// Also cleared alarms
        #[arg(long)]
        all: bool,
        /// Only this device
        #[arg(long, value_name = "D")]
        device: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one alarm and its audit entries
    Show {
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Acknowledge an alarm; clears it if it is latched
    Ack(AlarmAction),
    /// Withdraw an acknowledgement
    Unack(AlarmAction),
    /// Suppress notifications of an alarm's device, sensor and function for a time
    Shelve {
        /// For how long, such as 30m or 8h
        #[arg(long, default_value = "1h")]
        duration: String,
        #[command(flatten)]
        action: AlarmAction,
    },
    /// End a shelving
    Unshelve(AlarmAction),
    /// Suppress notifications of an alarm's device, sensor and function until reverted
    OutOfService(AlarmAction),
    /// End out-of-service
    InService(AlarmAction),
    /// Add a comment to an alarm
    Comment {
        id: String,
        text: String,
        /// Who; default: your user name
        #[arg(long)]
        by: Option<String>,
    },
    /// Assign an alarm to a person
    Assign {
        #[command(flatten)]
        action: AlarmAction,
        /// The person; without it, the assignment is removed
        #[arg(long)]
        to: Option<String>,
    },
    /// List actions of operators, newest first
    Audit {
        /// Maximum number of rows
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show rates, floods, worst actors, time to acknowledge
    Kpi {
        /// RFC 3339; default: a day before --to
        #[arg(long, value_name = "T")]
        from: Option<String>,
        /// RFC 3339; default: now
        #[arg(long, value_name = "T")]
        to: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List channels with queue and failures
    Channels {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send a test notification and print the result
    TestChannel { name: String },
    /// List undeliverable notifications
    DeadLetters {
        /// Maximum number of rows
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send a dead letter again, by its number, or all
    Retry {
        #[arg(value_name = "N|all")]
        n: String,
    },
}

/// An action on an alarm.
#[derive(Debug, Args)]
pub(crate) struct AlarmAction {
    pub(crate) id: String,
    /// Who; default: your user name
    #[arg(long)]
    pub(crate) by: Option<String>,
    /// Recorded with the action
    #[arg(long)]
    pub(crate) note: Option<String>,
}

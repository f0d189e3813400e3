//! `weir shadow …`

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Remote, duration};

#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    #[command(subcommand)]
    pub(crate) command: ShadowCommand,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShadowCommand {
    /// Print a device's shadow
    Get {
        /// Print what is desired and not reported, one line each
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
    List { thing: String },
    /// Print each change of a device's shadow
    Watch {
        /// Polling interval
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
}

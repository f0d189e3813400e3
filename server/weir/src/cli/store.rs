//! The arguments of `weir store`.

use clap::{Args, Subcommand};

use super::DataDir;

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
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

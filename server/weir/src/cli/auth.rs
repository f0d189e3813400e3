//! `weir auth …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    pub(crate) command: AuthCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Add an identity to the access file and print its new token
    Add {
        /// Name of the identity; for a device, its id
        name: String,
        /// What the identity may do
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

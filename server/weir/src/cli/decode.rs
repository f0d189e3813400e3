//! The arguments of `weir decode`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// Configuration file (TOML) with the routes; default: none, so the default routes
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Decode by this codec instead of the routes (see `weir codecs`)
    #[arg(long, value_name = "NAME")]
    pub(crate) codec: Option<String>,
    /// Topic of the payload; default: one that the first route takes
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// The input is JSON lines of {"topic", "payload" or "payload_base64", "received_ms",
    /// "retained"}, decoded in order
    #[arg(long)]
    pub(crate) messages: bool,
    /// Print one line of JSON per message
    #[arg(long)]
    pub(crate) json: bool,
    /// Payload, or messages; "-" or none: standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

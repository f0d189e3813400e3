//! One module per command of the command line.

mod alarm_figures;
pub(crate) mod alarms;
pub(crate) mod auth;
pub(crate) mod backtest;
pub(crate) mod check;
pub(crate) mod codecs;
pub(crate) mod decode;
mod documents;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod functions;
pub(crate) mod import;
mod import_rows;
pub(crate) mod lambda;
pub(crate) mod query;
pub(crate) mod remote;
pub(crate) mod replay;
pub(crate) mod shadow;
mod shadow_diff;
pub(crate) mod simulate;
pub(crate) mod store;
pub(crate) mod tap;
pub(crate) mod up;

use std::process::ExitCode;

/// sysexits.h EX_CONFIG: the configuration is bad.
pub(crate) const BAD_CONFIG: u8 = 78;

pub(crate) fn bad_config() -> ExitCode {
    ExitCode::from(BAD_CONFIG)
}

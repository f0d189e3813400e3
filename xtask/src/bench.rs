//! Comparisons side by side: release build, then the bench's own binary.

use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{binary, build, succeed};
use crate::tools;

/// Runs `benches/src/bin/{name}.rs` with everything that it compares built for
/// release, or one of `benches/detectors/`, which need nothing else. The paths
/// of the other binaries go by environment.
pub(crate) fn run(name: &str, args: &[String]) -> Result<()> {
    match name {
        "drain" | "store" => {}
        "nab" | "functions" | "demo" | "plots" => {
            let binaries = build(&["--release", "-p", "weir-detector-benches"])?;
            return succeed(Command::new(binary(&binaries, name)?).args(args));
        }
        _ => {
            bail!("there is no bench {name}; there are: drain, store, nab, functions, demo, plots")
        }
    }
    tools::ensure()?;
    let binaries = build(&["--release", "-p", "weir", "-p", "weir-benches"])?;
    let mut command = Command::new(binary(&binaries, name)?);
    command
        .args(args)
        .env("WEIR_BIN", binary(&binaries, "weir")?);
    succeed(&mut command)
}

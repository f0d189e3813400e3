//! Comparisons side by side: release build, then the bench's own binary.
//!
//! Weir and all benches are selected in each build, and `--bin` names what is
//! built: dependencies get the same features whichever bench is asked for, so
//! that none is compiled twice.

use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{Executable, binary, build, succeed};
use crate::tools;

/// The binaries of a bench besides its own.
const BENCHES: &[(&str, &[&str])] = &[
    ("drain", &["drain_bare", "drain_load", "weir"]),
    ("store", &["weir"]),
    ("broker", &["weir"]),
    ("nab", &[]),
    ("functions", &[]),
    ("demo", &[]),
    ("plots", &[]),
];

/// Runs a bench with everything that it compares built for release. The path of
/// Weir goes by environment.
pub(crate) fn run(name: &str, args: &[String]) -> Result<()> {
    let Some((_, more)) = BENCHES.iter().find(|(bench, _)| *bench == name) else {
        let names: Vec<_> = BENCHES.iter().map(|(bench, _)| *bench).collect();
        bail!("there is no bench {name}; there are: {}", names.join(", "));
    };
    let needs_peers = more.contains(&"weir");
    if needs_peers {
        tools::ensure()?;
    }
    let binaries = build_release(&[&[name], *more].concat())?;
    let mut command = Command::new(binary(&binaries, name)?);
    command.args(args);
    if needs_peers {
        command.env("WEIR_BIN", binary(&binaries, "weir")?);
    }
    succeed(&mut command)
}

/// Builds these binaries of Weir and the benches.
fn build_release(names: &[&str]) -> Result<Vec<Executable>> {
    let mut args = vec!["build", "--release"];
    for package in ["weir", "weir-benches", "weir-detector-benches"] {
        args.extend(["--package", package]);
    }
    args.extend(names.iter().flat_map(|name| ["--bin", *name]));
    build(&args)
}

//! All tests, as a developer and as continuous integration run them.
//!
//! Everything is built by one cargo command first, so that features are
//! unified once and the binary that the scenarios start is the one of this
//! tree. Tests that need a peer are `#[ignore]`d for a bare `cargo test`; here
//! the peers are present, so nothing is left out.

use anyhow::Result;

use crate::cargo::{binary, build, cargo, root, succeed};
use crate::{guest, python, telegraf, tidy, tools};

/// Tidy, build, test; `filter` selects tests by a part of their name.
pub(crate) fn run(filter: Option<&str>) -> Result<()> {
    tidy::run()?;
    tools::ensure()?;
    guest::ensure()?;
    let python = python::ensure()?;
    let telegraf = telegraf::ensure()?;
    let binaries = build(&["build", "--workspace", "--all-targets"])?;
    let mut command = cargo();
    command.args([
        "test",
        "--workspace",
        "--no-fail-fast",
        "--",
        "--include-ignored",
    ]);
    if !tools::can_mount() {
        eprintln!(
            "xtask: no mounting here (it takes root): tests in modules `as_root` are left out"
        );
        command.args(["--skip", "as_root::"]);
    }
    match telegraf {
        Some(folder) => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders)?);
        }
        None => {
            eprintln!(
                "xtask: no Telegraf here, and no Go 1.24 or newer to build it: its test is left out"
            );
            command.args(["--skip", "telegraf_writes"]);
        }
    }
    command.args(filter);
    command.env("WEIR_BIN", binary(&binaries, "weir")?);
    command.env("WEIR_PYTHON", python);
    succeed(&mut command)
}

/// The same steps as continuous integration.
pub(crate) fn ci() -> Result<()> {
    succeed(std::process::Command::new(root().join(".ci/run")).current_dir(root()))
}

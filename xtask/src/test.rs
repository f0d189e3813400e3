//! All tests, as a developer and as continuous integration run them.
//!
//! Everything is built by one cargo command first, so that features are
//! unified once and the binary that the scenarios start is the one of this
//! tree. Tests that need a peer are `#[ignore]`d for a bare `cargo test`; here
//! the peers are present, so nothing is left out.

use anyhow::Result;

use crate::cargo::{binary, build, cargo, root, succeed};
use crate::{guest, page, python, telegraf, tidy, tools};

/// Tidy, build, test; `filter` selects tests by a part of their name.
pub(crate) fn run(filter: Option<&str>) -> Result<()> {
    tidy::run()?;
    tools::ensure()?;
    guest::ensure()?;
    let python = python::ensure()?;
    page::ensure()?;
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
    let weir = binary(&binaries, "weir")?;
    command.env("WEIR_BIN", weir);
    command.env("WEIR_PYTHON", &python);
    let tested = succeed(&mut command);
    // Also when others have failed, as those do.
    let of_page = page::test(weir, &python, filter);
    tested.and(of_page)
}

/// The pictures of the web page, with the binary of this tree.
pub(crate) fn pictures() -> Result<()> {
    tools::ensure()?;
    page::ensure()?;
    let binaries = build(&["build", "--workspace", "--all-targets"])?;
    page::pictures(binary(&binaries, "weir")?)
}

/// The same steps as continuous integration.
pub(crate) fn ci() -> Result<()> {
    succeed(std::process::Command::new(root().join(".ci/run")).current_dir(root()))
}

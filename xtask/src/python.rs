//! Python libraries that tests use as real clients, in an environment in the
//! target folder. `tests/python/requirements.txt` lists them; the environment is
//! built again when that file changes.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo::{metadata, root, succeed};
use crate::tools;

/// The interpreter that has the clients; installs them where they are missing.
pub(crate) fn ensure() -> Result<PathBuf> {
    let folder = metadata()?.target_directory.join("python");
    let interpreter = folder.join("bin/python3");
    let requirements = root().join("tests/python/requirements.txt");
    let wanted = fs::read(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let installed = folder.join("installed.txt");
    if interpreter.is_file() && fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(interpreter);
    }
    if !can_make_environments() {
        tools::install_or_say(&["python3-venv"])?;
    }
    eprintln!("xtask: installing Python clients into {}", folder.display());
    succeed(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    let mut pip = Command::new(&interpreter);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ]);
    succeed(pip.arg(&requirements)).context("cannot install the Python clients for the tests")?;
    // Last: an environment that is half made is made again.
    fs::write(&installed, wanted)?;
    if !interpreter.is_file() {
        bail!("python3 -m venv left no {}", interpreter.display());
    }
    Ok(interpreter)
}

fn can_make_environments() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import venv, ensurepip"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

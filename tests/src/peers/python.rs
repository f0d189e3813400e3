//! Scripts of `tests/python/`: real clients that are libraries for Python.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Exit, Process};

/// Each script waits for its answers with deadlines of its own.
const DEADLINE: Duration = Duration::from_secs(300);

/// Runs a script of `tests/python/` to its end; panics with its output unless it
/// ends well.
#[track_caller]
pub fn python(script: &str, args: &[&str]) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let mut process = python_process(script, args, folder.path());
    let exit = process.wait(DEADLINE);
    assert_eq!(
        exit,
        Exit::Code(0),
        "{script} {args:?}:\n{}",
        process.output()
    );
}

/// The same, while it runs; its output goes to this folder.
#[track_caller]
pub fn python_process(script: &str, args: &[&str], folder: &Path) -> Process {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut command = python_command(folder);
    command.arg(path.join("python").join(script)).args(args);
    Process::start(&mut command, &folder.join("output"))
}

/// A server of the environment, such as `python3 -m aiosmtpd …`, while it runs;
/// its output goes to this folder.
#[track_caller]
pub fn python_module(args: &[&str], folder: &Path) -> Process {
    let mut command = python_command(folder);
    command.arg("-m").args(args).env("PYTHONUNBUFFERED", "1");
    Process::start(&mut command, &folder.join("server"))
}

/// Neither the caller's proxy nor the caller's accounts are for this.
fn python_command(folder: &Path) -> Command {
    let mut command = Command::new(interpreter());
    let own = |name: &str| {
        let foreign = ["AWS_", "PG", "INFLUX"];
        foreign.iter().any(|prefix| name.starts_with(prefix))
            || name.to_lowercase().ends_with("_proxy")
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
    let nothing = folder.join("none");
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        command.env(name, &nothing);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// `WEIR_PYTHON`, as `cargo xtask test` sets it; or what that has left in the
/// target folder; or the system's.
fn interpreter() -> PathBuf {
    if let Some(path) = env::var_os("WEIR_PYTHON") {
        return path.into();
    }
    let this = env::current_exe().expect("a running test has a path");
    // <target>/<profile>/deps/<test>
    let left = this
        .ancestors()
        .nth(3)
        .map(|target| target.join("python/bin/python3"));
    left.filter(|path| path.is_file())
        .unwrap_or_else(|| crate::program("python3"))
}

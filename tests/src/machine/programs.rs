//! Where the programs are that scenarios start.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The `weir` binary: `WEIR_BIN` if given (as `cargo xtask test` does),
/// otherwise built from this tree, with the profile of this test.
pub fn weir_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("WEIR_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// The program for AWS Lambda: beside the `weir` binary, as cargo builds it.
pub fn bootstrap_binary() -> PathBuf {
    weir_binary().with_file_name("bootstrap")
}

fn build() -> PathBuf {
    let this = env::current_exe().expect("a running test has a path");
    // <target>/<profile>/deps/<test>
    let profile = this
        .parent()
        .and_then(Path::parent)
        .expect("cargo's layout has a profile folder");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Naming the workspace and a test makes cargo choose the same features as
    // `cargo test --workspace`, so that no dependency is compiled twice.
    command.args([
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "weir",
        "--bin",
        "bootstrap",
        "--test",
        "scenarios",
    ]);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    let status = command.status().expect("cargo can be run");
    assert!(status.success(), "cannot build weir: {status}");
    profile.join("weir")
}

/// The path of an installed shared library, by its name below `/usr/lib` or the
/// machine's folder in it. Panics when there is none, as [`program`] does.
pub fn library(name: &str) -> PathBuf {
    let machine = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let folders = [PathBuf::from(machine), PathBuf::from("/usr/lib")];
    let mut files = folders.iter().map(|folder| folder.join(name));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed"))
}

/// The path of an installed program. Panics when there is none: `cargo xtask
/// test` installs what scenarios need, or says what is missing.
pub fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut files = env::split_paths(&path)
        .chain(daemons)
        .map(|folder| folder.join(name));
    files
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed"))
}

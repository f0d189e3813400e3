//! Running cargo, and reading its JSON: packages, and what a build made.
//!
//! Only the fields that are used are read. A crate for all of them would give
//! `serde_json` other features than a build of Weir alone: see
//! `tidy/features.rs`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The workspace's own packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Of a dependency inside the workspace.
    pub(crate) path: Option<PathBuf>,
}

/// An executable that cargo built.
#[derive(Debug)]
pub(crate) struct Executable {
    /// Of the target.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) is_test: bool,
    /// The package's folder.
    pub(crate) package: PathBuf,
    /// The root module's file.
    pub(crate) source: PathBuf,
}

/// A line of `--message-format=json`, as far as it is about an artifact.
#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    profile: Option<Profile>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    src_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

impl Message {
    fn executable(self) -> Option<Executable> {
        let target = self.target?;
        Some(Executable {
            name: target.name,
            path: self.executable?,
            is_test: self.profile?.test,
            package: self.manifest_path.parent()?.to_owned(),
            source: target.src_path,
        })
    }
}

/// The workspace's root folder.
///
/// Taken from the environment that cargo sets: a target folder that several
/// checkouts share may hold the binary of another one.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let set = std::env::var_os("CARGO_MANIFEST_DIR");
        let xtask = set.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&xtask).parent();
        root.expect("xtask is in the workspace's root").to_owned()
    });
    &ROOT
}

/// A cargo command in the workspace's root.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// What a cargo command prints; an exit code other than 0 is an error.
pub(crate) fn output(args: &[&str]) -> Result<String> {
    let mut command = cargo();
    command.args(args).stdin(Stdio::null());
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} printed no UTF-8"))
}

/// `cargo metadata` of the workspace's own packages.
pub(crate) fn metadata() -> Result<Metadata> {
    let json = output(&["metadata", "--no-deps", "--format-version", "1"])?;
    serde_json::from_str(&json).context("cannot read cargo metadata")
}

/// Runs a command with our own output; an exit code other than 0 is an error.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Builds with a cargo command such as `["build", "--workspace"]`, and returns
/// the executables that it names: of binaries, examples and test harnesses.
pub(crate) fn build(args: &[&str]) -> Result<Vec<Executable>> {
    let mut command = cargo();
    command
        .args(args)
        .arg("--message-format=json-render-diagnostics");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let stdout = child.stdout.take().expect("it was asked to be piped");
    let mut executables = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        // Test harnesses that cargo runs may print, too.
        if let Ok(message) = serde_json::from_str::<Message>(&line) {
            executables.extend(message.executable());
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(executables)
}

/// The path of the binary called `name` among what [`build`] returned.
pub(crate) fn binary<'a>(built: &'a [Executable], name: &str) -> Result<&'a Path> {
    let found = built
        .iter()
        .find(|built| built.name == name && !built.is_test);
    found
        .map(|built| built.path.as_path())
        .with_context(|| format!("cargo built no binary {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let read = |line: &str| serde_json::from_str::<Message>(line).unwrap().executable();
        let artifact = r#"{"reason":"compiler-artifact","package_id":"x","manifest_path":"/w/a/Cargo.toml",
            "target":{"kind":["bin"],"name":"a","src_path":"/w/a/src/main.rs"},
            "profile":{"opt_level":"0","test":true},"executable":"/t/a-1","fresh":true}"#;
        let found = read(artifact).unwrap();
        assert_eq!((&*found.name, found.is_test), ("a", true));
        assert_eq!(found.package, Path::new("/w/a"));
        assert_eq!(found.source, Path::new("/w/a/src/main.rs"));
        assert!(read(&artifact.replace("\"/t/a-1\"", "null")).is_none());
        assert!(read(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}

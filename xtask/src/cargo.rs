//! Running cargo, and finding what it built.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Metadata, MetadataCommand};

/// The workspace's root folder.
///
/// Taken from the environment that cargo sets: a target folder that several
/// checkouts share may hold the binary of another one.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let told = std::env::var_os("CARGO_MANIFEST_DIR");
        let xtask = told.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
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

/// What cargo knows of the workspace's own packages.
pub(crate) fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(root()).no_deps();
    command.exec().context("cargo metadata failed")
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

/// Builds with the given arguments and returns the path of each binary
/// target's executable by its name. Test harnesses are not among them.
pub(crate) fn build(args: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let mut command = cargo();
    command
        .arg("build")
        .args(args)
        .arg("--message-format=json-render-diagnostics");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let stdout = child.stdout.take().expect("it was asked to be piped");
    let mut binaries = Vec::new();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        let Message::CompilerArtifact(artifact) = message? else {
            continue;
        };
        if let (false, Some(path)) = (artifact.profile.test, artifact.executable) {
            binaries.push((artifact.target.name, path.into_std_path_buf()));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(binaries)
}

/// The executable called `name` among what [`build`] returned.
pub(crate) fn binary<'a>(binaries: &'a [(String, PathBuf)], name: &str) -> Result<&'a Path> {
    let found = binaries.iter().find(|(built, _)| built == name);
    found
        .map(|(_, path)| path.as_path())
        .with_context(|| format!("cargo built no binary {name}"))
}

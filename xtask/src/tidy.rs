//! House rules that the compiler does not check. Each fault comes with its fix.
//!
//! - [`arrows`]: crates depend only on what the layout table allows.
//! - [`features`]: dependencies have one feature set.
//! - [`lambda`]: the program for AWS Lambda stays small.
//! - [`sources`]: modules open with `//!` and declare few modules, no marker is
//!   left over, no path leads out of the checkout; large files and functions are
//!   reported.
//! - [`words`]: phrases that texts do not use.

mod arrows;
mod features;
mod lambda;
mod sources;
mod words;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{metadata, root};

/// Checks everything. Large files and functions are reported without failing.
pub(crate) fn run() -> Result<()> {
    let files = tracked_files()?;
    let mut faults = arrows::check(&metadata()?, root());
    faults.extend(features::check()?);
    faults.extend(lambda::check()?);
    let report = sources::check(root(), &files);
    faults.extend(report.faults);
    for line in &report.large {
        eprintln!("tidy: large: {line}");
    }
    for (start, count) in &report.pending {
        eprintln!("tidy: {count} idioms left in {start}");
    }
    for fault in &faults {
        eprintln!("tidy: {fault}");
    }
    if !faults.is_empty() {
        bail!("tidy found {} faults", faults.len());
    }
    eprintln!(
        "tidy: {} files in order, {} large ones",
        files.len(),
        report.large.len()
    );
    Ok(())
}

/// What git tracks, and what it would if one added everything.
fn tracked_files() -> Result<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let output = command
        .current_dir(root())
        .output()
        .context("cannot run git")?;
    if !output.status.success() {
        bail!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    let mut files: Vec<PathBuf> = names
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|f| root().join(f).is_file())
        .collect();
    files.sort();
    Ok(files)
}

//! House rules that a compiler does not know: each with the sentence that
//! tells how to mend it.
//!
//! - [`arrows`]: crates depend only on what the design's table allows.
//! - [`sources`]: modules open with `//!`, nothing is left over, no path of
//!   someone's machine is in the tree; large files and functions are reported.

mod arrows;
mod sources;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{metadata, root};

/// Checks everything. Large files and functions are told, and are no failure.
pub(crate) fn run() -> Result<()> {
    let files = tracked_files()?;
    let mut faults = arrows::check(&metadata()?, root());
    let report = sources::check(root(), &files);
    faults.extend(report.faults);
    for line in &report.large {
        eprintln!("tidy: large: {line}");
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

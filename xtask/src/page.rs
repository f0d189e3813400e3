//! The tests of the web page: types, pure modules, and journeys in a real browser,
//! against a simulated API and against the binary of this tree.
//!
//! `dashboard/package-lock.json` pins the npm packages. They are installed into the
//! target folder, and again when that file changes; the browser is Debian's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::{metadata, root, succeed};
use crate::tools;

/// What npm reads.
const MANIFESTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// Installs the npm packages where they are missing.
pub(crate) fn ensure() -> Result<()> {
    let installed = metadata()?.target_directory.join("page");
    let page = root().join("dashboard");
    let is_current = MANIFESTS.iter().all(|name| {
        let wanted = fs::read(page.join(name));
        wanted.is_ok_and(|wanted| fs::read(installed.join(name)).is_ok_and(|have| have == wanted))
    });
    if !is_current || !installed.join("node_modules").is_dir() {
        eprintln!(
            "xtask: installing npm packages into {}",
            installed.display()
        );
        install(&page, &installed)?;
    }
    link(&installed.join("node_modules"), &page.join("node_modules"))
}

fn install(page: &Path, installed: &Path) -> Result<()> {
    fs::create_dir_all(installed)?;
    let [manifest, lock, options] = MANIFESTS;
    // Last: an installation that is half made is made again.
    let _ = fs::remove_file(installed.join(lock));
    for name in [manifest, options] {
        fs::copy(page.join(name), installed.join(name))?;
    }
    fs::copy(page.join(lock), installed.join("wanted.json"))?;
    fs::rename(installed.join("wanted.json"), installed.join(lock))?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-progress"]);
    let done = succeed(npm.current_dir(installed));
    if done.is_err() {
        let _ = fs::remove_file(installed.join(lock));
    }
    done.context("cannot install the npm packages for the tests of the page")
}

/// A folder that `npm ci` has made in the checkout stays.
fn link(target: &Path, link: &Path) -> Result<()> {
    if link.is_dir() && fs::read_link(link).map_or(true, |found| found == target) {
        return Ok(());
    }
    let _ = fs::remove_file(link);
    symlink(target, link).with_context(|| format!("cannot make {}", link.display()))
}

/// Runs all of them, or those whose names contain `filter`.
pub(crate) fn test(weir: &Path, python: &Path, filter: Option<&str>) -> Result<()> {
    let page = root().join("dashboard");
    let npm = |args: &[&str]| {
        let mut command = Command::new("npm");
        command.args(args).current_dir(&page);
        command
    };
    if filter.is_none() {
        succeed(&mut npm(&["run", "--silent", "types"]))?;
    }
    let mut command = npm(&["test", "--silent", "--"]);
    if let Some(filter) = filter {
        command.arg(format!("--test-name-pattern={}", escaped(filter)));
    }
    command.env("WEIR_BIN", weir).env("WEIR_PYTHON", python);
    if let Some(chromium) = tools::find("chromium") {
        command.env("CHROMIUM", chromium);
    }
    succeed(&mut command).context("tests of the page failed")
}

/// Takes the pictures of the documentation, with the binary of this tree.
pub(crate) fn pictures(weir: &Path) -> Result<()> {
    let mut command = Command::new("node");
    command.arg("tests/pictures.mjs");
    command.current_dir(root().join("dashboard"));
    succeed(command.env("WEIR_BIN", weir))
}

/// Literally, in a regular expression.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_alphanumeric() && character != '_' && character != ' ' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_taken_literally() {
        assert_eq!(escaped("3 a.m."), "3 a\\.m\\.");
        assert_eq!(escaped("over_heat"), "over_heat");
    }
}

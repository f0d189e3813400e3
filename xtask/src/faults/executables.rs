//! The workspace's test executables, and running one test of them by its source
//! file and function.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::in_workspace;
use super::rows::Named;
use crate::cargo::{Executable, build};

/// All of them.
#[derive(Debug)]
pub(super) struct Executables(Vec<Executable>);

/// How a test ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) passed: bool,
    pub(super) output: String,
}

impl Executables {
    /// Builds what `cargo test --workspace` runs.
    pub(super) fn of_workspace() -> Result<Self> {
        let mut built = build(&["test", "--workspace", "--all-targets", "--no-run"])?;
        built.retain(|executable| executable.is_test);
        Ok(Self(built))
    }

    /// Runs the test with its progress on stderr.
    pub(super) fn run(&self, test: &Named, apply: impl Fn(&mut Command)) -> Result<Ran> {
        let file = in_workspace(&test.file);
        for executable in &self.0 {
            let sources = executable.source.parent();
            let Some(file) = sources.and_then(|sources| file.strip_prefix(sources).ok()) else {
                continue;
            };
            let Some(name) = find(executable, &module(file), &test.function)? else {
                continue;
            };
            let mut command = command(executable);
            command.args([&*name, "--exact", "--include-ignored", "--nocapture"]);
            apply(&mut command);
            let ran = command.stderr(Stdio::inherit()).output();
            let ran = ran.with_context(|| format!("cannot run {}", executable.path.display()))?;
            return Ok(Ran {
                passed: ran.status.success(),
                output: String::from_utf8_lossy(&ran.stdout).into_owned(),
            });
        }
        // A test that does not exist proves nothing.
        Ok(Ran {
            passed: false,
            output: format!("no test executable has {} of {}", test.function, test.file),
        })
    }
}

/// The executable in its package's folder, as cargo runs it.
fn command(executable: &Executable) -> Command {
    let mut command = Command::new(&executable.path);
    command.current_dir(&executable.package);
    command.env("CARGO_MANIFEST_DIR", &executable.package);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// The full name of the test `function` in or below `module`.
fn find(executable: &Executable, module: &str, function: &str) -> Result<Option<String>> {
    let listed = command(executable)
        .args(["--list", "--format", "terse"])
        .output();
    let listed = listed.with_context(|| format!("cannot run {}", executable.path.display()))?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    Ok(full_name(&listed, module, function).map(str::to_owned))
}

/// `a::b::` of `a/b.rs`, relative to the root module's folder.
fn module(file: &Path) -> String {
    let path = file.with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy());
    match names.collect::<Vec<_>>().as_slice() {
        [root] if matches!(&**root, "lib" | "main") => String::new(),
        names => names.join("::") + "::",
    }
}

/// Of the lines `NAME: test`.
fn full_name<'a>(listed: &'a str, module: &str, function: &str) -> Option<&'a str> {
    let mut names = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    names.find(|name| {
        let path = name.strip_prefix(module);
        path.is_some_and(|path| path.rsplit("::").next() == Some(function))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_found_in_its_own_module_or_an_inner_one() {
        let listed = "kills::lives: test\nalarms::kills::lives: test\n\
            faults::full_disk::as_root::waits: test\nsum: benchmark\n";
        let find = |file: &str, function| full_name(listed, &module(Path::new(file)), function);
        assert_eq!(find("kills.rs", "lives"), Some("kills::lives"));
        assert_eq!(
            find("alarms/kills.rs", "lives"),
            Some("alarms::kills::lives")
        );
        assert_eq!(
            find("faults/full_disk.rs", "waits"),
            Some("faults::full_disk::as_root::waits")
        );
        assert_eq!(find("lib.rs", "lives"), Some("kills::lives"));
        assert_eq!(find("faults/disk.rs", "waits"), None);
        assert_eq!(find("kills.rs", "live"), None);
    }
}

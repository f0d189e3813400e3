//! What every source file must, may and must not have.
//!
//! Faults stop a test run: a module that does not open with `//!` or declares
//! too many modules, a marker of unfinished work, a path of one machine or out
//! of the checkout, an idiom of [`words`](super::words), a crate without the
//! workspace's lints, a path in `ARCHITECTURE.md` that does not exist. Size is
//! only reported: a large file is a question, not an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::words::Words;

/// Lines above which a file is reported.
const LARGE_FILE: usize = 400;
/// Lines above which a function is reported.
const LARGE_FUNCTION: usize = 70;
/// Modules that one file may declare.
const MAX_MODULES: usize = 25;
/// Copied data, which is as its authors wrote it.
const COPIED: &str = "tests/data/";

/// Markers of unfinished work. Written in halves: this file is checked too.
const MARKERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];
/// Starts of absolute paths that exist only on someone's machine.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/tmp/", "target"),
    concat!("/ro", "ot/"),
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) faults: Vec<String>,
    pub(super) large: Vec<String>,
    /// Idioms in folders whose text is still being rewritten.
    pub(super) pending: BTreeMap<&'static str, usize>,
}

/// Checks the files, whose paths are relative to `root`.
pub(super) fn check(root: &Path, files: &[PathBuf]) -> Report {
    let mut report = Report::default();
    let mut words = Words::default();
    for file in files {
        let name = file.display().to_string();
        if name.starts_with(COPIED) {
            continue;
        }
        // Binary files (images, recorded data) have no lines to check.
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        report.faults.extend(check_any(&name, &text));
        report.faults.extend(check_inside(root, file, &text));
        words.add(&name, &text);
        if name.ends_with(".rs") {
            report.faults.extend(check_rust(&name, &text));
            report.large.extend(sizes(&name, &text));
        } else if name.ends_with("/Cargo.toml") && !takes_workspace_lints(&text) {
            report
                .faults
                .push(format!("{name}: add `[lints]` with `workspace = true`"));
        } else if name == "ARCHITECTURE.md" {
            let absent = named_files(&text).filter(|path| !root.join(path).exists());
            report
                .faults
                .extend(absent.map(|path| format!("{name} names {path}: no such file")));
        }
    }
    report.faults.extend(words.faults);
    report.pending = words.pending;
    report
}

/// Relative paths that lead out of the checkout.
///
/// They start at the file's folder or, in a source file, at its package: `join`
/// on `CARGO_MANIFEST_DIR`.
fn check_inside(root: &Path, file: &Path, text: &str) -> Vec<String> {
    let is_rust = file.extension().is_some_and(|ending| ending == "rs");
    let depth = |folder: &Path| folder.components().count();
    let folder = depth(file.parent().unwrap_or(Path::new("")));
    let mut packages = file.ancestors().skip(1);
    let package = packages.find(|folder| root.join(folder).join("Cargo.toml").is_file());
    let package = package.map_or(folder, depth);
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let from_file = !is_rust || line.contains("include") || line.contains("#[path");
        let most = if from_file { folder } else { package };
        if steps_up(line) > most {
            let name = file.display();
            faults.push(format!(
                "{name}:{}: a path out of the checkout; data for tests belongs in {COPIED}",
                number + 1
            ));
        }
    }
    faults
}

/// The longest run of `../` in a line.
fn steps_up(line: &str) -> usize {
    const UP: &str = "../";
    let runs = line.match_indices(UP).map(|(start, _)| {
        let steps = line.as_bytes()[start..].chunks(UP.len());
        steps.take_while(|step| *step == UP.as_bytes()).count()
    });
    runs.max().unwrap_or(0)
}

fn check_any(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(path) = MACHINE_PATHS.iter().find(|path| line.contains(**path)) {
            faults.push(format!(
                "{name}:{}: {path} is a path of one machine",
                number + 1
            ));
        }
    }
    faults
}

fn check_rust(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    // Of `foo/tests.rs`, `foo.rs` has said what it is for.
    if !text.starts_with("//!") && !name.ends_with("/tests.rs") {
        faults.push(format!(
            "{name}: open the module with `//!`: what it is for, what it promises"
        ));
    }
    let modules = text.lines().filter(|line| declares_module(line)).count();
    if modules > MAX_MODULES {
        faults.push(format!(
            "{name}: declares {modules} modules, at most {MAX_MODULES}: group them in folders"
        ));
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(marker) = MARKERS.iter().find(|marker| line.contains(**marker)) {
            faults.push(format!(
                "{name}:{}: {marker}: do it, or write an issue",
                number + 1
            ));
        }
    }
    faults
}

/// `mod a;`, with any visibility.
fn declares_module(line: &str) -> bool {
    let rest = without_visibility(line.trim());
    let name = rest
        .strip_prefix("mod ")
        .and_then(|rest| rest.strip_suffix(';'));
    name.is_some_and(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// The line behind `pub` or `pub(…)`.
fn without_visibility(line: &str) -> &str {
    match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')').map_or(line, |(_, rest)| rest),
        Some(rest) if rest.starts_with(' ') => rest,
        _ => line,
    }
    .trim_start()
}

fn takes_workspace_lints(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    lines.next() == Some("workspace = true")
}

/// Paths in backticks that look like a source file or a folder of the tree.
fn named_files(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|path| {
        let plain = path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b));
        plain && path.contains('/') && (path.ends_with(".rs") || path.ends_with('/'))
    })
}

/// The file and its functions, as far as they are large.
fn sizes(name: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut large = Vec::new();
    if lines.len() > LARGE_FILE {
        large.push(format!("{name}: {} lines", lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let Some(function) = function_name(line) else {
            continue;
        };
        // rustfmt closes a body at the indentation of its first line.
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", &line[..indent]);
        let Some(length) = lines[start..].iter().position(|line| *line == closing) else {
            continue;
        };
        if length + 1 > LARGE_FUNCTION {
            large.push(format!(
                "{name}:{}: fn {function}, {} lines",
                start + 1,
                length + 1
            ));
        }
    }
    large
}

/// The name, when a function with a body of several lines starts here.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = without_visibility(line.trim_start());
    for word in ["const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    if line.trim_end().ends_with([';', '}']) {
        return None;
    }
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

#[cfg(test)]
mod tests;

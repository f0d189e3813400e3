//! The workspace's test executables, and running one test of them by the file
//! that it stands in.

use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, TargetKind};

use super::in_workspace;
use super::rows::Named;
use crate::cargo::cargo;

/// One test executable.
#[derive(Debug)]
struct Executable {
    /// Of its package.
    folder: PathBuf,
    /// For `tests/NAME.rs`, the file.
    file: Option<PathBuf>,
    path: PathBuf,
}

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
    /// `arguments`: what was built, as `cargo build` was told.
    pub(super) fn of_workspace(arguments: &[&str]) -> Result<Self> {
        let mut command = cargo();
        command.arg("test").args(arguments);
        command.args(["--no-run", "--message-format=json-render-diagnostics"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot run cargo test")?;
        let stdout = child.stdout.take().expect("it was asked to be piped");
        let mut executables = Vec::new();
        for message in Message::parse_stream(BufReader::new(stdout)) {
            let Message::CompilerArtifact(artifact) = message? else {
                continue;
            };
            let (true, Some(path)) = (artifact.profile.test, artifact.executable) else {
                continue;
            };
            let manifest = artifact.manifest_path.into_std_path_buf();
            let is_test = artifact.target.kind.contains(&TargetKind::Test);
            let source = artifact.target.src_path.into_std_path_buf();
            executables.push(Executable {
                folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
                file: is_test.then_some(source),
                path: path.into_std_path_buf(),
            });
        }
        if !child.wait()?.success() {
            bail!("cargo test --no-run failed");
        }
        Ok(Self(executables))
    }

    /// Runs the test with its progress on stderr, and everything that it needs.
    pub(super) fn run(&self, test: &Named, apply: impl Fn(&mut Command)) -> Result<Ran> {
        let file = in_workspace(&test.file);
        let of_file = |executable: &&Executable| match &executable.file {
            Some(source) => *source == file,
            None => file.starts_with(executable.folder.join("src")),
        };
        let mut output = String::new();
        for executable in self.0.iter().filter(of_file) {
            let mut command = Command::new(&executable.path);
            command.args([&*test.function, "--include-ignored", "--nocapture"]);
            command.current_dir(&executable.folder);
            command.env("CARGO_MANIFEST_DIR", &executable.folder);
            apply(&mut command);
            let ran = command
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .output()
                .with_context(|| format!("cannot run {}", executable.path.display()))?;
            let text = String::from_utf8_lossy(&ran.stdout);
            output.push_str(&text);
            if !ran.status.success() {
                return Ok(Ran {
                    passed: false,
                    output,
                });
            }
            if !text.contains("\ntest result: ok. 0 passed") {
                return Ok(Ran {
                    passed: true,
                    output,
                });
            }
        }
        // A name that no executable knows has proven nothing.
        Ok(Ran {
            passed: false,
            output: format!("{output}\nno test executable has {}", test.function),
        })
    }
}

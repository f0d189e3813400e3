//! A child process whose output goes to a file, and that never outlives the
//! scenario that started it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait_until;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::Code(code),
            None => Self::Signal(status.signal().unwrap_or_default()),
        }
    }
}

/// A running child process. It is killed when this goes out of scope.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts `command`; stdout and stderr are appended to `output`.
    pub fn start(command: &mut Command, output: &Path) -> Self {
        let open = || File::options().create(true).append(true).open(output);
        let (stdout, stderr) = match (open(), open()) {
            (Ok(stdout), Ok(stderr)) => (stdout, stderr),
            (Err(error), _) | (_, Err(error)) => panic!("{}: {error}", output.display()),
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            child,
            output: output.to_owned(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most that it has had in memory, in bytes; `None` once it has ended.
    pub fn peak_memory(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// What it has in memory, in bytes; `None` once it has ended.
    pub fn memory(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// A size from `/proc/<pid>/status` (proc_pid_status(5)), in bytes.
    fn status(&self, key: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<Exit> {
        self.child
            .try_wait()
            .expect("it is our own child")
            .map(Exit::from)
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM.
    pub fn terminate(&mut self) {
        self.signal("TERM");
    }

    /// Sends SIGHUP.
    pub fn hang_up(&mut self) {
        self.signal("HUP");
    }

    /// Sends SIGSTOP: it stays, and does nothing until [`Process::resume`].
    pub fn freeze(&mut self) {
        self.signal("STOP");
    }

    pub fn resume(&mut self) {
        self.signal("CONT");
    }

    /// Waits for the end; panics when it takes longer than `deadline`.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> Exit {
        let mut exit = None;
        wait_until(
            &format!("process {} ends", self.child.id()),
            deadline,
            || {
                exit = self.ended();
                exit.is_some()
            },
        );
        exit.expect("the predicate held")
    }

    /// By the shell's `kill`: a crate for signals would give the crates that the
    /// benches share with Weir other features than a build of Weir alone.
    fn signal(&mut self, signal: &str) {
        // Once it was waited for, its id may be another process's.
        if self.ended().is_some() {
            return;
        }
        let mut kill = Command::new("sh");
        kill.args([
            "-c",
            "kill -s \"$0\" \"$1\"",
            signal,
            &self.id().to_string(),
        ]);
        let status = kill.stdin(Stdio::null()).status().expect("sh can be run");
        assert!(status.success(), "{kill:?}: {status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing to a child that has been waited for.
        self.kill9();
    }
}

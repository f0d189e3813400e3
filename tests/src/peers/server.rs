//! A peer that is a server: it can be started again at the same address, after it
//! was stopped or killed.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::{Address, DEADLINE, Exit, Process, free_port, program, wait_until};

/// A program with a free port and a folder of its own, running or not.
#[derive(Debug)]
pub(crate) struct Server {
    program: &'static str,
    folder: TempDir,
    address: Address,
    process: Option<Process>,
}

impl Server {
    /// Not started. The program is found as [`program`] does.
    pub(crate) fn new(program: &'static str) -> Self {
        Self {
            program,
            folder: tempfile::tempdir().expect("the temporary folder is writable"),
            address: Address::local(free_port()),
            process: None,
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// `SCHEME://127.0.0.1:port`.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address.get())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it and waits until it is `ready`.
    #[track_caller]
    pub(crate) fn start(
        &mut self,
        configure: impl FnOnce(&mut Command),
        ready: impl Fn(&Address) -> bool,
    ) {
        let mut command = Command::new(program(self.program));
        configure(&mut command);
        let mut process = Process::start(&mut command, &self.folder().join("log"));
        wait_until(&format!("{} is ready", self.program), DEADLINE, || {
            assert!(
                process.ended().is_none(),
                "{} ended:\n{}",
                self.program,
                process.output()
            );
            ready(&self.address)
        });
        self.process = Some(process);
    }

    #[track_caller]
    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it runs")
    }

    /// SIGTERM, and waits for an orderly end.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
            let exit = process.wait(DEADLINE);
            assert_eq!(exit, Exit::Code(0), "{}", process.output());
        }
    }

    pub(crate) fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }
}

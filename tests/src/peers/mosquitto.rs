//! A real Mosquitto on a free port, with a folder of its own.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::mqtt::Connection;
use crate::{Address, DEADLINE, Exit, Process, free_port, program, wait_until};

/// How to configure it. The default keeps nothing across a restart.
#[derive(Clone, Debug)]
pub struct MosquittoSpec {
    /// Sessions and queued messages survive an orderly restart.
    pub persistent: bool,
    /// `max_inflight_messages`; 0 is no limit.
    pub max_inflight: u32,
    /// `max_queued_messages`; 0 is no limit.
    pub max_queued: u32,
    /// More lines for its configuration file.
    pub more: String,
}

impl Default for MosquittoSpec {
    fn default() -> Self {
        Self {
            persistent: false,
            max_inflight: 1000,
            max_queued: 0,
            more: String::new(),
        }
    }
}

/// A running Mosquitto.
#[derive(Debug)]
pub struct Mosquitto {
    spec: MosquittoSpec,
    folder: TempDir,
    address: Address,
    process: Option<Process>,
}

impl Mosquitto {
    #[track_caller]
    pub fn start(spec: MosquittoSpec) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let address = Address::local(free_port());
        let mut mosquitto = Self {
            spec,
            folder,
            address,
            process: None,
        };
        mosquitto.resume();
        mosquitto
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// `mqtt://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address.get())
    }

    #[track_caller]
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it runs")
    }

    /// Starts it again at the same address after [`Mosquitto::stop`] or
    /// [`Mosquitto::kill9`].
    #[track_caller]
    pub fn resume(&mut self) {
        let file = self.folder.path().join("mosquitto.conf");
        fs::write(&file, self.config()).expect("the temporary folder is writable");
        let mut command = Command::new(program("mosquitto"));
        command.arg("-c").arg(&file);
        let mut process = Process::start(&mut command, &self.folder.path().join("mosquitto.log"));
        wait_until("Mosquitto accepts connections", DEADLINE, || {
            assert!(
                process.ended().is_none(),
                "Mosquitto ended:\n{}",
                process.output()
            );
            Connection::connect(self.address.get(), "probe").is_ok()
        });
        self.process = Some(process);
    }

    /// SIGTERM: it saves its sessions, if it is persistent.
    #[track_caller]
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
            assert_eq!(
                process.wait(DEADLINE),
                Exit::Code(0),
                "{}",
                process.output()
            );
        }
    }

    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    fn config(&self) -> String {
        let spec = &self.spec;
        let mut config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\n\
             max_inflight_messages {}\nmax_queued_messages {}\n",
            self.address.get().port(),
            spec.max_inflight,
            spec.max_queued,
        );
        // As root it would change to a user who cannot write to our folder.
        config.push_str("user root\n");
        if spec.persistent {
            let folder = self.folder.path().display();
            let _ = writeln!(config, "persistence true\npersistence_location {folder}/");
        }
        config.push_str(&spec.more);
        config
    }
}

//! Mosquitto's command-line clients: what a person would try Weir with.

use std::process::Command;

use tempfile::TempDir;

use crate::{Address, DEADLINE, Process, program, wait_until};

/// Publishes one message at QoS 1 with `mosquitto_pub`.
#[track_caller]
pub fn mosquitto_pub(address: &Address, topic: &str, payload: &str) {
    let mut command = Command::new(program("mosquitto_pub"));
    connect(&mut command, address);
    command.args(["-t", topic, "-m", payload]);
    let output = command.output().expect("it is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// At QoS 1.
fn connect(command: &mut Command, address: &Address) {
    let (host, port) = (
        address.get().ip().to_string(),
        address.get().port().to_string(),
    );
    command.args(["-h", &host, "-p", &port, "-q", "1"]);
}

/// A running `mosquitto_sub`.
#[derive(Debug)]
pub struct MosquittoSub {
    process: Process,
    _folder: TempDir,
}

impl MosquittoSub {
    /// Subscribes at QoS 1 and waits until the broker has confirmed it.
    #[track_caller]
    pub fn start(address: &Address, filter: &str) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        // It flushes after each message only, and "Subscribed" is none.
        let mut command = Command::new(program("stdbuf"));
        command.arg("-oL").arg(program("mosquitto_sub"));
        connect(&mut command, address);
        command.args(["-t", filter, "-v", "-d"]);
        let process = Process::start(&mut command, &folder.path().join("output"));
        wait_until(&format!("{filter} is subscribed"), DEADLINE, || {
            process.output().contains("Subscribed (mid")
        });
        Self {
            process,
            _folder: folder,
        }
    }

    /// Waits for a message on `topic` and returns its payload.
    #[track_caller]
    pub fn wait(&self, topic: &str) -> String {
        let start = format!("{topic} ");
        let find = || {
            let output = self.process.output();
            let line = output.lines().find_map(|line| line.strip_prefix(&start));
            line.map(str::to_owned)
        };
        wait_until(&format!("mosquitto_sub receives {topic}"), DEADLINE, || {
            find().is_some()
        });
        find().expect("the predicate held")
    }
}

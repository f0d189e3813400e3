//! A real Mosquitto on a free port, with a folder of its own.

use std::fmt::Write as _;
use std::fs;

use super::server::Server;
use crate::mqtt::Connection;
use crate::{Address, Process};

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
    server: Server,
}

impl Mosquitto {
    #[track_caller]
    pub fn start(spec: MosquittoSpec) -> Self {
        let server = Server::new("mosquitto");
        let mut mosquitto = Self { spec, server };
        mosquitto.resume();
        mosquitto
    }

    pub fn address(&self) -> &Address {
        self.server.address()
    }

    /// `mqtt://127.0.0.1:port`.
    pub fn url(&self) -> String {
        self.server.url("mqtt")
    }

    #[track_caller]
    pub fn process(&mut self) -> &mut Process {
        self.server.process()
    }

    /// Starts it again at the same address after [`Mosquitto::stop`] or
    /// [`Mosquitto::kill9`].
    #[track_caller]
    pub fn resume(&mut self) {
        let file = self.server.folder().join("mosquitto.conf");
        fs::write(&file, self.config()).expect("the temporary folder is writable");
        self.server.start(
            |command| {
                command.arg("-c").arg(&file);
            },
            |address| Connection::connect(address.get(), "probe").is_ok(),
        );
    }

    /// SIGTERM: it saves its sessions, if it is persistent.
    #[track_caller]
    pub fn stop(&mut self) {
        self.server.stop();
    }

    pub fn kill9(&mut self) {
        self.server.kill9();
    }

    fn config(&self) -> String {
        let spec = &self.spec;
        let mut config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\n\
             max_inflight_messages {}\nmax_queued_messages {}\n",
            self.address().get().port(),
            spec.max_inflight,
            spec.max_queued,
        );
        // As root it would change to a user who cannot write to our folder.
        config.push_str("user root\n");
        if spec.persistent {
            let folder = self.server.folder().display();
            let _ = writeln!(config, "persistence true\npersistence_location {folder}/");
        }
        config.push_str(&spec.more);
        config
    }
}

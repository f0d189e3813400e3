//! The real binary: `weir up` on free ports, with a data folder of its own.

mod log;
mod questions;
mod spec;

use std::env;
use std::fs;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Address, DEADLINE, Exit, Http, Process, Response, wait_until, weir_binary};

pub use spec::WeirSpec;

/// A running (or killed) Weir and its data folder.
#[derive(Debug)]
pub struct Weir {
    spec: WeirSpec,
    folder: TempDir,
    http_address: Address,
    mqtt_address: Address,
    http: Http,
    process: Option<Process>,
}

impl Weir {
    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(spec: WeirSpec) -> Self {
        let mut weir = Self::prepare(spec);
        weir.restart();
        weir
    }

    /// Starts it without waiting: for what is not expected to become ready.
    #[track_caller]
    pub fn launch(spec: WeirSpec) -> Self {
        let mut weir = Self::prepare(spec);
        weir.spawn();
        weir
    }

    /// Starts it and waits until it answers: for a scenario in which something
    /// keeps it from being ready.
    #[track_caller]
    pub fn start_unready(spec: WeirSpec) -> Self {
        let mut weir = Self::prepare(spec);
        weir.restart_unready();
        weir
    }

    /// A data folder to be filled before the start.
    pub fn prepare(spec: WeirSpec) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let nowhere = || Address::local(9);
        let http_address = nowhere();
        let http = Http::new(&http_address);
        Self {
            spec,
            folder,
            http_address,
            mqtt_address: nowhere(),
            http,
            process: None,
        }
    }

    /// Starts it again on the same data folder, after it has ended.
    #[track_caller]
    pub fn restart(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Starts it again without waiting for anything.
    #[track_caller]
    pub fn launch_again(&mut self) {
        self.spawn();
    }

    /// As [`Weir::restart`], but only until it answers.
    #[track_caller]
    pub fn restart_unready(&mut self) {
        self.spawn();
        self.wait_for("weir answers", |_| true);
    }

    /// As [`Weir::restart`], with another configuration.
    #[track_caller]
    pub fn restart_with(&mut self, spec: WeirSpec) {
        self.spec = spec;
        self.restart();
    }

    #[track_caller]
    fn spawn(&mut self) {
        // An existing folder has the mode that `weir up` gives to a new one.
        if self.data_dir().is_dir() {
            let private = Permissions::from_mode(0o700);
            std::fs::set_permissions(self.data_dir(), private).expect("it is ours");
        }
        assert!(self.process.is_none(), "it still runs");
        let (config, ports) = (self.folder.path().join("weir.toml"), self.ports_file());
        fs::write(&config, &self.spec.config).expect("the temporary folder is writable");
        let _ = fs::remove_file(&ports);
        let mut command = self.spec.command(&self.data_dir());
        command.args(["up", "--config"]).arg(&config);
        command.arg("--data-dir").arg(self.data_dir());
        command.arg("--ports-file").arg(&ports);
        clean_environment(&mut command);
        command.env("RUST_BACKTRACE", "1");
        self.process = Some(Process::start(&mut command, &self.log_file()));
    }

    /// Waits for the ports file and for `/readyz` to answer 200.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        self.wait_for("weir is ready", |answer| answer.status == 200);
    }

    #[track_caller]
    fn wait_for(&mut self, what: &str, enough: impl Fn(&Response) -> bool) {
        let log = self.log_file();
        wait_until(what, DEADLINE, || {
            if let Some(exit) = self.process().ended() {
                panic!(
                    "weir ended with {exit:?}:\n{}",
                    fs::read_to_string(&log).unwrap_or_default()
                );
            }
            self.read_ports()
                && self
                    .http
                    .send("GET", "/readyz", "*/*", &[])
                    .is_ok_and(|answer| enough(&answer))
        });
    }

    /// Waits until it is ready, or has ended by itself: then false.
    #[track_caller]
    pub fn ready_or_ended(&mut self) -> bool {
        let mut ended = false;
        wait_until("weir is ready or has ended", DEADLINE, || {
            ended = self.process().ended().is_some();
            ended || self.read_ports() && self.http.answers("/readyz")
        });
        !ended
    }

    /// Waits for the addresses, as the ports file has them: for a Weir that does
    /// not answer to this harness.
    #[track_caller]
    pub fn wait_ports(&mut self) -> Value {
        let (log, file) = (self.log_file(), self.ports_file());
        let mut ports = Value::Null;
        wait_until("weir writes its addresses", DEADLINE, || {
            if let Some(exit) = self.process().ended() {
                let log = fs::read_to_string(&log).unwrap_or_default();
                panic!("weir ended with {exit:?}:\n{log}");
            }
            let read = fs::read(&file).ok();
            ports = read
                .and_then(|read| serde_json::from_slice(&read).ok())
                .unwrap_or_default();
            ports.is_object()
        });
        ports
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn wait_end(&mut self) -> Exit {
        let mut process = self.process.take().expect("it was started");
        process.wait(DEADLINE)
    }

    /// Takes over the addresses; false while there are none.
    fn read_ports(&self) -> bool {
        let Ok(ports) = fs::read(self.ports_file()) else {
            return false;
        };
        let Ok(ports) = serde_json::from_slice::<Value>(&ports) else {
            return false;
        };
        for (name, address) in [("http", &self.http_address), ("mqtt", &self.mqtt_address)] {
            if let Some(bound) = ports[name].as_str() {
                address.set(
                    bound
                        .parse::<SocketAddr>()
                        .expect("the ports file holds addresses"),
                );
            }
        }
        true
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Where the embedded broker listens.
    pub fn mqtt(&self) -> &Address {
        &self.mqtt_address
    }

    pub fn http_address(&self) -> &Address {
        &self.http_address
    }

    /// The address that the ports file gives under this name, such as `flight`.
    #[track_caller]
    pub fn port(&self, name: &str) -> SocketAddr {
        let ports = fs::read(self.ports_file()).expect("it has started");
        let ports: Value = serde_json::from_slice(&ports).expect("the ports file is JSON");
        let address = ports[name].as_str().and_then(|text| text.parse().ok());
        address.unwrap_or_else(|| panic!("no {name} in {ports}"))
    }

    pub fn data_dir(&self) -> PathBuf {
        let folder = self.spec.data_in.as_deref();
        folder.unwrap_or(self.folder.path()).join("data")
    }

    /// The configuration file that it was started with.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("weir.toml")
    }

    /// Everything it has logged, over all restarts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    #[track_caller]
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it runs")
    }

    /// The most that it has had in memory, in bytes; 0 once it has ended.
    pub fn peak_memory(&self) -> u64 {
        let process = self.process.as_ref();
        process.and_then(Process::peak_memory).unwrap_or(0)
    }

    /// What it has in memory, in bytes; 0 once it has ended.
    pub fn memory(&self) -> u64 {
        let process = self.process.as_ref();
        process.and_then(Process::memory).unwrap_or(0)
    }

    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// SIGTERM, and how it ended.
    #[track_caller]
    pub fn sigterm(&mut self) -> Exit {
        let mut process = self.process.take().expect("it runs");
        process.terminate();
        process.wait(DEADLINE)
    }

    fn ports_file(&self) -> PathBuf {
        self.folder.path().join("ports.json")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("weir.log")
    }

    /// Runs another subcommand against this one, and returns its output.
    #[track_caller]
    pub fn command(&self, args: &[&str]) -> Output {
        run_weir(
            args,
            &[("WEIR_URL", &format!("http://{}", self.http_address.get()))],
        )
    }
}

/// Runs `weir` with these arguments to its end.
#[track_caller]
pub fn run_weir(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(weir_binary());
    command.args(args).stdin(Stdio::null());
    clean_environment(&mut command);
    command.envs(environment.iter().copied());
    command.output().expect("weir can be run")
}

/// What the caller's environment says about Weir is not for this one.
fn clean_environment(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("WEIR_")) {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").env_remove("RUST_LOG");
}

impl Drop for Weir {
    fn drop(&mut self) {
        if thread::panicking() {
            self.kill9();
            eprintln!("--- weir's log\n{}\n---", log::tail(&self.log(), 60));
            return;
        }
        if let Some(process) = self.process.as_mut()
            && process.ended().is_none()
        {
            let exit = self.sigterm();
            let log = log::tail(&self.log(), 60);
            assert_eq!(exit, Exit::Code(0), "after SIGTERM; its log:\n{log}");
        }
        let log = self.log();
        let unexpected = log::unexpected(&log, &self.spec.allowed);
        assert!(
            unexpected.is_empty(),
            "unexpected in the log:\n{}",
            unexpected.join("\n")
        );
    }
}

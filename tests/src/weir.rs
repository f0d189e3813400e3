//! The real binary: `weir up` on free ports, with a data folder of its own.

mod log;
mod spec;

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Address, DEADLINE, Exit, Flow, Http, Process, Response, wait_until, weir_binary};

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
            ended
                || self.read_ports()
                    && self
                        .http
                        .send("GET", "/readyz", "*/*", &[])
                        .is_ok_and(|answer| answer.status == 200)
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

    /// The value of a line of `/metrics`, by its name with its labels.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = self.http.get("/metrics").expect(200).text();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("no {name} in {metrics}"));
        value.parse().expect("a number")
    }

    /// `POST /api/v1/query`: rows as objects.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> Vec<Value> {
        let answer = self
            .http
            .post("/api/v1/query", json!({ "sql": sql }).to_string());
        match answer.expect(200).json() {
            Value::Array(rows) => rows,
            other => panic!("not an array of rows: {other}"),
        }
    }

    /// `POST /api/v1/query`: rows as lines of CSV, behind a line of names.
    #[track_caller]
    pub fn sql_csv(&self, sql: &str) -> String {
        let body = json!({ "sql": sql }).to_string();
        let answer = self
            .http
            .send("POST", "/api/v1/query", "text/csv", body.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
        answer.expect(200).text()
    }

    /// The single number that a query returns.
    #[track_caller]
    pub fn count(&self, sql: &str) -> u64 {
        let rows = self.sql(sql);
        let first = rows
            .first()
            .and_then(Value::as_object)
            .and_then(|row| row.values().next());
        first
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("no count in {rows:?}"))
    }

    /// Waits until a query returns this number: effects are recorded shortly
    /// after they are decided.
    #[track_caller]
    pub fn wait_count(&self, sql: &str, expect: u64) {
        let mut count = 0;
        wait_until(&format!("{sql} gives {expect}"), DEADLINE, || {
            count = self.count(sql);
            count >= expect
        });
        assert_eq!(count, expect, "{sql}");
    }

    /// Waits until `/api/v1/alarms` lists so many, such as `state=open`.
    #[track_caller]
    pub fn wait_alarms(&self, query: &str, expect: usize) -> Vec<Value> {
        let mut alarms = Vec::new();
        wait_until(&format!("{expect} alarms of {query}"), DEADLINE, || {
            let answer = self
                .http
                .get(&format!("/api/v1/alarms?{query}"))
                .expect(200)
                .json();
            alarms = answer["alarms"].as_array().cloned().unwrap_or_default();
            alarms.len() == expect
        });
        alarms
    }

    /// What `/metrics` says.
    #[track_caller]
    pub fn queries_running(&self) -> u64 {
        let text = self.http.get("/metrics").expect(200).text();
        let mut lines = text.lines();
        let number = lines.find_map(|line| line.strip_prefix("weir_queries_running "));
        number
            .and_then(|number| number.trim_end_matches(".0").parse().ok())
            .unwrap_or_else(|| panic!("no number in {text}"))
    }

    #[track_caller]
    pub fn flow(&self) -> Flow {
        let answer = self.http.get("/api/v1/flow").expect(200);
        serde_json::from_slice(&answer.body)
            .unwrap_or_else(|error| panic!("{error} in {}", answer.text()))
    }

    /// Waits until nothing is in flight, and `received` readings have come in.
    #[track_caller]
    pub fn wait_received(&self, received: u64) -> Flow {
        let mut flow = self.flow();
        wait_until(
            &format!("{received} readings have come to rest"),
            DEADLINE,
            || {
                flow = self.flow();
                flow.readings.received >= received && flow.is_settled()
            },
        );
        flow.assert_conserved();
        flow
    }

    /// A message by HTTP, on the topic `devices/{device}/telemetry`.
    #[track_caller]
    pub fn ingest(&self, device: &str, query: &str, payload: impl AsRef<[u8]>) -> Response {
        self.http.post(
            &format!("/api/v1/ingest/devices/{device}/telemetry{query}"),
            payload,
        )
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

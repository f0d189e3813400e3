//! A real Prometheus Alertmanager on a free port.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Address, DEADLINE, Http, Process, free_port, program, wait_until};

/// A running Alertmanager that notifies nobody.
#[derive(Debug)]
pub struct Alertmanager {
    folder: TempDir,
    address: Address,
    http: Http,
    process: Option<Process>,
}

impl Alertmanager {
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let address = Address::local(free_port());
        let http = Http::new(&address);
        let mut alertmanager = Self {
            folder,
            address,
            http,
            process: None,
        };
        alertmanager.resume();
        alertmanager
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address.get())
    }

    /// Starts it again at the same address. It has forgotten its alerts: it
    /// keeps them in memory alone.
    #[track_caller]
    pub fn resume(&mut self) {
        let file = self.folder.path().join("alertmanager.yml");
        let config = "route: {receiver: none}\nreceivers: [{name: none}]\n";
        fs::write(&file, config).expect("the temporary folder is writable");
        let mut command = Command::new(program("prometheus-alertmanager"));
        command.arg(format!("--config.file={}", file.display()));
        let data = self.folder.path().join("data");
        command.arg(format!("--storage.path={}", data.display()));
        command.arg(format!("--web.listen-address={}", self.address.get()));
        command.arg("--cluster.listen-address=");
        let log = self.folder.path().join("alertmanager.log");
        let mut process = Process::start(&mut command, &log);
        wait_until("Alertmanager is ready", DEADLINE, || {
            assert!(
                process.ended().is_none(),
                "Alertmanager ended:\n{}",
                process.output()
            );
            let answer = self.http.send("GET", "/-/ready", "*/*", &[]);
            answer.is_ok_and(|answer| answer.status == 200)
        });
        self.process = Some(process);
    }

    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// The alerts that it holds for active.
    #[track_caller]
    pub fn active(&self) -> Vec<Value> {
        match self.http.get("/api/v2/alerts").expect(200).json() {
            Value::Array(alerts) => alerts,
            other => panic!("not a list of alerts: {other}"),
        }
    }

    /// `device sensor severity` of them.
    #[track_caller]
    pub fn labels(&self) -> BTreeSet<String> {
        let label = |alert: &Value| {
            let text = |name: &str| alert["labels"][name].as_str().unwrap_or("?").to_owned();
            format!("{} {} {}", text("device"), text("sensor"), text("severity"))
        };
        self.active().iter().map(label).collect()
    }
}

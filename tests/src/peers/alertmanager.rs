//! A real Prometheus Alertmanager on a free port.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_model::Timestamp;

use crate::{Address, DEADLINE, Http, Process, free_port, now_ms, program, wait_until};

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

    /// The alerts that it holds for active, also those that are silenced there.
    #[track_caller]
    pub fn active(&self) -> Vec<Value> {
        match self.http.get("/api/v2/alerts").expect(200).json() {
            Value::Array(alerts) => alerts,
            other => panic!("not a list of alerts: {other}"),
        }
    }

    /// Somebody silences all alerts of a device there, for an hour.
    #[track_caller]
    pub fn silence(&self, device: &str) {
        let time = |ahead_ms: i64| {
            let time = Timestamp::from_millis(now_ms() + ahead_ms).expect("it is in this century");
            time.to_rfc3339()
        };
        let silence = json!({
            "matchers": [{"name": "device", "value": device, "isRegex": false}],
            "startsAt": time(0), "endsAt": time(3_600_000),
            "createdBy": "ann", "comment": "known",
        });
        let silenced = self.http.post("/api/v2/silences", silence.to_string());
        silenced.expect(200);
    }

    /// `active` or `suppressed`, of a device's alert; `None`: it has none.
    #[track_caller]
    pub fn state(&self, device: &str) -> Option<String> {
        let alerts = self.active();
        let found = alerts
            .iter()
            .find(|alert| alert["labels"]["device"] == device);
        found.and_then(|alert| Some(alert["status"]["state"].as_str()?.to_owned()))
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

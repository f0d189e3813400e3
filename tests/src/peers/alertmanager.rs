//! A real Prometheus Alertmanager on a free port.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use weir_model::Timestamp;

use super::server::Server;
use crate::{Http, now_ms};

/// A running Alertmanager that notifies nobody.
#[derive(Debug)]
pub struct Alertmanager {
    server: Server,
    http: Http,
}

impl Alertmanager {
    #[track_caller]
    pub fn start() -> Self {
        let server = Server::new("prometheus-alertmanager");
        let http = Http::new(server.address());
        let mut alertmanager = Self { server, http };
        alertmanager.resume();
        alertmanager
    }

    pub fn url(&self) -> String {
        self.server.url("http")
    }

    /// Starts it again at the same address. It has forgotten its alerts: it
    /// keeps them in memory alone.
    #[track_caller]
    pub fn resume(&mut self) {
        let folder = self.server.folder();
        let (file, data) = (folder.join("alertmanager.yml"), folder.join("data"));
        let config = "route: {receiver: none}\nreceivers: [{name: none}]\n";
        fs::write(&file, config).expect("the temporary folder is writable");
        let address = self.server.address().get();
        self.server.start(
            |command| {
                command.arg(format!("--config.file={}", file.display()));
                command.arg(format!("--storage.path={}", data.display()));
                command.arg(format!("--web.listen-address={address}"));
                command.arg("--cluster.listen-address=");
            },
            |_| self.http.answers("/-/ready"),
        );
    }

    pub fn kill9(&mut self) {
        self.server.kill9();
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

//! What scenarios ask a running Weir, and send to it, by HTTP.

use serde_json::{Value, json};

use super::Weir;
use crate::{DEADLINE, Flow, Response, wait_until};

impl Weir {
    /// The value of a line of `/metrics`, by its name with its labels.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = self.http().get("/metrics").expect(200).text();
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
            .http()
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
            .http()
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
                .http()
                .get(&format!("/api/v1/alarms?{query}"))
                .expect(200)
                .json();
            alarms = answer["alarms"].as_array().cloned().unwrap_or_default();
            alarms.len() == expect
        });
        alarms
    }

    #[track_caller]
    pub fn queries_running(&self) -> u64 {
        self.metric("weir_queries_running") as u64
    }

    #[track_caller]
    pub fn flow(&self) -> Flow {
        let answer = self.http().get("/api/v1/flow").expect(200);
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
        let path = format!("/api/v1/ingest/devices/{device}/telemetry{query}");
        self.http().post(&path, payload)
    }

    /// The same; its effects are decided when this returns.
    #[track_caller]
    pub fn ingest_and_wait(&self, device: &str, payload: impl AsRef<[u8]>) -> Response {
        let answer = self.ingest(device, "?wait=processed", payload);
        answer.expect(200)
    }

    /// Waits until `/readyz` answers 200, in a running Weir.
    #[track_caller]
    pub fn wait_recovered(&self) {
        wait_until("weir is ready again", DEADLINE, || {
            self.http().answers("/readyz")
        });
    }

    /// Waits until `/readyz` gives a reason with this text.
    #[track_caller]
    pub fn wait_unready(&self, reason: &str) {
        wait_until(&format!("/readyz reports {reason}"), DEADLINE, || {
            self.http().get("/readyz").text().contains(reason)
        });
    }
}

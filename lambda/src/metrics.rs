//! What an invocation reports about itself: one JSON line that is the log and, in
//! CloudWatch's embedded metric format, the metrics. Its members are those of
//! Powertools for AWS Lambda.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use weir_model::Timestamp;

use crate::run::Readings;

/// The figures of one invocation.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(crate) readings: Readings,
    pub(crate) messages: u64,
    pub(crate) failed: u64,
    /// Messages that the memory included already.
    pub(crate) repeated: u64,
    pub(crate) alerts: u64,
    pub(crate) conflicts: u64,
    pub(crate) reruns: u64,
    pub(crate) state_bytes: u64,
    pub(crate) state_reads: u64,
    pub(crate) state_writes: u64,
    pub(crate) rows_latency: Duration,
    pub(crate) commit_latency: Duration,
    /// Rejected readings by reason.
    pub(crate) reasons: BTreeMap<&'static str, u64>,
    /// Some reading had no time, and got that of the receipt.
    pub(crate) untimed: bool,
    /// Why messages failed; each reason once.
    pub(crate) failures: Vec<String>,
}

/// Most reasons of failures in the log line.
const NAMED_FAILURES: usize = 5;

impl Metrics {
    pub(crate) fn note_failure(&mut self, reason: &str) {
        let is_known = self.failures.iter().any(|known| known == reason);
        if !is_known && self.failures.len() < NAMED_FAILURES {
            self.failures.push(reason.to_owned());
        }
    }

    /// A store refused a reading that was counted as stored.
    pub(crate) fn note_refused(&mut self) {
        self.readings.stored = self.readings.stored.saturating_sub(1);
        self.readings.quarantined += 1;
    }

    /// Every reading has one outcome.
    pub(crate) fn is_balanced(&self) -> bool {
        let Readings {
            received,
            stored,
            quarantined,
            deduplicated,
        } = self.readings;
        received == stored + quarantined + deduplicated
    }
}

/// Beside the figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) now: Timestamp,
    pub(crate) service: &'a str,
    pub(crate) source: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) cold_start: bool,
    /// Why the event was not taken.
    pub(crate) error: Option<&'a str>,
    /// What somebody should change.
    pub(crate) advice: Option<&'a str>,
}

/// Names and units, in the order of the list.
const METRICS: [(&str, &str); 13] = [
    ("Received", "Count"),
    ("Stored", "Count"),
    ("Quarantined", "Count"),
    ("Deduplicated", "Count"),
    ("Alerts", "Count"),
    ("Conflicts", "Count"),
    ("Reruns", "Count"),
    ("StateBytes", "Bytes"),
    ("StateReads", "Count"),
    ("StateWrites", "Count"),
    ("RowsLatency", "Milliseconds"),
    ("CommitLatency", "Milliseconds"),
    ("ColdStart", "Count"),
];

impl Metrics {
    pub(crate) fn line(&self, line: &Line<'_>) -> Value {
        let is_error = line.error.is_some() || !self.is_balanced();
        let level = match (is_error, self.failed) {
            (true, _) => "ERROR",
            (false, 0) => "INFO",
            (false, _) => "WARN",
        };
        let message = match (line.error, self.is_balanced()) {
            (Some(error), _) => error,
            (None, false) => "readings without an outcome",
            (None, true) if self.failed > 0 => "some messages have to come again",
            (None, true) => "processed",
        };
        let definitions: Vec<Value> = METRICS
            .iter()
            .map(|(name, unit)| json!({"Name": name, "Unit": unit}))
            .collect();
        let mut document = json!({
            "_aws": {
                "Timestamp": line.now.millis(),
                "CloudWatchMetrics": [{
                    "Namespace": "Weir",
                    "Dimensions": [["service"]],
                    "Metrics": definitions,
                }],
            },
            "level": level,
            "message": message,
            "timestamp": line.now.to_rfc3339(),
            "service": line.service,
            "cold_start": line.cold_start,
            "function_request_id": line.request_id,
            "xray_trace_id": line.trace_id,
            "source": line.source,
            "messages": self.messages,
            "failed": self.failed,
            "repeated": self.repeated,
        });
        for ((name, _), value) in METRICS.iter().zip(self.values(line.cold_start)) {
            document[*name] = value;
        }
        if let Some(advice) = line.advice {
            document["warning"] = json!(advice);
        }
        if !self.reasons.is_empty() {
            document["quarantined_by_reason"] = json!(self.reasons);
        }
        if !self.failures.is_empty() {
            document["failures"] = json!(self.failures);
        }
        document
    }

    fn values(&self, cold_start: bool) -> [Value; METRICS.len()] {
        let millis = |time: Duration| json!(time.as_micros() as f64 / 1e3);
        [
            json!(self.readings.received),
            json!(self.readings.stored),
            json!(self.readings.quarantined),
            json!(self.readings.deduplicated),
            json!(self.alerts),
            json!(self.conflicts),
            json!(self.reruns),
            json!(self.state_bytes),
            json!(self.state_reads),
            json!(self.state_writes),
            millis(self.rows_latency),
            millis(self.commit_latency),
            json!(u8::from(cold_start)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line<'_> = Line {
        now: Timestamp(1_790_000_000_000_000_000),
        service: "weir",
        source: "sqs",
        request_id: "r",
        trace_id: None,
        cold_start: true,
        error: None,
        advice: None,
    };

    #[test]
    fn the_line_is_log_and_metrics_in_one() {
        let readings = Readings {
            received: 5,
            stored: 3,
            quarantined: 1,
            deduplicated: 1,
        };
        let mut metrics = Metrics {
            readings,
            ..Metrics::default()
        };
        let line = metrics.line(&LINE);
        assert_eq!(
            (&line["level"], &line["message"]),
            (&json!("INFO"), &json!("processed"))
        );
        assert_eq!(
            (&line["Received"], &line["ColdStart"]),
            (&json!(5), &json!(1))
        );
        let listed = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        for metric in listed {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_number(), "{name}");
        }
        assert_eq!(listed.len(), 13);
        metrics.note_refused();
        assert!(metrics.is_balanced());
        metrics.readings.received += 1;
        assert_eq!(metrics.line(&LINE)["level"], "ERROR");
    }
}

//! What Weir itself reports into the shadows of devices, and when.
//!
//! Reports follow the time of the records, not a timer: a record reports the
//! devices that changed if the last reports are at least `[shadows] interval`
//! older than the record. So a replay reports the same at the same positions.
//! While no message comes, a tick in the journal brings the time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_alarms::AlarmEngine;
use weir_engine::{Engine, LatestValue};
use weir_model::Timestamp;
use weir_shadow_document::{Operation, Request, report_payload};

/// When reports were made, and whether something has changed since. Part of the
/// snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportState {
    /// The time of the record that made the last reports; `None` before the first.
    last: Option<Timestamp>,
    /// A device may have changed since.
    pending: bool,
}

impl Default for ReportState {
    /// As of a snapshot of an older version, which did not keep it: perhaps a
    /// device changed.
    fn default() -> Self {
        Self {
            last: None,
            pending: true,
        }
    }
}

impl ReportState {
    /// Nothing was received yet.
    pub(crate) const EMPTY: Self = Self {
        last: None,
        pending: false,
    };
}

/// Makes the reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    state: ReportState,
    interval_ns: i64,
    is_on: bool,
}

impl Reporter {
    pub(crate) fn new(state: ReportState, interval: Duration) -> Self {
        Self {
            state,
            interval_ns: nanoseconds(interval),
            is_on: true,
        }
    }

    pub(crate) fn state(&self) -> ReportState {
        self.state
    }

    pub(crate) fn set_interval(&mut self, interval: Duration) {
        self.interval_ns = nanoseconds(interval);
    }

    pub(crate) fn turn_off(&mut self) {
        self.is_on = false;
    }

    /// A device may have something new.
    pub(crate) fn changed(&mut self) {
        self.state.pending = true;
    }

    /// Whether a record of this time makes reports.
    pub(crate) fn is_due(&self, time: Timestamp) -> bool {
        // Records are not quite in the order of their times. A clock that was set
        // back by more than the interval starts it again.
        let elapsed = |last: Timestamp| time.0.saturating_sub(last.0).saturating_abs();
        let waited = |last| time >= last && elapsed(last) >= self.interval_ns;
        let set_back = |last| time < last && elapsed(last) > self.interval_ns;
        let is_time = self
            .state
            .last
            .is_none_or(|last| waited(last) || set_back(last));
        self.is_on && self.state.pending && is_time
    }

    /// The reports of all devices that have something new.
    pub(crate) fn take(&mut self, engine: &mut Engine, alarms: &AlarmEngine) -> Vec<Request> {
        self.state.pending = false;
        reports(engine, alarms)
    }

    /// The reports of a record of this time: one per device that has something
    /// new, with the latest readings of the sensors that changed and the open
    /// alarms.
    pub(crate) fn report(
        &mut self,
        time: Timestamp,
        engine: &mut Engine,
        alarms: &AlarmEngine,
    ) -> Vec<Request> {
        let reports = reports(engine, alarms);
        self.state.pending = false;
        if !reports.is_empty() {
            self.state.last = Some(time);
        }
        reports
    }
}

fn nanoseconds(interval: Duration) -> i64 {
    i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX)
}

fn reports(engine: &mut Engine, alarms: &AlarmEngine) -> Vec<Request> {
    let mut reports = Vec::new();
    let catalog = engine.catalog().clone();
    engine.changed_devices(&mut |device, latest| {
        let alerts: Vec<_> = alarms.active(device).collect();
        let readings: Vec<(&str, Value, i64)> = latest
            .iter()
            .map(|latest| {
                let time = latest.time.millis();
                (&*latest.sensor, json_value(&latest.value), time)
            })
            .collect();
        let times = readings.iter().map(|(.., millis)| *millis);
        let last_update = times.max().unwrap_or_default();
        reports.push(Request {
            thing: catalog.device(device).to_string(),
            name: None,
            operation: Operation::Report,
            payload: report_payload(&alerts, last_update, &readings),
            publish: true,
        });
    });
    reports
}

/// A latest value as JSON.
pub fn json_value(value: &LatestValue) -> Value {
    match value {
        LatestValue::Number(number) => json!(number),
        LatestValue::Text(text) => json!(&**text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[track_caller]
    fn check(last: Option<i64>, time: i64, expect: bool) {
        let state = ReportState {
            last: last.map(Timestamp),
            pending: true,
        };
        let reporter = Reporter::new(state, Duration::from_secs(1));
        assert_eq!(reporter.is_due(Timestamp(time)), expect, "{last:?} {time}");
    }

    #[test]
    fn reports_are_an_interval_apart_in_the_time_of_the_records() {
        check(None, 0, true);
        check(Some(0), 0, false);
        check(Some(0), SECOND - 1, false);
        check(Some(0), SECOND, true);
        check(Some(SECOND), 0, false);
        check(Some(2 * SECOND), 0, true);
        check(Some(i64::MAX), i64::MIN, true);
    }

    #[test]
    fn nothing_is_due_without_a_change() {
        let reporter = Reporter::new(ReportState::EMPTY, Duration::from_secs(1));
        assert!(!reporter.is_due(Timestamp(0)));
    }
}

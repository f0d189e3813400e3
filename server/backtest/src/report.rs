//! What a backtest prints: alarms as lines or JSON, and how two configurations
//! differ.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_model::{Alert, AlertState, Timestamp, printable};

use super::run::Counts;

/// The result of one configuration.
#[derive(Debug, Default)]
pub struct Report {
    pub alerts: Vec<Alert>,
    pub counts: Counts,
}

/// How many alarms there would have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    pub raised: usize,
    pub cleared: usize,
    pub critical: usize,
}

impl Report {
    /// Puts the alerts of all devices in the order of time.
    pub fn sort(&mut self) {
        self.alerts.sort_by(|a, b| key(a).cmp(&key(b)));
    }

    pub fn alarms(&self) -> Alarms {
        let mut alarms = Alarms::default();
        for alert in &self.alerts {
            alarms.raised += usize::from(alert.state == AlertState::Raised);
            alarms.cleared += usize::from(alert.state == AlertState::Cleared);
        }
        let severe = self.alerts.iter().filter(|alert| {
            alert.severity == weir_model::Severity::Critical
                && matches!(alert.state, AlertState::Raised | AlertState::Escalated)
        });
        let mut critical: Vec<&str> = severe.map(|alert| &*alert.alarm_id).collect();
        critical.sort_unstable();
        critical.dedup();
        alarms.critical = critical.len();
        alarms
    }

    /// A sentence for a person.
    pub fn summary(&self) -> String {
        let Alarms {
            raised,
            cleared,
            critical,
        } = self.alarms();
        let mut text = format!(
            "{} readings: {raised} alarms raised ({critical} critical), {cleared} cleared, {} still open",
            self.counts.readings,
            raised.saturating_sub(cleared)
        );
        let mut also = |count: u64, what: &str| {
            if count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        };
        also(self.counts.late, "late or repeated, not judged");
        also(self.counts.empty, "without a value");
        for (reason, count) in &self.counts.quarantined {
            also(*count, &format!("quarantined: {reason}"));
        }
        for (function, (count, reason)) in &self.counts.failed {
            also(*count, &format!("calls of {function} failed: {reason}"));
        }
        text
    }

    pub fn to_json(&self) -> Value {
        let Alarms {
            raised,
            cleared,
            critical,
        } = self.alarms();
        json!({
            "readings": self.counts.readings,
            "late": self.counts.late,
            "withoutValue": self.counts.empty,
            "quarantined": self.counts.quarantined,
            "raised": raised,
            "critical": critical,
            "cleared": cleared,
            "open": raised.saturating_sub(cleared),
            "alerts": self.alerts,
        })
    }
}

fn key(alert: &Alert) -> (i64, &str, &str, &str) {
    (
        alert.timestamp,
        &alert.device_id,
        &alert.sensor,
        &alert.function,
    )
}

/// One transition as a line.
pub fn line(alert: &Alert) -> String {
    let time = Timestamp::from_millis(alert.timestamp)
        .map_or_else(|| alert.timestamp.to_string(), |time| time.to_string());
    let severity = alert.severity.as_str().to_ascii_uppercase();
    printable(&format!(
        "{time}  {}  {}  {severity} {} by {}: {}",
        alert.device_id,
        alert.sensor,
        alert.state.as_str(),
        alert.function,
        alert.reason
    ))
}

/// An alarm from raised to cleared.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode<'a> {
    pub raised: &'a Alert,
    pub cleared: Option<i64>,
    pub worst: weir_model::Severity,
}

impl Episode<'_> {
    pub fn to_json(&self) -> Value {
        json!({"raised": self.raised, "clearedAt": self.cleared, "worst": self.worst})
    }
}

/// The alarms of a report, in the order in which they were raised.
pub fn episodes(report: &Report) -> Vec<Episode<'_>> {
    let mut at: BTreeMap<(&str, &str, &str, &str), usize> = BTreeMap::new();
    let mut episodes: Vec<Episode<'_>> = Vec::new();
    for alert in &report.alerts {
        let (device, sensor) = (&*alert.device_id, &*alert.sensor);
        let key = (device, sensor, &*alert.function, &*alert.alarm_id);
        let known = *at.entry(key).or_insert_with(|| {
            episodes.push(Episode {
                raised: alert,
                cleared: None,
                worst: alert.severity,
            });
            episodes.len() - 1
        });
        let episode = &mut episodes[known];
        episode.worst = episode.worst.max(alert.severity);
        if alert.state == AlertState::Cleared {
            episode.cleared = Some(alert.timestamp);
        }
    }
    episodes
}

/// What only one of two configurations raises. Alarms are the same when they are
/// of one device and sensor, as severe, and overlap in time.
pub fn differences<'a>(
    new: &'a [Episode<'a>],
    old: &'a [Episode<'a>],
) -> (Vec<&'a Episode<'a>>, Vec<&'a Episode<'a>>) {
    (missing(new, old), missing(old, new))
}

fn missing<'a>(of: &'a [Episode<'a>], others: &[Episode<'_>]) -> Vec<&'a Episode<'a>> {
    type Series<'a> = (&'a str, &'a str);
    let series = |episode: &Episode<'a>| -> Series<'a> {
        (&episode.raised.device_id, &episode.raised.sensor)
    };
    let mut by_series: BTreeMap<(&str, &str), Vec<&Episode<'_>>> = BTreeMap::new();
    for other in others {
        let key = (&*other.raised.device_id, &*other.raised.sensor);
        by_series.entry(key).or_default().push(other);
    }
    of.iter()
        .filter(|episode| {
            let others = by_series
                .get(&series(episode))
                .map_or(&[][..], Vec::as_slice);
            !others
                .iter()
                .any(|other| overlap(episode, other) && episode.worst == other.worst)
        })
        .collect()
}

fn overlap(a: &Episode<'_>, b: &Episode<'_>) -> bool {
    let end = |episode: &Episode<'_>| episode.cleared.unwrap_or(i64::MAX);
    a.raised.timestamp <= end(b) && b.raised.timestamp <= end(a)
}

#[cfg(test)]
mod tests;

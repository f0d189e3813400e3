//! An alarm as operators see it: its state, its acknowledgement, its shelving.

use serde::{Deserialize, Serialize};
use weir_model::{Alert, AlertState, Severity};

use crate::lifecycle::{Lifecycle, LifecycleState};
use crate::suppression::Suppression;

/// One alarm, from raised to cleared: the JSON of `/api/v1/alarms`.
///
/// Times are milliseconds since the epoch: event times for the alarm, Weir's clock
/// for the actions of operators.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmRecord {
    pub alarm_id: String,
    pub device_id: String,
    pub sensor: String,
    pub function: String,
    /// For a cleared alarm: its last severity.
    pub severity: Severity,
    /// The state in its last alert.
    pub state: AlertState,
    pub raised_at: i64,
    pub updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<i64>,
    /// The value of the reading that decided last.
    pub value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shelved_until: Option<i64>,
    /// In the terms of ISA-18.2, without the suppressions that only routing knows:
    /// see [`AlarmRecord::with_suppression`].
    pub lifecycle: Lifecycle,
    /// When the condition of a latched alarm ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
}

/// A comment of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    pub by: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    pub text: String,
}

/// Who has acknowledged an alarm. An escalation resets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub by: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    pub note: Option<String>,
}

/// Which alarms to list. `Default`: all alarms, at most 100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmFilter {
    pub state: AlarmStateFilter,
    pub severity: Option<Severity>,
    pub device: Option<String>,
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmStateFilter {
    Open,
    Cleared,
    #[default]
    Any,
}

impl Default for AlarmFilter {
    fn default() -> Self {
        Self {
            state: AlarmStateFilter::Any,
            severity: None,
            device: None,
            limit: 100,
        }
    }
}

impl AlarmFilter {
    /// Whether an alarm with this last alert is listed.
    pub fn matches(&self, last: &Alert) -> bool {
        let is_open = last.state != AlertState::Cleared;
        let state = match self.state {
            AlarmStateFilter::Open => is_open,
            AlarmStateFilter::Cleared => !is_open,
            AlarmStateFilter::Any => true,
        };
        let same_severity = |severity| severity == last.severity;
        let same_device = |device: &String| *device == last.device_id;
        state
            && self.severity.is_none_or(same_severity)
            && self.device.as_ref().is_none_or(same_device)
    }
}

impl AlarmRecord {
    /// Its last alert, without the alert's id.
    pub fn alert(&self) -> Alert {
        Alert {
            id: String::new(),
            alarm_id: self.alarm_id.clone(),
            kind: weir_model::AlertKind::Alert,
            severity: self.severity,
            state: self.state,
            device_id: self.device_id.clone(),
            sensor: self.sensor.clone(),
            value: self.value,
            threshold: self.threshold,
            function: self.function.clone(),
            location: self.location.clone(),
            unit: self.unit.clone(),
            timestamp: self.updated_at,
            raised_at: self.raised_at,
            reason: self.reason.clone(),
        }
    }

    /// The record with the suppression that routing knows: maintenance and
    /// inhibition. A shelving by an operator takes precedence.
    #[must_use]
    pub fn with_suppression(mut self, by: Option<Suppression>) -> Self {
        let is_shelved = matches!(self.lifecycle, Lifecycle::Shelved | Lifecycle::OutOfService);
        if by.is_some() && self.cleared_at.is_none() && !is_shelved {
            self.lifecycle = LifecycleState::RAISED.lifecycle(by);
        }
        self
    }
}

//! The memory of one slot, and the transition that the next reading decides.

use serde::{Deserialize, Serialize};
use weir_model::{Alert, AlertKind, AlertState, DeviceIx, Level, Severity, Timestamp, Verdict};

use crate::alarm_id::{alarm_id, alert_id};
use crate::delays::Delays;
use crate::reason::{Facts, reason};
use crate::slot_names::SlotNames;
use crate::stored_alert;

/// One slot that has left Normal at least once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SlotMemory {
    /// Time of the last reading that counted. A reading that finds the slot
    /// Normal and leaves it Normal does not count.
    pub(crate) last: Timestamp,
    pub(crate) level: Level,
    /// First reading of the current unbroken run with a level, or without one.
    pub(crate) something_since: Timestamp,
    /// First reading of the current unbroken run of "critical", or of "less".
    pub(crate) critical_since: Timestamp,
    pub(crate) open: Option<Box<OpenAlarm>>,
}

/// The open alarm of a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OpenAlarm {
    pub(crate) device: DeviceIx,
    pub(crate) raised: Timestamp,
    /// The limits that were crossed last.
    pub(crate) warning_limit: Option<f64>,
    pub(crate) critical_limit: Option<f64>,
    #[serde(with = "stored_alert")]
    pub(crate) alert: Alert,
}

/// The transition that a reading decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) state: AlertState,
    pub(crate) severity: Severity,
    /// Since when its condition has held.
    pub(crate) since: Timestamp,
}

impl SlotMemory {
    pub(crate) fn new() -> Self {
        let never = Timestamp(i64::MIN);
        Self {
            last: never,
            level: None,
            something_since: never,
            critical_since: never,
            open: None,
        }
    }

    pub(crate) fn is_normal(&self) -> bool {
        self.level.is_none() && self.open.is_none()
    }

    /// The same memory for an engine in which the device has another index.
    pub(crate) fn of_device(mut self, device: DeviceIx) -> Self {
        if let Some(open) = &mut self.open {
            open.device = device;
        }
        self
    }

    /// Processes the next reading.
    pub(crate) fn step(
        &mut self,
        level: Level,
        time: Timestamp,
        delays: Delays,
    ) -> Option<Transition> {
        let critical = Some(Severity::Critical);
        if level.is_some() != self.level.is_some() {
            self.something_since = time;
        }
        if (level == critical) != (self.level == critical) {
            self.critical_since = time;
        }
        self.level = level;
        self.last = time;

        let held = |since: Timestamp, delay: i64| time.0.saturating_sub(since.0) >= delay;
        let on = |since| held(since, delays.on_delay_ns);
        let off = |since| held(since, delays.off_delay_ns);
        let (something, criticality) = (self.something_since, self.critical_since);
        let transition = |state, severity, since| {
            Some(Transition {
                state,
                severity,
                since,
            })
        };
        match (self.open.as_ref().map(|open| open.alert.severity), level) {
            (None, Some(Severity::Critical)) if on(criticality) => {
                transition(AlertState::Raised, Severity::Critical, criticality)
            }
            (None, Some(_)) if on(something) => {
                transition(AlertState::Raised, Severity::Warning, something)
            }
            (Some(severity), None) if off(something) => {
                transition(AlertState::Cleared, severity, something)
            }
            (Some(Severity::Warning), Some(Severity::Critical)) if on(criticality) => {
                transition(AlertState::Escalated, Severity::Critical, criticality)
            }
            (Some(Severity::Critical), None | Some(Severity::Warning)) if off(criticality) => {
                transition(AlertState::Deescalated, Severity::Warning, criticality)
            }
            _ => None,
        }
    }
}

impl OpenAlarm {
    /// A new alarm; [`OpenAlarm::alert_of`] fills in its alert.
    pub(crate) fn raised(verdict: &Verdict, names: &SlotNames) -> Self {
        let alert = Alert {
            id: String::new(),
            alarm_id: alarm_id(names, verdict.time),
            kind: AlertKind::Alert,
            severity: Severity::Warning,
            state: AlertState::Raised,
            device_id: names.device.clone(),
            sensor: names.sensor.clone(),
            value: verdict.value,
            threshold: None,
            function: names.function.clone(),
            location: None,
            unit: names.unit.clone(),
            timestamp: verdict.time.millis(),
            raised_at: verdict.time.millis(),
            reason: String::new(),
        };
        let mut open = Self {
            device: verdict.device,
            raised: verdict.time,
            warning_limit: None,
            critical_limit: None,
            alert,
        };
        open.note_limit(verdict);
        open
    }

    pub(crate) fn note_limit(&mut self, verdict: &Verdict) {
        let limit = limit_of(verdict);
        match verdict.level {
            Some(Severity::Warning) => self.warning_limit = limit,
            Some(Severity::Critical) => self.critical_limit = limit,
            None => {}
        }
    }

    pub(crate) fn alert_of(
        &self,
        verdict: &Verdict,
        transition: Transition,
        names: &SlotNames,
    ) -> Alert {
        let Transition {
            state,
            severity,
            since,
        } = transition;
        let from = if state == AlertState::Cleared {
            self.raised
        } else {
            since
        };
        let reason = reason(&Facts {
            names,
            state,
            severity,
            level: verdict.level,
            value: verdict.value,
            threshold: limit_of(verdict),
            side: verdict.side,
            why: verdict.why,
            warning_limit: self.warning_limit,
            critical_limit: self.critical_limit,
            elapsed_ns: verdict.time.0.saturating_sub(from.0),
        });
        let last = &self.alert;
        Alert {
            id: alert_id(&last.alarm_id, state, severity, verdict.time),
            state,
            severity,
            value: verdict.value,
            threshold: limit_of(verdict),
            location: names.location.clone().filter(|text| !text.is_empty()),
            timestamp: verdict.time.millis(),
            reason,
            ..last.clone()
        }
    }

    /// The clear of an alarm whose function was removed.
    pub(crate) fn abandon(self: Box<Self>, last: Timestamp) -> Alert {
        let alert = self.alert;
        let state = AlertState::Cleared;
        let reason = format!(
            "{} is no longer monitored: function {} was removed or no longer applies",
            alert.sensor, alert.function
        );
        let id = alert_id(&alert.alarm_id, state, alert.severity, last);
        Alert {
            id,
            state,
            timestamp: last.millis(),
            reason,
            ..alert
        }
    }
}

fn limit_of(verdict: &Verdict) -> Option<f64> {
    Some(verdict.threshold).filter(|limit| !limit.is_nan())
}

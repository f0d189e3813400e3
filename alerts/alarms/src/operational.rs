//! Alarms of Weir itself: what is wrong with it, by component, told the way a
//! reading's alarm is.
//!
//! The device is `$weir`, which no device can be called; the sensor is the
//! component as `/readyz` names it; the value is for how many seconds it has
//! been so. This is pure: the reasons and both clocks come with each look.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_model::{Alert, AlertKind, AlertState, Severity, Timestamp};

use crate::alarm_engine::SlotNames;
use crate::alarm_id::{alarm_id, alert_id};
use crate::alarm_record::AlarmRecord;

/// The device of operational alarms.
pub const OPERATIONAL_DEVICE: &str = "$weir";
const FUNCTION: &str = "watchdog";
const UNIT: &str = "s";

/// Which components complain, since when, and what was raised for it.
#[derive(Debug)]
pub struct OperationalAlarms {
    /// How long a change must last before it is told.
    after: Duration,
    components: BTreeMap<String, Component>,
}

#[derive(Debug)]
struct Component {
    /// The reason it gave last; `None` while it gives none.
    reason: Option<String>,
    /// When that began or ended, by the monotonic clock.
    changed: Duration,
    raised: Option<Alert>,
}

impl OperationalAlarms {
    /// `open` are the alarms that a process before this one raised.
    pub fn new(after: Duration, open: Vec<AlarmRecord>) -> Self {
        let own = |alarm: &AlarmRecord| {
            alarm.device_id == OPERATIONAL_DEVICE && alarm.function == FUNCTION
        };
        let component = |alarm: AlarmRecord| {
            let component = Component {
                reason: None,
                changed: Duration::ZERO,
                raised: Some(raised_before(&alarm)),
            };
            (alarm.sensor, component)
        };
        Self {
            after,
            components: open.into_iter().filter(own).map(component).collect(),
        }
    }

    /// What has to be told now. `elapsed` is a monotonic clock that began with
    /// [`Self::new`], `now` the wall clock.
    pub fn look(
        &mut self,
        reasons: &BTreeMap<String, String>,
        severity: impl Fn(&str) -> Severity,
        elapsed: Duration,
        now: Timestamp,
    ) -> Vec<Alert> {
        for name in reasons.keys() {
            if !self.components.contains_key(name) {
                let fresh = Component {
                    reason: None,
                    changed: elapsed,
                    raised: None,
                };
                self.components.insert(name.clone(), fresh);
            }
        }
        let mut alerts = Vec::new();
        for (name, component) in &mut self.components {
            let reason = reasons.get(name);
            if reason.is_some() != component.reason.is_some() {
                component.changed = elapsed;
            }
            component.reason = reason.cloned();
            let lasted = elapsed.saturating_sub(component.changed);
            if lasted < self.after {
                continue;
            }
            match (&component.reason, &component.raised) {
                (Some(reason), None) => {
                    let severity = severity(name);
                    let alert = raise(name, severity, reason, lasted, self.after, now);
                    component.raised = Some(alert.clone());
                    alerts.push(alert);
                }
                (None, Some(raised)) => {
                    alerts.push(clear(raised, now));
                    component.raised = None;
                }
                _ => {}
            }
        }
        // What is well and was told needs no memory.
        let forgettable =
            |component: &Component| component.reason.is_none() && component.raised.is_none();
        self.components
            .retain(|_, component| !forgettable(component));
        alerts
    }
}

fn raise(
    component: &str,
    severity: Severity,
    reason: &str,
    lasted: Duration,
    after: Duration,
    now: Timestamp,
) -> Alert {
    let names = SlotNames {
        device: OPERATIONAL_DEVICE.into(),
        sensor: component.into(),
        unit: Some(UNIT.into()),
        function: FUNCTION.into(),
        location: None,
        said: None,
    };
    let alarm_id = alarm_id(&names, now);
    Alert {
        id: alert_id(&alarm_id, AlertState::Raised, severity, now),
        alarm_id,
        kind: AlertKind::Alert,
        severity,
        state: AlertState::Raised,
        device_id: OPERATIONAL_DEVICE.to_owned(),
        sensor: component.to_owned(),
        value: lasted.as_secs_f64().round(),
        threshold: Some(after.as_secs_f64()),
        function: FUNCTION.to_owned(),
        location: None,
        unit: Some(UNIT.to_owned()),
        timestamp: now.millis(),
        raised_at: now.millis(),
        reason: format!("{component}: {reason}"),
    }
}

fn clear(raised: &Alert, now: Timestamp) -> Alert {
    // A clock that was set back must not make it last less than nothing.
    let timestamp = now.millis().max(raised.raised_at);
    let seconds = (timestamp - raised.raised_at) / 1_000;
    let decided = Timestamp::from_millis(timestamp).unwrap_or(now);
    Alert {
        id: alert_id(
            &raised.alarm_id,
            AlertState::Cleared,
            raised.severity,
            decided,
        ),
        state: AlertState::Cleared,
        value: seconds as f64,
        timestamp,
        reason: format!("{} is well again after {seconds} s", raised.sensor),
        ..raised.clone()
    }
}

/// As much of its alert as a clear needs.
fn raised_before(alarm: &AlarmRecord) -> Alert {
    Alert {
        id: String::new(),
        alarm_id: alarm.alarm_id.clone(),
        kind: AlertKind::Alert,
        severity: alarm.severity,
        state: alarm.state,
        device_id: alarm.device_id.clone(),
        sensor: alarm.sensor.clone(),
        value: alarm.value,
        threshold: alarm.threshold,
        function: alarm.function.clone(),
        location: alarm.location.clone(),
        unit: alarm.unit.clone(),
        timestamp: alarm.updated_at,
        raised_at: alarm.raised_at,
        reason: alarm.reason.clone(),
    }
}

#[cfg(test)]
mod tests;

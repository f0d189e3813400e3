//! Alarms about Weir itself, one per component. They are published like the
//! alarms of readings.
//!
//! The device is `$weir`, a name that no device can have. The sensor is the
//! component as `/readyz` names it, the value the duration in seconds. This is
//! pure: every call passes the reasons and both clocks.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_model::{Alert, AlertKind, AlertState, Severity, Timestamp};

use crate::alarm_id::{alarm_id, alert_id};
use crate::alarm_record::AlarmRecord;
use crate::slot_names::SlotNames;

/// The device of operational alarms.
pub const OPERATIONAL_DEVICE: &str = "$weir";
const FUNCTION: &str = "watchdog";
const UNIT: &str = "s";

/// Which components are unhealthy, since when, and the alarm that was raised.
#[derive(Debug)]
pub struct OperationalAlarms {
    /// How long a change must last before it is reported.
    after: Duration,
    components: BTreeMap<String, Component>,
}

#[derive(Debug)]
struct Component {
    /// Why it is unhealthy; `None` while it is healthy.
    reason: Option<String>,
    /// When that last began or ended, by the monotonic clock.
    changed: Duration,
    raised: Option<Alert>,
}

impl OperationalAlarms {
    /// `open`: the open alarms that an earlier process raised.
    pub fn new(after: Duration, open: Vec<AlarmRecord>) -> Self {
        let own = |alarm: &AlarmRecord| {
            alarm.device_id == OPERATIONAL_DEVICE && alarm.function == FUNCTION
        };
        let component = |alarm: AlarmRecord| {
            let component = Component {
                reason: None,
                changed: Duration::ZERO,
                raised: Some(alarm.alert()),
            };
            (alarm.sensor, component)
        };
        Self {
            after,
            components: open.into_iter().filter(own).map(component).collect(),
        }
    }

    /// The transitions that are due. `reasons` has the unhealthy components.
    /// `elapsed` is a monotonic clock that began with [`Self::new`], `now` the wall
    /// clock.
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
        // A healthy component without an open alarm needs no entry.
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
        ..SlotNames::default()
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
    // The wall clock may have been set back: a duration is never negative.
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
        reason: format!("{} has recovered after {seconds} s", raised.sensor),
        ..raised.clone()
    }
}

#[cfg(test)]
mod tests;

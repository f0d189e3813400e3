//! Which open alarms suppress others: by an `[[inhibit]]` rule, or a critical
//! alarm the warnings of its sensor.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{Alert, Severity};

use super::policy::{Policy, inhibits, selects};
use super::routed::Routed;

/// The open alarms that suppress others.
#[derive(Debug)]
pub(super) struct Inhibition {
    /// Ids of alarms, by `[[inhibit]]` rule.
    inhibitors: Vec<BTreeSet<String>>,
    /// Number of open critical alarms by device and sensor.
    critical: BTreeMap<(String, String), usize>,
}

impl Inhibition {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            inhibitors: vec![BTreeSet::new(); policy.inhibit.len()],
            critical: BTreeMap::new(),
        }
    }

    /// Adds an open alarm, or removes it.
    pub(super) fn update(&mut self, policy: &Policy, alert: &Alert, open: bool) {
        for (rule, by) in policy.inhibit.iter().zip(&mut self.inhibitors) {
            if open && selects(&rule.by, alert) {
                by.insert(alert.alarm_id.clone());
            } else {
                by.remove(&alert.alarm_id);
            }
        }
        if alert.severity != Severity::Critical {
            return;
        }
        let key = (alert.device_id.clone(), alert.sensor.clone());
        let count = self.critical.entry(key.clone()).or_default();
        *count = if open {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        if *count == 0 {
            self.critical.remove(&key);
        }
    }

    /// Whether an open alarm suppresses this one. `alarms`: all open alarms by id.
    pub(super) fn inhibits(
        &self,
        policy: &Policy,
        alarms: &BTreeMap<String, Routed>,
        alert: &Alert,
    ) -> bool {
        let key = || (alert.device_id.clone(), alert.sensor.clone());
        let hidden = policy.alarms.critical_hides_warning
            && alert.severity == Severity::Warning
            && self.critical.contains_key(&key());
        let mut rules = policy.inhibit.iter().zip(&self.inhibitors);
        let inhibited = |(rule, by): (_, &BTreeSet<String>)| {
            by.iter().any(|id| {
                alarms
                    .get(id)
                    .is_some_and(|by| inhibits(rule, &by.alert, alert))
            })
        };
        hidden || rules.any(inhibited)
    }
}

//! Which channels are notified of which alarm, and when: pure. Time is an
//! argument, and the decisions come back as [`Decisions`].
//!
//! ```text
//!   transition ─▶ suppressed? ──yes──▶ wait: evaluated again every second
//!                     │ no              (shelved, out of service, maintenance,
//!                     ▼                  inhibited, no rule at this hour)
//!               rules ─▶ gather for group_wait ─▶ storm? ──yes──▶ summary
//!                                                    │ no
//!                                                    ▼
//!              notified ─▶ repeat, escalate (until acknowledged) ─▶ cleared
//! ```
//!
//! A channel that was notified of an alarm is notified of its clear, also when the
//! alarm is suppressed by then. A channel that was not notified gets no clear. An
//! alarm that is suppressed is notified when the suppression ends, if the alarm is
//! still open.
//!
//! The state of each alarm ([`Routed`]) must be stored together with the
//! notifications, in one transaction: then a crash neither repeats nor loses a
//! decision. Waits and repeats use a steady clock that no change of the wall clock
//! moves; hours, days and maintenance windows use the wall clock.

mod clears;
mod inhibition;
mod policy;
mod routed;
mod rules;
mod storm;

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{Alert, AlertState};

use crate::notification::{Cause, Notification, NotifiedAlert};
use crate::suppression::{OUT_OF_SERVICE, Suppression};

use clears::PendingClears;
use inhibition::Inhibition;
pub use policy::Policy;
pub use routed::Routed;
use storm::Storm;

/// How often every open alarm is evaluated.
const EVALUATE_EVERY_MS: i64 = 1_000;

/// The time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Never goes back and never jumps while the process runs.
    pub steady_ms: i64,
    /// The wall clock.
    pub wall_ms: i64,
}

/// The decisions since the last [`Router::take_decisions`].
#[derive(Debug, Default)]
pub struct Decisions {
    pub notifications: Vec<Notification>,
    /// Alarms whose [`Routed`] changed; `None`: its entry can be deleted.
    pub changed: Vec<(String, Option<Routed>)>,
    /// [`Router::storms`] after these decisions.
    pub storms: Vec<u8>,
}

impl Decisions {
    pub fn is_empty(&self) -> bool {
        self.notifications.is_empty() && self.changed.is_empty()
    }
}

/// Routes alarms.
#[derive(Debug)]
pub struct Router {
    policy: Policy,
    alarms: BTreeMap<String, Routed>,
    inhibition: Inhibition,
    clears: PendingClears,
    /// By channel.
    storms: BTreeMap<String, Storm>,
    notifications: Vec<Notification>,
    changed: BTreeSet<String>,
    /// Steady clock of the last evaluation.
    evaluated: Option<i64>,
    /// Grows when [`Router::shown_by`] may have changed.
    generation: u64,
}

impl Router {
    pub fn new(policy: Policy) -> Self {
        Self {
            inhibition: Inhibition::new(&policy),
            policy,
            alarms: BTreeMap::new(),
            clears: PendingClears::default(),
            storms: BTreeMap::new(),
            notifications: Vec::new(),
            changed: BTreeSet::new(),
            evaluated: None,
            generation: 1,
        }
    }

    /// Restores the stored state: the [`Router::routed`] of every alarm, and
    /// [`Router::storms`].
    pub fn restore(
        policy: Policy,
        alarms: Vec<Routed>,
        storms: Option<&[u8]>,
    ) -> Result<Self, postcard::Error> {
        let mut router = Self::new(policy);
        if let Some(bytes) = storms {
            (router.storms, router.clears) = postcard::from_bytes(bytes)?;
        }
        for routed in alarms {
            router
                .inhibition
                .update(&router.policy, &routed.alert, true);
            router.alarms.insert(routed.alert.alarm_id.clone(), routed);
        }
        Ok(router)
    }

    /// The next transition of an alarm. `shelved_until`: wall clock, milliseconds;
    /// 0 is not shelved, [`OUT_OF_SERVICE`] without an end.
    pub fn on_alert(&mut self, alert: &Alert, shelved_until: i64, now: Now) {
        let alarm_id = alert.alarm_id.clone();
        self.changed.insert(alarm_id.clone());
        self.generation += 1;
        let before = self.alarms.remove(&alarm_id);
        if let Some(before) = &before {
            self.inhibition.update(&self.policy, &before.alert, false);
        }
        if alert.state == AlertState::Cleared {
            if let Some(before) = before {
                self.clear(before, alert, now);
            }
            return;
        }
        let mut routed = before.unwrap_or_else(|| Routed::new(alert));
        routed.alert = alert.clone();
        routed.shelved_until = shelved_until;
        // An escalation resets the acknowledgement and the escalation chain.
        if alert.state == AlertState::Escalated {
            routed.acknowledged = false;
            routed.rules.iter_mut().for_each(|rule| rule.step = 0);
        }
        self.inhibition.update(&self.policy, alert, true);
        self.alarms.insert(alarm_id.clone(), routed);
        self.evaluate(&alarm_id, now);
    }

    /// An operator acknowledged an alarm (`by`), or removed the acknowledgement.
    pub fn on_acknowledged(&mut self, alarm_id: &str, by: Option<&str>, now: Now) {
        let Some(routed) = self.alarms.get_mut(alarm_id) else {
            return;
        };
        self.changed.insert(alarm_id.to_owned());
        let is_new = by.is_some() && !routed.acknowledged;
        routed.acknowledged = by.is_some();
        if !is_new {
            return;
        }
        let alert = self.policy.notified_alert(&routed.alert);
        for notified in routed.notified.iter().filter(|entry| !entry.summary) {
            let channel = self.policy.channel(&notified.channel);
            if channel.is_some_and(|channel| channel.receives_acknowledgements) {
                let mut notification = Notification::new(
                    &notified.channel,
                    Cause::Acknowledged,
                    vec![alert.clone()],
                    now.steady_ms,
                    now.wall_ms,
                );
                notification.by = by.map(str::to_owned);
                self.notifications.push(notification);
            }
        }
    }

    /// An operator shelved the device, sensor and function of an alarm, took them
    /// out of service ([`OUT_OF_SERVICE`]), or ended that (0).
    pub fn on_shelved(&mut self, of: &Alert, until: i64, now: Now) {
        let same = |alert: &Alert| {
            (
                &alert.device_id,
                &alert.sensor,
                &alert.unit,
                &alert.function,
            ) == (&of.device_id, &of.sensor, &of.unit, &of.function)
        };
        let mut ids = Vec::new();
        for routed in self.alarms.values_mut() {
            if same(&routed.alert) {
                routed.shelved_until = until;
                ids.push(routed.alert.alarm_id.clone());
            }
        }
        for alarm_id in ids {
            self.changed.insert(alarm_id.clone());
            self.evaluate(&alarm_id, now);
        }
    }

    /// Decides what is due. Does nothing until a second after the last evaluation.
    pub fn advance(&mut self, now: Now) {
        let elapsed = |last| now.steady_ms.saturating_sub(last) >= EVALUATE_EVERY_MS;
        if !self.evaluated.is_none_or(elapsed) {
            return;
        }
        self.evaluated = Some(now.steady_ms);
        let ids: Vec<String> = self.alarms.keys().cloned().collect();
        for alarm_id in &ids {
            self.evaluate(alarm_id, now);
        }
        self.notify_groups(now);
        self.notify_clears(now);
        for channel in &self.policy.channels {
            if let Some(storm) = self.storms.get_mut(&channel.name) {
                let summary = storm.summary(&channel.name, channel.storm_above, now.steady_ms);
                self.notifications.extend(summary);
            }
        }
    }

    /// Takes out the decisions, with everything that must be stored with them.
    pub fn take_decisions(&mut self) -> Decisions {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let state = |alarm_id: &String| self.alarms.get(alarm_id).cloned();
        Decisions {
            notifications: std::mem::take(&mut self.notifications),
            changed: changed.map(|id| (id.clone(), state(&id))).collect(),
            storms: self.storms(),
        }
    }

    /// The state of an alarm; `None` if it needs no entry.
    pub fn routed(&self, alarm_id: &str) -> Option<&Routed> {
        self.alarms.get(alarm_id)
    }

    /// The state besides [`Routed`]: storms, and clears that wait.
    pub fn storms(&self) -> Vec<u8> {
        let storms = self.storms.iter();
        let storms: BTreeMap<_, _> = storms.filter(|(_, storm)| !storm.is_quiet()).collect();
        postcard::to_stdvec(&(storms, &self.clears)).expect("plain values serialise into memory")
    }

    /// Why an open alarm is not notified.
    pub fn suppression(&self, alarm_id: &str) -> Option<Suppression> {
        self.alarms.get(alarm_id)?.suppression
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Grows when [`Router::shown_by`] may have changed.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The open alarms that a mirroring channel shows: notified to it and not
    /// suppressed.
    pub fn shown_by(&self, channel: &str) -> Vec<NotifiedAlert> {
        let alarms = self.alarms.values();
        let shown =
            alarms.filter(|alarm| alarm.suppression.is_none() && alarm.is_notified(channel));
        shown
            .map(|alarm| self.policy.notified_alert(&alarm.alert))
            .collect()
    }

    /// Updates the suppression of an alarm, and applies the rules if there is none.
    fn evaluate(&mut self, alarm_id: &str, now: Now) {
        let Some(routed) = self.alarms.get(alarm_id) else {
            return;
        };
        let suppression = self.suppression_of(routed, now);
        let rules = match suppression {
            Some(_) => Vec::new(),
            None => self.policy.rules_for(&routed.alert, now.wall_ms),
        };
        if suppression != routed.suppression {
            self.generation += 1;
            self.changed.insert(alarm_id.to_owned());
            if let Some(routed) = self.alarms.get_mut(alarm_id) {
                routed.suppression = suppression;
            }
        }
        for rule in rules {
            self.apply_rule(alarm_id, rule, now);
        }
    }

    fn suppression_of(&self, routed: &Routed, now: Now) -> Option<Suppression> {
        let alert = &routed.alert;
        let meaning = self.policy.meaning(alert);
        if routed.shelved_until == OUT_OF_SERVICE
            || meaning.is_some_and(|meaning| meaning.out_of_service)
        {
            return Some(Suppression::OutOfService);
        }
        if routed.shelved_until > now.wall_ms {
            return Some(Suppression::Shelved);
        }
        if self.policy.in_maintenance(alert, now.wall_ms) {
            return Some(Suppression::Maintenance);
        }
        let inhibited = self.inhibition.inhibits(&self.policy, &self.alarms, alert);
        inhibited.then_some(Suppression::Inhibited)
    }
}

#[cfg(test)]
mod tests;

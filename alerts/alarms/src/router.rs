//! Who is told of which alarm, over which channel, and when: pure. Time is
//! passed in, and what it decides comes back as [`Decisions`].
//!
//! ```text
//!   transition ─▶ held back? ──yes──▶ wait: asked again every second
//!                     │ no              (shelved, out of service, maintenance,
//!                     ▼                  inhibited, no rule at this hour)
//!               rules ─▶ gather for group_wait ─▶ storm? ──yes──▶ summary
//!                                                    │ no
//!                                                    ▼
//!                  told ─▶ repeat, escalate (until acknowledged) ─▶ cleared
//! ```
//!
//! Whoever was told of an alarm is told that it is over, also when it is held
//! back by then; whoever was not hears nothing of the clear. An alarm that is
//! held back and still open when nothing holds it back any more is told then.
//!
//! The state of each alarm ([`Routed`]) is meant to be stored together with the
//! notifications, in one transaction: then a crash repeats no decision and
//! forgets none. The time since a notification is by a steady clock, which no
//! jump of the wall clock moves; hours, days and maintenance are by the latter.

mod policy;
mod storm;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weir_model::{Alert, AlertState, Severity};

use crate::alarm_tables::Entry;
use crate::notification::{Cause, MAX_ALERTS, Notification, Told};
use crate::stored_alert;

pub use policy::Policy;
use policy::{group, inhibits, selects};
use storm::Storm;

/// How often every open alarm is looked at again.
const LOOK_MS: i64 = 1_000;

/// The time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Never goes back and never jumps while the process runs.
    pub steady_ms: i64,
    /// What the clock on the wall says.
    pub wall_ms: i64,
}

/// Why nobody is told of an open alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBack {
    Shelved,
    OutOfService,
    Maintenance,
    /// By an `[[inhibit]]`, or a critical alarm of the same sensor.
    Inhibited,
}

/// What routing knows of one alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Routed {
    #[serde(with = "stored_alert")]
    alert: Alert,
    acknowledged: bool,
    /// Wall clock, milliseconds; `i64::MAX` is out of service.
    shelved_until: i64,
    held_back: Option<HeldBack>,
    rules: Vec<RuleState>,
    told: Vec<ToldChannel>,
}

/// How far one rule is with an alarm; times are steady.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RuleState {
    rule: u64,
    /// The last alert that it told.
    alert_id: String,
    told_at: i64,
    repeated_at: i64,
    /// Since when the present alert gathers with others.
    waiting_since: Option<i64>,
    /// Channels of `escalate_to` that were told.
    step: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ToldChannel {
    channel: String,
    alert_id: String,
    /// Only in the summary of a storm.
    summary: bool,
    group_wait_ms: i64,
    group: Vec<String>,
}

/// What was decided since the last time it was taken.
#[derive(Debug, Default)]
pub struct Decisions {
    pub notifications: Vec<Notification>,
    /// Alarms whose [`Routed`] changed; `None`: nothing more has to be known of it.
    pub changed: Vec<(String, Option<Routed>)>,
    /// [`Router::storms`] behind all this.
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
    /// By `[[inhibit]]`: open alarms that hold others back.
    inhibitors: Vec<BTreeSet<String>>,
    /// Open critical alarms by device and sensor.
    critical: BTreeMap<(String, String), usize>,
    /// Clears that gather, with when they are due.
    clears: Vec<(i64, String, Vec<String>, Alert)>,
    storms: BTreeMap<String, Storm>,
    notifications: Vec<Notification>,
    changed: BTreeSet<String>,
    looked: Option<i64>,
    /// Grows whenever what a mirroring channel shows may have changed.
    generation: u64,
}

impl Router {
    pub fn new(policy: Policy) -> Self {
        let inhibitors = vec![BTreeSet::new(); policy.inhibit.len()];
        Self {
            policy,
            alarms: BTreeMap::new(),
            inhibitors,
            critical: BTreeMap::new(),
            clears: Vec::new(),
            storms: BTreeMap::new(),
            notifications: Vec::new(),
            changed: BTreeSet::new(),
            looked: None,
            generation: 1,
        }
    }

    /// Goes on from what was stored: [`Router::routed`] of every alarm, and
    /// [`Router::storms`].
    pub fn restore(
        policy: Policy,
        alarms: Vec<Routed>,
        storms: Option<&[u8]>,
    ) -> Result<Self, postcard::Error> {
        let mut router = Self::new(policy);
        if let Some(bytes) = storms {
            (router.storms, router.clears) = decode_storms(bytes)?;
        }
        for routed in alarms {
            router.index(&routed.alert, true);
            router.alarms.insert(routed.alert.alarm_id.clone(), routed);
        }
        Ok(router)
    }

    /// The next transition of an alarm. `shelved_until` as in [`Routed`].
    pub fn on_alert(&mut self, alert: &Alert, shelved_until: i64, now: Now) {
        let alarm_id = alert.alarm_id.clone();
        self.changed.insert(alarm_id.clone());
        self.generation += 1;
        let before = self.alarms.remove(&alarm_id);
        if let Some(before) = &before {
            self.index(&before.alert, false);
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
        // An escalation asks anew, and its chain begins anew.
        if alert.state == AlertState::Escalated {
            routed.acknowledged = false;
            routed.rules.iter_mut().for_each(|rule| rule.step = 0);
        }
        self.index(alert, true);
        self.alarms.insert(alarm_id.clone(), routed);
        self.look_at(&alarm_id, now);
    }

    /// Somebody acknowledged an alarm (`by` says who), or took it back.
    pub fn on_acknowledged(&mut self, alarm_id: &str, by: Option<&str>, now: Now) {
        let Some(routed) = self.alarms.get_mut(alarm_id) else {
            return;
        };
        self.changed.insert(alarm_id.to_owned());
        let news = by.is_some() && !routed.acknowledged;
        routed.acknowledged = by.is_some();
        if !news {
            return;
        }
        let told = self.policy.told(&routed.alert);
        for channel in routed.told.iter().filter(|told| !told.summary) {
            let hears = self.policy.channel(&channel.channel);
            if hears.is_some_and(|channel| channel.hears_acknowledgements) {
                let mut notification = Notification::new(
                    &channel.channel,
                    Cause::Acknowledged,
                    vec![told.clone()],
                    now.steady_ms,
                    now.wall_ms,
                );
                notification.by = by.map(str::to_owned);
                self.notifications.push(notification);
            }
        }
    }

    /// Somebody shelved the alarm's device, sensor and function, or took them
    /// out of service (`i64::MAX`), or ended that (0).
    pub fn on_shelved(&mut self, of: &Alert, until: i64, now: Now) {
        let same = |alert: &Alert| {
            (
                &alert.device_id,
                &alert.sensor,
                &alert.unit,
                &alert.function,
            ) == (&of.device_id, &of.sensor, &of.unit, &of.function)
        };
        let ids: Vec<String> = self
            .alarms
            .values_mut()
            .filter(|routed| same(&routed.alert))
            .map(|routed| {
                routed.shelved_until = until;
                routed.alert.alarm_id.clone()
            })
            .collect();
        for alarm_id in ids {
            self.changed.insert(alarm_id.clone());
            self.look_at(&alarm_id, now);
        }
    }

    /// What is due by now. Cheap unless a second has passed since the last look.
    pub fn advance(&mut self, now: Now) {
        let elapsed = |last| now.steady_ms.saturating_sub(last) >= LOOK_MS;
        if !self.looked.is_none_or(elapsed) {
            return;
        }
        self.looked = Some(now.steady_ms);
        let ids: Vec<String> = self.alarms.keys().cloned().collect();
        for alarm_id in &ids {
            self.look_at(alarm_id, now);
        }
        self.tell_groups(now);
        self.tell_clears(now);
        for channel in &self.policy.channels {
            if let Some(storm) = self.storms.get_mut(&channel.name) {
                let summary = storm.summary(&channel.name, channel.storm_above, now.steady_ms);
                self.notifications.extend(summary);
            }
        }
    }

    /// What was decided, with all that has to be stored with it.
    pub fn take_decisions(&mut self) -> Decisions {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let state = |alarm_id: &String| self.alarms.get(alarm_id).cloned();
        Decisions {
            notifications: std::mem::take(&mut self.notifications),
            changed: changed.map(|id| (id.clone(), state(&id))).collect(),
            storms: self.storms(),
        }
    }

    /// `None` once nothing more has to be known of it.
    pub fn routed(&self, alarm_id: &str) -> Option<&Routed> {
        self.alarms.get(alarm_id)
    }

    /// What has to be stored besides [`Routed`]: storms, and clears that gather.
    pub fn storms(&self) -> Vec<u8> {
        let storms: BTreeMap<_, _> = self
            .storms
            .iter()
            .filter(|(_, storm)| !storm.is_quiet())
            .collect();
        let clears: Vec<_> = self
            .clears
            .iter()
            .map(|(due, channel, group, alert)| (due, channel, group, Entry(alert.clone())))
            .collect();
        postcard::to_stdvec(&(storms, clears)).expect("plain values serialise into memory")
    }

    /// Why nobody is told of an open alarm.
    pub fn held_back(&self, alarm_id: &str) -> Option<HeldBack> {
        self.alarms.get(alarm_id)?.held_back
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Changes whenever [`Router::shown_by`] may.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The open alarms that a channel is to show: told to it, not held back.
    pub fn shown_by(&self, channel: &str) -> Vec<Told> {
        let shown = self.alarms.values().filter(|routed| {
            routed.held_back.is_none() && routed.told.iter().any(|told| told.channel == channel)
        });
        shown
            .map(|routed| self.policy.told(&routed.alert))
            .collect()
    }

    fn look_at(&mut self, alarm_id: &str, now: Now) {
        let Some(routed) = self.alarms.get(alarm_id) else {
            return;
        };
        let held_back = self.holds_back(routed, now);
        if held_back != routed.held_back {
            self.generation += 1;
            self.changed.insert(alarm_id.to_owned());
            let routed = self.alarms.get_mut(alarm_id).expect("it was just there");
            routed.held_back = held_back;
        }
        if held_back.is_some() {
            return;
        }
        let alert = &self.alarms[alarm_id].alert;
        for rule in self.policy.rules_for(alert, now.wall_ms) {
            self.follow(alarm_id, rule, now);
        }
    }

    fn holds_back(&self, routed: &Routed, now: Now) -> Option<HeldBack> {
        let alert = &routed.alert;
        let meaning = self.policy.meaning(alert);
        if routed.shelved_until == i64::MAX || meaning.is_some_and(|meaning| meaning.out_of_service)
        {
            return Some(HeldBack::OutOfService);
        }
        if routed.shelved_until > now.wall_ms {
            return Some(HeldBack::Shelved);
        }
        if self.policy.in_maintenance(alert, now.wall_ms) {
            return Some(HeldBack::Maintenance);
        }
        let key = || (alert.device_id.clone(), alert.sensor.clone());
        let hidden = self.policy.alarms.critical_hides_warning
            && alert.severity == Severity::Warning
            && self.critical.contains_key(&key());
        let mut rules = self.policy.inhibit.iter().zip(&self.inhibitors);
        let inhibited = |(rule, by): (_, &BTreeSet<String>)| {
            by.iter()
                .any(|id| inhibits(rule, &self.alarms[id].alert, alert))
        };
        (hidden || rules.any(inhibited)).then_some(HeldBack::Inhibited)
    }

    /// One rule's next step with an alarm that nothing holds back.
    fn follow(&mut self, alarm_id: &str, rule_ix: usize, now: Now) {
        let rule = &self.policy.rules[rule_ix];
        let (fingerprint, wait) = (rule.fingerprint, millis(rule.notify.group_wait));
        let (repeat, after) = (
            millis(rule.notify.repeat),
            millis(rule.notify.escalate_after),
        );
        let routed = self.alarms.get_mut(alarm_id).expect("the caller looked");
        let (alert_id, acknowledged) = (routed.alert.id.clone(), routed.acknowledged);
        let state = routed.rule(fingerprint);
        if state.alert_id != alert_id {
            if wait == 0 {
                self.tell(&[alarm_id.to_owned()], rule_ix, now);
            } else if state.waiting_since.is_none() {
                state.waiting_since = Some(now.steady_ms);
                self.changed.insert(alarm_id.to_owned());
            }
            return;
        }
        if acknowledged {
            return;
        }
        let since = |at: i64| now.steady_ms.saturating_sub(at);
        if repeat > 0 && since(state.repeated_at) >= repeat {
            state.repeated_at = now.steady_ms;
            let channels = rule.notify.channels.clone();
            self.again(alarm_id, Cause::Repeat, &channels, now);
        }
        let routed = self.alarms.get_mut(alarm_id).expect("the caller looked");
        let state = routed.rule(fingerprint);
        let due = after.saturating_mul(state.step as i64 + 1);
        let next = self.policy.rules[rule_ix]
            .notify
            .escalate_to
            .get(state.step);
        if let Some(channel) = next.cloned()
            && after > 0
            && since(state.told_at) >= due
        {
            state.step += 1;
            self.again(alarm_id, Cause::Escalation, &[channel], now);
        }
    }

    /// Tells alarms together, over every channel of a rule.
    fn tell(&mut self, alarm_ids: &[String], rule_ix: usize, now: Now) {
        let rule = &self.policy.rules[rule_ix];
        let (fingerprint, notify) = (rule.fingerprint, rule.notify.clone());
        for channel in &notify.channels {
            let Some(policy) = self.policy.channel(channel) else {
                continue;
            };
            let (mirrors, above) = (policy.mirrors, policy.storm_above);
            let mut alerts = Vec::new();
            for alarm_id in alarm_ids {
                let routed = self.alarms.get_mut(alarm_id).expect("the caller looked");
                let told = self.policy.told(&routed.alert);
                let before = routed.told.iter().position(|told| told.channel == *channel);
                if before.is_some_and(|ix| routed.told[ix].alert_id == told.alert.id) {
                    continue;
                }
                let storm = self.storms.entry(channel.clone()).or_default();
                let summary = !mirrors && storm.takes(&told, above, now.steady_ms);
                let entry = ToldChannel {
                    channel: channel.clone(),
                    alert_id: told.alert.id.clone(),
                    // Once told of by name, its clear is too.
                    summary: summary && before.is_none_or(|ix| routed.told[ix].summary),
                    group_wait_ms: millis(notify.group_wait),
                    group: group(&notify.group_by, &told.alert),
                };
                match before {
                    Some(ix) => routed.told[ix] = entry,
                    None => routed.told.push(entry),
                }
                if !mirrors && !summary {
                    alerts.push(told);
                }
            }
            self.push(channel, Cause::Alerts, alerts, 0, now);
        }
        for alarm_id in alarm_ids {
            let routed = self.alarms.get_mut(alarm_id).expect("the caller looked");
            let alert_id = routed.alert.id.clone();
            let state = routed.rule(fingerprint);
            let first = state.alert_id.is_empty();
            state.alert_id = alert_id;
            state.waiting_since = None;
            state.repeated_at = now.steady_ms;
            if first || state.step == 0 {
                state.told_at = now.steady_ms;
            }
            self.changed.insert(alarm_id.clone());
        }
        self.generation += 1;
    }

    /// Tells of an open alarm once more, or tells somebody else.
    fn again(&mut self, alarm_id: &str, cause: Cause, channels: &[String], now: Now) {
        self.changed.insert(alarm_id.to_owned());
        self.generation += 1;
        for channel in channels {
            let Some(policy) = self.policy.channel(channel) else {
                continue;
            };
            let mirrors = policy.mirrors;
            let routed = self.alarms.get_mut(alarm_id).expect("the caller looked");
            let told = self.policy.told(&routed.alert);
            match routed.told.iter_mut().find(|told| told.channel == *channel) {
                // The next summary would not say that this one still waits.
                Some(before) => before.summary = false,
                None => routed.told.push(ToldChannel {
                    channel: channel.clone(),
                    alert_id: told.alert.id.clone(),
                    summary: false,
                    group_wait_ms: 0,
                    group: Vec::new(),
                }),
            }
            if !mirrors {
                self.push(channel, cause, vec![told], now.steady_ms, now);
            }
        }
    }

    /// Gathers that are over.
    fn tell_groups(&mut self, now: Now) {
        let mut groups: BTreeMap<(usize, Vec<String>), (i64, Vec<String>)> = BTreeMap::new();
        for (alarm_id, routed) in self.alarms.iter().filter(|(_, r)| r.held_back.is_none()) {
            for (rule_ix, rule) in self.policy.rules.iter().enumerate() {
                let state = routed.rules.iter().find(|s| s.rule == rule.fingerprint);
                if let Some(since) = state.and_then(|state| state.waiting_since) {
                    let key = (rule_ix, group(&rule.notify.group_by, &routed.alert));
                    let (oldest, ids) = groups.entry(key).or_insert((since, Vec::new()));
                    *oldest = since.min(*oldest);
                    ids.push(alarm_id.clone());
                }
            }
        }
        for ((rule_ix, _), (oldest, ids)) in groups {
            let wait = millis(self.policy.rules[rule_ix].notify.group_wait);
            if now.steady_ms.saturating_sub(oldest) >= wait {
                self.tell(&ids, rule_ix, now);
            }
        }
    }

    fn clear(&mut self, routed: Routed, alert: &Alert, now: Now) {
        for told in routed.told.into_iter().filter(|told| !told.summary) {
            let Some(policy) = self.policy.channel(&told.channel) else {
                continue;
            };
            if policy.mirrors {
                continue;
            }
            if told.group_wait_ms > 0 {
                let due = now.steady_ms.saturating_add(told.group_wait_ms);
                self.clears
                    .push((due, told.channel, told.group, alert.clone()));
            } else {
                let cleared = vec![self.policy.told(alert)];
                self.push(&told.channel, Cause::Alerts, cleared, 0, now);
            }
        }
    }

    /// Clears that gathered: all of a group once its first is due.
    fn tell_clears(&mut self, now: Now) {
        let due = |(due, ..): &&(i64, String, Vec<String>, Alert)| *due <= now.steady_ms;
        let groups: BTreeSet<(String, Vec<String>)> = self
            .clears
            .iter()
            .filter(due)
            .map(|(_, channel, group, _)| (channel.clone(), group.clone()))
            .collect();
        for (channel, group) in groups {
            let (now_told, later) = std::mem::take(&mut self.clears)
                .into_iter()
                .partition::<Vec<_>, _>(|(_, c, g, _)| *c == channel && *g == group);
            self.clears = later;
            let alerts = now_told.iter().map(|(.., alert)| self.policy.told(alert));
            let alerts = alerts.collect();
            self.push(&channel, Cause::Alerts, alerts, 0, now);
        }
    }

    fn push(&mut self, channel: &str, cause: Cause, alerts: Vec<Told>, salt: i64, now: Now) {
        for part in alerts.chunks(MAX_ALERTS) {
            let notification = Notification::new(channel, cause, part.to_vec(), salt, now.wall_ms);
            self.notifications.push(notification);
        }
    }

    /// Notes what an open alarm does to others, or no longer does.
    fn index(&mut self, alert: &Alert, open: bool) {
        for (rule, by) in self.policy.inhibit.iter().zip(&mut self.inhibitors) {
            match open && selects(&rule.by, alert) {
                true => by.insert(alert.alarm_id.clone()),
                false => by.remove(&alert.alarm_id),
            };
        }
        if alert.severity == Severity::Critical {
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
    }
}

impl Policy {
    pub(crate) fn told(&self, alert: &Alert) -> Told {
        let meaning = self.meaning(alert);
        Told {
            alert: alert.clone(),
            priority: self.priority(alert).as_str().to_owned(),
            action: meaning.and_then(|meaning| meaning.action.clone()),
        }
    }
}

impl Routed {
    fn new(alert: &Alert) -> Self {
        Self {
            alert: alert.clone(),
            acknowledged: false,
            shelved_until: 0,
            held_back: None,
            rules: Vec::new(),
            told: Vec::new(),
        }
    }

    fn rule(&mut self, fingerprint: u64) -> &mut RuleState {
        let known = self
            .rules
            .iter()
            .position(|state| state.rule == fingerprint);
        let ix = known.unwrap_or_else(|| {
            self.rules.push(RuleState {
                rule: fingerprint,
                alert_id: String::new(),
                told_at: 0,
                repeated_at: 0,
                waiting_since: None,
                step: 0,
            });
            self.rules.len() - 1
        });
        &mut self.rules[ix]
    }
}

type StoredStorms = (
    BTreeMap<String, Storm>,
    Vec<(i64, String, Vec<String>, Entry)>,
);
type Storms = (
    BTreeMap<String, Storm>,
    Vec<(i64, String, Vec<String>, Alert)>,
);

fn decode_storms(bytes: &[u8]) -> Result<Storms, postcard::Error> {
    let (storms, clears): StoredStorms = postcard::from_bytes(bytes)?;
    let clears = clears
        .into_iter()
        .map(|(due, channel, group, Entry(alert))| (due, channel, group, alert));
    Ok((storms, clears.collect()))
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

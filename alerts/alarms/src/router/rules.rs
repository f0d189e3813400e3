//! What a rule decides for an alarm that is not suppressed: notify, repeat,
//! escalate; and the clears for the channels that were notified.

use std::collections::BTreeMap;

use weir_model::Alert;

use super::clears::PendingClear;
use super::policy::group;
use super::routed::{NotifiedChannel, Routed};
use super::{Now, Router};
use crate::notification::{Cause, MAX_ALERTS, Notification, NotifiedAlert};

impl Router {
    /// The next step of one rule with an alarm that is not suppressed.
    pub(super) fn apply_rule(&mut self, alarm_id: &str, rule_ix: usize, now: Now) {
        let rule = &self.policy.rules[rule_ix];
        let (fingerprint, notify) = (rule.fingerprint, &rule.notify);
        let Some(routed) = self.alarms.get_mut(alarm_id) else {
            return;
        };
        let (alert_id, acknowledged) = (routed.alert.id.clone(), routed.acknowledged);
        let state = routed.rule(fingerprint);
        if state.alert_id != alert_id {
            if millis(notify.group_wait) == 0 {
                self.notify(&[alarm_id.to_owned()], rule_ix, now);
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
        let (repeat, after) = (millis(notify.repeat), millis(notify.escalate_after));
        let mut due = Vec::new();
        if repeat > 0 && since(state.repeated_at) >= repeat {
            state.repeated_at = now.steady_ms;
            due.push((Cause::Repeat, notify.channels.clone()));
        }
        let escalation = after.saturating_mul(state.step as i64 + 1);
        if let Some(channel) = notify.escalate_to.get(state.step)
            && after > 0
            && since(state.notified_at) >= escalation
        {
            state.step += 1;
            due.push((Cause::Escalation, vec![channel.clone()]));
        }
        for (cause, channels) in due {
            self.notify_again(alarm_id, cause, &channels, now);
        }
    }

    /// Notifies every channel of a rule of these alarms together.
    fn notify(&mut self, alarm_ids: &[String], rule_ix: usize, now: Now) {
        let rule = &self.policy.rules[rule_ix];
        let (fingerprint, channels) = (rule.fingerprint, rule.notify.channels.clone());
        for channel in &channels {
            let alerts = self.alerts_for(channel, alarm_ids, rule_ix, now);
            self.push(channel, Cause::Alerts, alerts, 0, now);
        }
        for alarm_id in alarm_ids {
            let Some(routed) = self.alarms.get_mut(alarm_id) else {
                continue;
            };
            let alert_id = routed.alert.id.clone();
            let state = routed.rule(fingerprint);
            let is_first = state.alert_id.is_empty();
            state.alert_id = alert_id;
            state.waiting_since = None;
            state.repeated_at = now.steady_ms;
            if is_first || state.step == 0 {
                state.notified_at = now.steady_ms;
            }
            self.changed.insert(alarm_id.clone());
        }
        self.generation += 1;
    }

    /// Records that a channel is notified of these alarms; returns the alerts that
    /// go into its notification. Not those that the channel has been notified of,
    /// that the summary of a storm counts, or that the channel mirrors.
    fn alerts_for(
        &mut self,
        channel: &str,
        alarm_ids: &[String],
        rule_ix: usize,
        now: Now,
    ) -> Vec<NotifiedAlert> {
        let notify = &self.policy.rules[rule_ix].notify;
        let Some(policy) = self.policy.channel(channel) else {
            return Vec::new();
        };
        let mut alerts = Vec::new();
        for alarm_id in alarm_ids {
            let Some(routed) = self.alarms.get_mut(alarm_id) else {
                continue;
            };
            let alert = self.policy.notified_alert(&routed.alert);
            let mut known = routed.notified.iter_mut();
            let before = known.find(|entry| entry.channel == *channel);
            if before
                .as_ref()
                .is_some_and(|entry| entry.alert_id == alert.alert.id)
            {
                continue;
            }
            let storm = self.storms.entry(channel.to_owned()).or_default();
            let summary =
                !policy.mirrors && storm.absorbs(&alert, policy.storm_above, now.steady_ms);
            let entry = NotifiedChannel {
                channel: channel.to_owned(),
                alert_id: alert.alert.id.clone(),
                // An alarm that was notified by name has its clear notified.
                summary: summary && before.as_ref().is_none_or(|entry| entry.summary),
                group_wait_ms: millis(notify.group_wait),
                group: group(&notify.group_by, &alert.alert),
            };
            match before {
                Some(before) => *before = entry,
                None => routed.notified.push(entry),
            }
            if !policy.mirrors && !summary {
                alerts.push(alert);
            }
        }
        alerts
    }

    /// Notifies channels of an open alarm again, or further channels.
    fn notify_again(&mut self, alarm_id: &str, cause: Cause, channels: &[String], now: Now) {
        self.changed.insert(alarm_id.to_owned());
        self.generation += 1;
        for channel in channels {
            let (Some(policy), Some(routed)) =
                (self.policy.channel(channel), self.alarms.get_mut(alarm_id))
            else {
                continue;
            };
            let mirrors = policy.mirrors;
            let alert = self.policy.notified_alert(&routed.alert);
            let mut known = routed.notified.iter_mut();
            match known.find(|entry| entry.channel == *channel) {
                // No summary reports the clear of this alarm.
                Some(before) => before.summary = false,
                None => routed.notified.push(NotifiedChannel {
                    channel: channel.clone(),
                    alert_id: alert.alert.id.clone(),
                    summary: false,
                    group_wait_ms: 0,
                    group: Vec::new(),
                }),
            }
            if !mirrors {
                self.push(channel, cause, vec![alert], now.steady_ms, now);
            }
        }
    }

    /// Notifies the groups whose wait is over.
    pub(super) fn notify_groups(&mut self, now: Now) {
        let mut groups: BTreeMap<(usize, Vec<String>), (i64, Vec<String>)> = BTreeMap::new();
        for (alarm_id, routed) in self.alarms.iter().filter(|(_, r)| r.suppression.is_none()) {
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
                self.notify(&ids, rule_ix, now);
            }
        }
    }

    /// Notifies the channels that were notified of the alarm of its clear.
    pub(super) fn clear(&mut self, routed: Routed, alert: &Alert, now: Now) {
        for notified in routed.notified.into_iter().filter(|entry| !entry.summary) {
            let Some(policy) = self.policy.channel(&notified.channel) else {
                continue;
            };
            if policy.mirrors {
                continue;
            }
            if notified.group_wait_ms > 0 {
                self.clears.push(PendingClear {
                    due: now.steady_ms.saturating_add(notified.group_wait_ms),
                    channel: notified.channel,
                    group: notified.group,
                    alert: alert.clone(),
                });
            } else {
                let cleared = vec![self.policy.notified_alert(alert)];
                self.push(&notified.channel, Cause::Alerts, cleared, 0, now);
            }
        }
    }

    /// Notifies the groups of clears of which one is due.
    pub(super) fn notify_clears(&mut self, now: Now) {
        for (channel, alerts) in self.clears.take_due(now.steady_ms) {
            let alerts = alerts.iter().map(|alert| self.policy.notified_alert(alert));
            let alerts = alerts.collect();
            self.push(&channel, Cause::Alerts, alerts, 0, now);
        }
    }

    fn push(
        &mut self,
        channel: &str,
        cause: Cause,
        alerts: Vec<NotifiedAlert>,
        salt: i64,
        now: Now,
    ) {
        for part in alerts.chunks(MAX_ALERTS) {
            let notification = Notification::new(channel, cause, part.to_vec(), salt, now.wall_ms);
            self.notifications.push(notification);
        }
    }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

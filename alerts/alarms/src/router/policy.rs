//! What the configuration defines for one alarm at one time: its priority, the
//! rules that notify it, and whether it is in maintenance. No state.

use sha2::{Digest, Sha256};
use weir_config::{
    AlarmMeaning, AlarmSelector, Alarms, ChannelKind, Config, GroupKey, Inhibit, Maintenance,
    Notify, Priority,
};
use weir_model::{Alert, Severity};

use crate::notification::NotifiedAlert;

/// The parts of the configuration that routing needs.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) alarms: Alarms,
    meanings: Vec<AlarmMeaning>,
    pub(super) channels: Vec<ChannelPolicy>,
    pub(super) rules: Vec<Rule>,
    maintenance: Vec<Maintenance>,
    pub(super) inhibit: Vec<Inhibit>,
}

#[derive(Clone, Debug)]
pub(super) struct ChannelPolicy {
    pub(super) name: String,
    pub(super) storm_above: usize,
    /// It shows the set of open alarms and gets no notification per transition.
    pub(super) mirrors: bool,
    /// It is notified when somebody acknowledges an alarm.
    pub(super) receives_acknowledgements: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Identifies the rule across restarts with another configuration.
    pub(super) fingerprint: u64,
    pub(super) notify: Notify,
}

impl Policy {
    pub fn new(config: &Config) -> Self {
        let channels = config.channels.iter().map(|channel| ChannelPolicy {
            name: channel.name.clone(),
            storm_above: channel.storm_above as usize,
            mirrors: matches!(channel.kind, ChannelKind::Alertmanager { .. }),
            receives_acknowledgements: !matches!(
                channel.kind,
                ChannelKind::Email(_) | ChannelKind::Alertmanager { .. }
            ),
        });
        let everything = Notify {
            select: AlarmSelector::default(),
            priority: None,
            hours: None,
            days: 0b111_1111,
            channels: config.channels.iter().map(|c| c.name.clone()).collect(),
            group_by: Vec::new(),
            group_wait: std::time::Duration::ZERO,
            repeat: std::time::Duration::ZERO,
            escalate_after: std::time::Duration::ZERO,
            escalate_to: Vec::new(),
            and_next: false,
        };
        let rules = match config.notify.as_slice() {
            [] => vec![everything],
            rules => rules.to_vec(),
        };
        let rule = |notify: Notify| Rule {
            fingerprint: fingerprint(&notify),
            notify,
        };
        Self {
            alarms: config.alarms.clone(),
            meanings: config.alarm_meanings.clone(),
            channels: channels.collect(),
            rules: rules.into_iter().map(rule).collect(),
            maintenance: config.maintenance.clone(),
            inhibit: config.inhibit.clone(),
        }
    }

    /// The first `[[alarm]]` section that selects the alarm.
    pub fn meaning(&self, alert: &Alert) -> Option<&AlarmMeaning> {
        self.meanings
            .iter()
            .find(|meaning| selects(&meaning.select, alert))
    }

    /// The configured priority; default by severity.
    pub fn priority(&self, alert: &Alert) -> Priority {
        let configured = self.meaning(alert).and_then(|meaning| meaning.priority);
        configured.unwrap_or(match alert.severity {
            Severity::Warning => Priority::Medium,
            Severity::Critical => Priority::High,
        })
    }

    /// The alert with its priority and the action to take.
    pub(super) fn notified_alert(&self, alert: &Alert) -> NotifiedAlert {
        let meaning = self.meaning(alert);
        NotifiedAlert {
            alert: alert.clone(),
            priority: self.priority(alert).as_str().to_owned(),
            action: meaning.and_then(|meaning| meaning.action.clone()),
        }
    }

    /// The rules that notify an alarm now, by index.
    pub(super) fn rules_for(&self, alert: &Alert, wall_ms: i64) -> Vec<usize> {
        let local = wall_ms.saturating_add(i64::from(self.alarms.utc_offset_minutes) * 60_000);
        let mut found = Vec::new();
        for (ix, Rule { notify, .. }) in self.rules.iter().enumerate() {
            let urgent = |least| self.priority(alert) >= least;
            if selects(&notify.select, alert)
                && notify.priority.is_none_or(urgent)
                && is_on(notify, local)
            {
                found.push(ix);
                if !notify.and_next {
                    break;
                }
            }
        }
        found
    }

    pub(super) fn in_maintenance(&self, alert: &Alert, wall_ms: i64) -> bool {
        self.maintenance.iter().any(|window| {
            (window.from_ms..window.to_ms).contains(&wall_ms) && selects(&window.select, alert)
        })
    }

    pub(super) fn channel(&self, name: &str) -> Option<&ChannelPolicy> {
        self.channels.iter().find(|channel| channel.name == name)
    }
}

pub(super) fn selects(select: &AlarmSelector, alert: &Alert) -> bool {
    let location = alert.location.as_deref();
    select.selects(
        &alert.function,
        &alert.device_id,
        &alert.sensor,
        location,
        alert.severity,
    )
}

/// Whether the alarm `by` suppresses `alert` under this rule. Alarms that both
/// sides of the rule select do not suppress each other: neither would be notified.
pub(super) fn inhibits(rule: &Inhibit, by: &Alert, alert: &Alert) -> bool {
    by.alarm_id != alert.alarm_id
        && selects(&rule.hides, alert)
        && !selects(&rule.by, alert)
        && rule
            .same
            .iter()
            .all(|key| part(*key, by) == part(*key, alert))
}

/// The values that alarms of one notification have in common.
pub(super) fn group(keys: &[GroupKey], alert: &Alert) -> Vec<String> {
    keys.iter()
        .map(|key| part(*key, alert).to_owned())
        .collect()
}

fn part(key: GroupKey, alert: &Alert) -> &str {
    match key {
        GroupKey::Device => &alert.device_id,
        GroupKey::Sensor => &alert.sensor,
        GroupKey::Location => alert.location.as_deref().unwrap_or_default(),
        GroupKey::Function => &alert.function,
    }
}

/// By local time. Hours across midnight belong to the day on which they begin.
fn is_on(notify: &Notify, local_ms: i64) -> bool {
    let (minutes, day) = (local_ms.div_euclid(60_000), local_ms.div_euclid(86_400_000));
    let minute = minutes.rem_euclid(24 * 60);
    // 1970-01-01 was a Thursday.
    let on = |day: i64| notify.days >> (day + 3).rem_euclid(7) & 1 == 1;
    match notify.hours {
        None => on(day),
        Some((from, to)) => {
            let (from, to) = (i64::from(from), i64::from(to));
            if from < to {
                on(day) && (from..to).contains(&minute)
            } else {
                on(day) && minute >= from || on(day - 1) && minute < to
            }
        }
    }
}

fn fingerprint(notify: &Notify) -> u64 {
    let digest = Sha256::digest(format!("{notify:?}").as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_go_over_midnight_and_days_begin_them() {
        let config = Config::from_toml(
            "[[notify]]\nchannels = []\nhours = \"22:00-06:00\"\ndays = [\"fri\"]\n",
        )
        .unwrap();
        let rule = &config.notify[0];
        #[track_caller]
        fn check(rule: &Notify, time: &str, expect: bool) {
            let time = weir_model::Timestamp::parse_rfc3339(time).unwrap();
            assert_eq!(is_on(rule, time.millis()), expect, "{time}");
        }
        // 2026-11-20 is a Friday.
        check(rule, "2026-11-20T21:59:59Z", false);
        check(rule, "2026-11-20T22:00:00Z", true);
        check(rule, "2026-11-21T05:59:59Z", true);
        check(rule, "2026-11-21T06:00:00Z", false);
        check(rule, "2026-11-20T05:00:00Z", false);
        check(rule, "2026-11-21T22:30:00Z", false);
        check(rule, "1969-12-26T23:00:00Z", true);
    }
}

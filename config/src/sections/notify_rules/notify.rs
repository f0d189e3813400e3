//! `[[notify]]`: notification routing.

use std::collections::BTreeSet;
use std::time::Duration;

use super::selector::{AlarmSelector, GroupKey, Priority, group_keys, priority, selector};
use crate::file::raw::{Raw, Refused};
use crate::file::reader::{Reader, Section};
use crate::file::values::{DAY, HOUR, duration, texts};
use crate::sections::channel::Channel;

/// `[[notify]]`. The first rule that selects an alarm decides; further rules that
/// select it are added as long as `and_next` is set.
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    pub select: AlarmSelector,
    /// This priority or a more urgent one.
    pub priority: Option<Priority>,
    /// Minutes of the day, from and to (exclusive); `to` may be before `from`.
    pub hours: Option<(u16, u16)>,
    /// Bit 0 is Monday; default: all seven.
    pub days: u8,
    /// Names of channels. Empty: no notification.
    pub channels: Vec<String>,
    pub group_by: Vec<GroupKey>,
    /// How long alarms gather before they are sent together. 0 to 1 h.
    pub group_wait: Duration,
    /// Interval of reminders while an alarm is open and not acknowledged. Zero:
    /// none. Up to 30 days.
    pub repeat: Duration,
    /// An alarm that is not acknowledged for so long goes to the next channel of
    /// `escalate_to`. Zero: never.
    pub escalate_after: Duration,
    pub escalate_to: Vec<String>,
    pub and_next: bool,
}

pub(crate) fn notify(reader: &mut Reader<'_>, channels: &[Channel]) -> Vec<Notify> {
    let names: BTreeSet<&str> = channels.iter().map(|channel| &*channel.name).collect();
    reader.each("notify", |section| rule(section, &names))
}

fn rule(section: &mut Section<'_, '_>, names: &BTreeSet<&str>) -> Notify {
    let mut channels = |key: &'static str| {
        let listed = section.optional(key, texts).unwrap_or_default();
        for name in listed.iter().filter(|name| !names.contains(name.as_str())) {
            let reason = format!("there is no [[channel]] with the name {name:?}");
            section.note(key, reason);
        }
        listed
    };
    let (notified, escalate_to) = (channels("channels"), channels("escalate_to"));
    if !section.has("channels") {
        section.note("channels", "is missing; [] sends no notification");
    }
    let rule = Notify {
        select: selector(section),
        priority: section.optional("priority", priority),
        hours: section.optional("hours", hours),
        days: section.value("days", 0b111_1111, days),
        channels: notified,
        group_by: section.optional("group_by", group_keys).unwrap_or_default(),
        group_wait: section.value(
            "group_wait",
            Duration::ZERO,
            duration(Duration::ZERO..=HOUR),
        ),
        repeat: section.value(
            "repeat",
            Duration::ZERO,
            duration(Duration::ZERO..=30 * DAY),
        ),
        escalate_after: section.value(
            "escalate_after",
            Duration::ZERO,
            duration(Duration::ZERO..=DAY),
        ),
        escalate_to,
        and_next: section.value("and_next", false, |raw| raw.boolean()),
    };
    if rule.escalate_after.is_zero() != rule.escalate_to.is_empty() {
        section.note(
            "escalate_after",
            "and escalate_to are given together: after how long, and to whom",
        );
    }
    rule
}

/// `08:00-17:30`, in minutes of the day; `24:00` may end it.
fn hours(raw: Raw<'_>) -> Result<(u16, u16), Refused> {
    let text = raw.text()?;
    let minutes = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        let total = hours.checked_mul(60)?.checked_add(minutes)?;
        (minutes < 60 && total <= 24 * 60).then_some(total)
    };
    let span = text
        .split_once('-')
        .and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
    span.filter(|(from, to)| from != to)
        .ok_or_else(|| format!("must be hours such as \"08:00-17:30\", not {text:?}").into())
}

fn days(raw: Raw<'_>) -> Result<u8, Refused> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut mask = 0;
    for day in texts(raw)? {
        let bit = NAMES.iter().position(|name| *name == day);
        mask |= 1 << bit.ok_or_else(|| format!("may name {}, not {day:?}", NAMES.join(", ")))?;
    }
    if mask == 0 {
        return Err("names no day".into());
    }
    Ok(mask)
}

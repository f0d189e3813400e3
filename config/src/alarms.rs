//! `[alarms]`, `[[alarm]]`, `[[channel]]`, `[[notify]]`, `[[maintenance]]` and
//! `[[inhibit]]`: what alarms mean and who is told.

use std::collections::BTreeSet;
use std::time::Duration;

use weir_model::Severity;

use crate::address::parse_http_url;
use crate::alarm_sections::{
    AlarmMeaning, AlarmSelector, Alarms, Channel, GroupKey, Inhibit, Maintenance, Notify, Priority,
};
use crate::channels::channel;
use crate::range::{count, duration, instant_ns, label};
use crate::reader::{Raw, Reader, Section};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What the sections of this file amount to.
pub(crate) struct AlarmSections {
    pub(crate) alarms: Alarms,
    pub(crate) meanings: Vec<AlarmMeaning>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) notify: Vec<Notify>,
    pub(crate) maintenance: Vec<Maintenance>,
    pub(crate) inhibit: Vec<Inhibit>,
}

pub(crate) fn alarm_sections(reader: &mut Reader<'_>) -> AlarmSections {
    let alarms = alarms(reader);
    let meanings = each(reader, "alarm", meaning);
    let mut names = BTreeSet::new();
    let channels = each(reader, "channel", |section| {
        let channel = channel(section);
        if !channel.name.is_empty() && !names.insert(channel.name.clone()) {
            section.note(
                "name",
                format!("another channel is named {:?}", channel.name),
            );
        }
        channel
    });
    let notify = each(reader, "notify", |section| notify(section, &names));
    AlarmSections {
        alarms,
        meanings,
        channels,
        notify,
        maintenance: each(reader, "maintenance", maintenance),
        inhibit: each(reader, "inhibit", inhibit),
    }
}

fn each<T>(
    reader: &mut Reader<'_>,
    path: &'static str,
    mut read: impl FnMut(&mut Section<'_, '_>) -> T,
) -> Vec<T> {
    let tables = reader.repeated(path);
    tables
        .into_iter()
        .map(|table| read(&mut reader.section_of(path, table)))
        .collect()
}

fn alarms(reader: &mut Reader<'_>) -> Alarms {
    let mut section = reader.section("alarms");
    let default = Alarms::default();
    Alarms {
        history: section.value("history", default.history, duration(HOUR..=36_500 * DAY)),
        operators: section.value("operators", default.operators, count(1..=10_000)),
        link: section.optional("link", |raw| parse_http_url(raw.text()?)),
        utc_offset_minutes: section.value("utc_offset", default.utc_offset_minutes, utc_offset),
        critical_hides_warning: section.value(
            "critical_hides_warning",
            default.critical_hides_warning,
            |raw| raw.boolean(),
        ),
    }
}

fn selector(section: &mut Section<'_, '_>) -> AlarmSelector {
    AlarmSelector {
        function: section.optional("function", label(256)),
        device: section.optional("device", label(256)),
        sensor: section.optional("sensor", label(256)),
        location: section.optional("location", label(256)),
        severity: section.optional("severity", severity),
    }
}

fn meaning(section: &mut Section<'_, '_>) -> AlarmMeaning {
    AlarmMeaning {
        select: selector(section),
        priority: section.optional("priority", priority),
        latch: section.value("latch", false, |raw| raw.boolean()),
        action: section.optional("action", label(1_000)),
        out_of_service: section.value("out_of_service", false, |raw| raw.boolean()),
    }
}

fn notify(section: &mut Section<'_, '_>, names: &BTreeSet<String>) -> Notify {
    let mut channels = |key: &'static str| {
        let listed = section.optional(key, texts).unwrap_or_default();
        for name in listed.iter().filter(|name| !names.contains(*name)) {
            let reason = format!("there is no [[channel]] with the name {name:?}");
            section.note(key, reason);
        }
        listed
    };
    let (told, escalate_to) = (channels("channels"), channels("escalate_to"));
    if !section.has("channels") {
        section.note("channels", "is missing; [] tells nobody");
    }
    let rule = Notify {
        select: selector(section),
        priority: section.optional("priority", priority),
        hours: section.optional("hours", hours),
        days: section.value("days", 0b111_1111, days),
        channels: told,
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

fn maintenance(section: &mut Section<'_, '_>) -> Maintenance {
    let select = selector(section);
    let mut instant = |key| {
        section
            .required(key, instant_ns)
            .map_or(0, |ns| ns / 1_000_000)
    };
    let (from_ms, to_ms) = (instant("from"), instant("to"));
    if to_ms < from_ms {
        section.note("to", "lies before from");
    }
    Maintenance {
        select,
        from_ms,
        to_ms,
    }
}

fn inhibit(section: &mut Section<'_, '_>) -> Inhibit {
    let by = AlarmSelector {
        function: section.optional("by_function", label(256)),
        device: section.optional("by_device", label(256)),
        sensor: section.optional("by_sensor", label(256)),
        location: section.optional("by_location", label(256)),
        severity: section.optional("by_severity", severity),
    };
    if by == AlarmSelector::default() {
        section.note_table("needs one of by_function, by_device, by_sensor, by_severity");
    }
    Inhibit {
        by,
        hides: selector(section),
        same: section.optional("same", group_keys).unwrap_or_default(),
    }
}

fn severity(raw: Raw<'_>) -> Result<Severity, String> {
    match raw.text()? {
        "warning" => Ok(Severity::Warning),
        "critical" => Ok(Severity::Critical),
        other => Err(format!(
            "must be \"warning\" or \"critical\", not {other:?}"
        )),
    }
}

fn priority(raw: Raw<'_>) -> Result<Priority, String> {
    let text = raw.text()?;
    let found = Priority::ALL.into_iter().find(|p| p.as_str() == text);
    found
        .ok_or_else(|| format!("must be \"low\", \"medium\", \"high\" or \"urgent\", not {text:?}"))
}

/// A list of texts, each of 1 to 256 bytes; 1,000 at most.
pub(crate) fn texts(raw: Raw<'_>) -> Result<Vec<String>, String> {
    let items = raw.list()?;
    if items.len() > 1_000 {
        return Err("has more than 1,000 items".to_owned());
    }
    items.into_iter().map(|item| label(256)(item)).collect()
}

fn group_keys(raw: Raw<'_>) -> Result<Vec<GroupKey>, String> {
    let key = |text: String| match text.as_str() {
        "device" => Ok(GroupKey::Device),
        "sensor" => Ok(GroupKey::Sensor),
        "location" => Ok(GroupKey::Location),
        "function" => Ok(GroupKey::Function),
        other => Err(format!(
            "may name \"device\", \"sensor\", \"location\" and \"function\", not {other:?}"
        )),
    };
    texts(raw)?.into_iter().map(key).collect()
}

/// `08:00-17:30`, in minutes of the day; `24:00` may end it.
fn hours(raw: Raw<'_>) -> Result<(u16, u16), String> {
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
        .ok_or_else(|| format!("must be hours such as \"08:00-17:30\", not {text:?}"))
}

fn days(raw: Raw<'_>) -> Result<u8, String> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut mask = 0;
    for day in texts(raw)? {
        let bit = NAMES.iter().position(|name| *name == day);
        mask |= 1 << bit.ok_or_else(|| format!("may name {}, not {day:?}", NAMES.join(", ")))?;
    }
    match mask {
        0 => Err("names no day".to_owned()),
        mask => Ok(mask),
    }
}

/// `+02:00`, in minutes.
fn utc_offset(raw: Raw<'_>) -> Result<i32, String> {
    let text = raw.text()?;
    let read = || {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        ((0..=14).contains(&hours) && (0..60).contains(&minutes))
            .then_some(sign * (hours * 60 + minutes))
    };
    read().ok_or_else(|| format!("must be an offset such as \"+02:00\", not {text:?}"))
}

#[cfg(test)]
mod tests;

//! Alarm system performance: the figures of EEMUA 191 and ISA-18.2 / IEC 62682,
//! computed from the history. Pure.
//!
//! | figure | definition |
//! | --- | --- |
//! | rate | alarms raised, per hour and operator; EEMUA: below 6 is acceptable, 12 is the manageable maximum |
//! | peak | most alarms in a ten-minute period |
//! | flood | begins in a ten-minute period with more than 10 alarms per operator, ends with the first of fewer than 5 |
//! | worst actors | the ten pairs of sensor and function with most alarms; ISA: together below 5% |
//! | chattering | raised three times or more within a minute |
//! | stale | open for more than 24 hours at the end |
//! | standing | open at the end |
//! | time to acknowledge | from raised to the first acknowledgement |
//!
//! Ten-minute periods start at full multiples of ten minutes in UTC. Times are
//! event times; acknowledgements have the time of Weir's clock.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use weir_model::{Alert, AlertState};

const MINUTE_MS: i64 = 60_000;
const PERIOD_MS: i64 = 10 * MINUTE_MS;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const WORST: usize = 10;
/// Longest list of floods, and of chattering and stale alarms.
const LISTED: usize = 100;

/// The input of [`kpi`].
#[derive(Clone, Copy, Debug)]
pub struct KpiInput<'a> {
    /// Every transition before `to`, in the order of recording.
    pub transitions: &'a [Alert],
    /// Alarm ids, each with the time of an acknowledgement.
    pub acknowledgements: &'a [(String, i64)],
    /// Milliseconds; the range excludes `to`.
    pub from: i64,
    pub to: i64,
    pub operators: u32,
}

/// The figures of a time range.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kpi {
    pub from: i64,
    pub to: i64,
    pub operators: u32,
    /// Alarms raised.
    pub raised: u64,
    pub critical: u64,
    pub cleared: u64,
    pub per_hour: f64,
    pub per_hour_and_operator: f64,
    pub peak_per_ten_minutes: u64,
    pub floods: Vec<Flood>,
    pub percent_in_flood: f64,
    pub worst_actors: Vec<Actor>,
    /// Share of all alarms, in percent.
    pub worst_actors_percent: f64,
    pub chattering: Vec<Chatter>,
    /// Open at the end.
    pub standing: u64,
    /// Of these, open for longer than a day; the oldest first.
    pub stale: Vec<Stale>,
    pub acknowledged: u64,
    pub time_to_acknowledge: Option<Spread>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flood {
    pub from: i64,
    pub to: i64,
    pub alarms: u64,
}

/// Where an alarm comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    pub device: String,
    pub sensor: String,
    pub function: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Actor {
    #[serde(flatten)]
    pub source: Source,
    pub alarms: u64,
    pub percent: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chatter {
    #[serde(flatten)]
    pub source: Source,
    pub most_per_minute: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stale {
    pub alarm_id: String,
    #[serde(flatten)]
    pub source: Source,
    pub raised_at: i64,
}

/// In seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub median: f64,
    pub p90: f64,
    pub max: f64,
}

/// Computes the figures.
pub fn kpi(input: &KpiInput<'_>) -> Kpi {
    let within = |time: i64| (input.from..input.to).contains(&time);
    let of_state = |state| {
        let transitions = input.transitions.iter();
        transitions.filter(move |alert| alert.state == state && within(alert.timestamp))
    };
    let mut raised: Vec<&Alert> = of_state(AlertState::Raised).collect();
    raised.sort_by_key(|alert| alert.timestamp);
    let count = raised.len() as u64;
    let hours = (input.to - input.from).max(1) as f64 / 3_600_000.0;
    let operators = f64::from(input.operators.max(1));
    let periods = periods(&raised, input);
    let (floods, in_flood) = floods(&periods, input);
    let worst_actors = worst(&raised);
    let open = open_at_end(input);
    let spread = acknowledged(&raised, input);
    let critical = raised
        .iter()
        .filter(|alert| alert.severity == weir_model::Severity::Critical);
    Kpi {
        from: input.from,
        to: input.to,
        operators: input.operators,
        raised: count,
        critical: critical.count() as u64,
        cleared: of_state(AlertState::Cleared).count() as u64,
        per_hour: count as f64 / hours,
        per_hour_and_operator: count as f64 / hours / operators,
        peak_per_ten_minutes: periods.values().copied().max().unwrap_or(0),
        floods,
        percent_in_flood: percent(in_flood, (input.to - input.from).max(1)),
        worst_actors_percent: worst_actors.iter().map(|actor| actor.percent).sum(),
        worst_actors,
        chattering: chattering(&raised),
        standing: open.len() as u64,
        stale: stale(&open, input.to),
        acknowledged: spread.0,
        time_to_acknowledge: spread.1,
    }
}

fn percent(part: i64, whole: i64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

fn source(alert: &Alert) -> Source {
    Source {
        device: alert.device_id.clone(),
        sensor: alert.sensor.clone(),
        function: alert.function.clone(),
    }
}

/// Alarms by period; periods without alarms have no entry.
fn periods(raised: &[&Alert], input: &KpiInput<'_>) -> BTreeMap<i64, u64> {
    let mut periods = BTreeMap::new();
    for alert in raised {
        debug_assert!(alert.timestamp < input.to);
        *periods
            .entry(alert.timestamp.div_euclid(PERIOD_MS))
            .or_default() += 1;
    }
    periods
}

/// The floods, and their total length in milliseconds.
fn floods(periods: &BTreeMap<i64, u64>, input: &KpiInput<'_>) -> (Vec<Flood>, i64) {
    let operators = u64::from(input.operators.max(1));
    let mut floods: Vec<Flood> = Vec::new();
    let mut last = None;
    for (period, alarms) in periods {
        let continues = last.is_some_and(|last| last + 1 == *period) && *alarms >= 5 * operators;
        let end = (period + 1) * PERIOD_MS;
        if let Some(flood) = floods.last_mut().filter(|_| continues) {
            flood.alarms += alarms;
            flood.to = end.min(input.to);
            last = Some(*period);
        } else if *alarms > 10 * operators {
            floods.push(Flood {
                from: (period * PERIOD_MS).max(input.from),
                to: end.min(input.to),
                alarms: *alarms,
            });
            last = Some(*period);
        } else {
            last = None;
        }
    }
    let length = floods.iter().map(|flood| flood.to - flood.from).sum();
    floods.truncate(LISTED);
    (floods, length)
}

fn worst(raised: &[&Alert]) -> Vec<Actor> {
    let mut counts: BTreeMap<Source, u64> = BTreeMap::new();
    for alert in raised {
        *counts.entry(source(alert)).or_default() += 1;
    }
    let mut actors: Vec<(Source, u64)> = counts.into_iter().collect();
    actors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    actors.truncate(WORST);
    let actor = |(source, alarms)| Actor {
        source,
        alarms,
        percent: percent(alarms as i64, raised.len() as i64),
    };
    actors.into_iter().map(actor).collect()
}

/// `raised` is ordered by time.
fn chattering(raised: &[&Alert]) -> Vec<Chatter> {
    let mut recent: BTreeMap<Source, (VecDeque<i64>, u64)> = BTreeMap::new();
    for alert in raised {
        let (times, most) = recent.entry(source(alert)).or_default();
        times.push_back(alert.timestamp);
        while times
            .front()
            .is_some_and(|first| alert.timestamp - first >= MINUTE_MS)
        {
            times.pop_front();
        }
        *most = (*most).max(times.len() as u64);
    }
    let mut found: Vec<Chatter> = recent
        .into_iter()
        .filter(|(_, (_, most))| *most >= 3)
        .map(|(source, (_, most_per_minute))| Chatter {
            source,
            most_per_minute,
        })
        .collect();
    found.sort_by_key(|chatter| std::cmp::Reverse(chatter.most_per_minute));
    found.truncate(LISTED);
    found
}

fn open_at_end<'a>(input: &KpiInput<'a>) -> Vec<&'a Alert> {
    let mut open: BTreeMap<&str, &Alert> = BTreeMap::new();
    for alert in input.transitions {
        if alert.timestamp >= input.to {
            continue;
        }
        match alert.state {
            AlertState::Cleared => open.remove(alert.alarm_id.as_str()),
            _ => open.insert(&alert.alarm_id, alert),
        };
    }
    open.into_values().collect()
}

fn stale(open: &[&Alert], to: i64) -> Vec<Stale> {
    let mut stale: Vec<Stale> = open
        .iter()
        .filter(|alert| to - alert.raised_at > DAY_MS)
        .map(|alert| Stale {
            alarm_id: alert.alarm_id.clone(),
            source: source(alert),
            raised_at: alert.raised_at,
        })
        .collect();
    stale.sort_by_key(|stale| stale.raised_at);
    stale.truncate(LISTED);
    stale
}

/// How many of the raised alarms were acknowledged, and how long that took.
fn acknowledged(raised: &[&Alert], input: &KpiInput<'_>) -> (u64, Option<Spread>) {
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for (alarm_id, at) in input.acknowledgements {
        let known = first.entry(alarm_id).or_insert(*at);
        *known = (*known).min(*at);
    }
    let mut seconds: Vec<f64> = raised
        .iter()
        .filter_map(|alert| {
            let at = first.get(alert.alarm_id.as_str())?;
            Some((at - alert.raised_at).max(0) as f64 / 1_000.0)
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let Some(max) = seconds.last().copied() else {
        return (0, None);
    };
    // The nearest rank.
    let rank = |share: f64| seconds[((seconds.len() as f64 * share).ceil() as usize).max(1) - 1];
    let spread = Spread {
        mean: seconds.iter().sum::<f64>() / seconds.len() as f64,
        median: rank(0.5),
        p90: rank(0.9),
        max,
    };
    (seconds.len() as u64, Some(spread))
}

#[cfg(test)]
mod tests;

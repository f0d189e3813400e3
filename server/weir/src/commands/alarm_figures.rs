//! `weir alarms kpi`, and the tables of channels and dead letters.

use anyhow::Result;
use serde_json::Value;

use weir_model::percent_encoded;

use crate::cli::Remote;
use crate::commands::documents::{cell, document, table, time};
use crate::output;

pub(super) fn kpi(
    from: Option<String>,
    to: Option<String>,
    json: bool,
    remote: &Remote,
) -> Result<()> {
    let mut path = "/api/v1/alarms/kpi?".to_owned();
    for (name, value) in [("from", from), ("to", to)] {
        if let Some(value) = value {
            path.push_str(&format!("{name}={}&", percent_encoded(&value)));
        }
    }
    let kpi = document(remote, path.trim_end_matches(['?', '&']))?;
    if json {
        output::line(&serde_json::to_string_pretty(&kpi)?)?;
    } else {
        output::line(&report(&kpi))?;
    }
    Ok(())
}

fn report(kpi: &Value) -> String {
    let number = |key: &str| kpi[key].as_f64().unwrap_or_default();
    let mut lines = vec![
        format!("{} to {}", time(kpi, "from"), time(kpi, "to")),
        format!(
            "raised               {} ({} critical), {} cleared",
            kpi["raised"], kpi["critical"], kpi["cleared"]
        ),
        format!(
            "per hour             {:.1}, per operator {:.1} (below 6 is acceptable, above 12 too much)",
            number("perHour"),
            number("perHourAndOperator")
        ),
        format!("most in ten minutes  {}", kpi["peakPerTenMinutes"]),
        format!("time in flood        {:.1} %", number("percentInFlood")),
        format!(
            "open now             {}, of these {} for more than a day",
            kpi["standing"],
            length(kpi, "stale")
        ),
    ];
    let spread = &kpi["timeToAcknowledge"];
    if spread.is_object() {
        let seconds = |key: &str| spread[key].as_f64().unwrap_or_default();
        lines.push(format!(
            "acknowledged         {}, after {:.0} s at the median, {:.0} s at p90, {:.0} s at most",
            kpi["acknowledged"],
            seconds("median"),
            seconds("p90"),
            seconds("max")
        ));
    } else {
        lines.push("acknowledged         none".to_owned());
    }
    lines.extend(lists(kpi));
    lines.join("\n")
}

/// Worst actors, chattering alarms, floods and stale alarms, each under its title.
fn lists(kpi: &Value) -> Vec<String> {
    let list = |key: &str| kpi[key].as_array().cloned().unwrap_or_default();
    let who = |item: &Value| {
        let part = |key| cell(item, key);
        format!(
            "{} {} ({})",
            part("device"),
            part("sensor"),
            part("function")
        )
    };
    let mut lines = Vec::new();
    let mut section = |title: String, items: Vec<String>| {
        if !items.is_empty() {
            lines.push(format!("\n{title}"));
            lines.extend(items.iter().map(|item| format!("  {item}")));
        }
    };
    let percent = kpi["worstActorsPercent"].as_f64().unwrap_or_default();
    let actors = list("worstActors");
    let actors = actors
        .iter()
        .map(|actor| format!("{:>6}  {}", actor["alarms"], who(actor)));
    section(
        format!("worst actors, {percent:.0} % of all"),
        actors.collect(),
    );
    let chatter = list("chattering");
    let chatter = chatter
        .iter()
        .map(|item| format!("{:>6}  {}", item["mostPerMinute"], who(item)));
    section(
        "chattering, alarms in a minute".to_owned(),
        chatter.collect(),
    );
    let floods = list("floods");
    let floods = floods.iter().map(|flood| {
        let (from, to) = (time(flood, "from"), time(flood, "to"));
        format!("{:>6}  {from} to {to}", flood["alarms"])
    });
    section("floods".to_owned(), floods.collect());
    let stale = list("stale");
    let stale = stale
        .iter()
        .map(|item| format!("since {}  {}", time(item, "raisedAt"), who(item)));
    section("open for more than a day".to_owned(), stale.collect());
    lines
}

fn length(kpi: &Value, key: &str) -> usize {
    kpi[key].as_array().map_or(0, Vec::len)
}

pub(super) fn channels(channels: &[Value]) -> String {
    if channels.is_empty() {
        return "no channels but MQTT (alerts/…); [[channel]] adds some".to_owned();
    }
    let header = [
        "channel",
        "kind",
        "queued",
        "delivered",
        "failed",
        "dead",
        "failing",
    ];
    let keys = [
        "name",
        "kind",
        "queued",
        "delivered",
        "failedAttempts",
        "deadLetters",
        "failing",
    ];
    let row = |channel: &Value| keys.iter().map(|key| cell(channel, key)).collect();
    table(&header, channels.iter().map(row))
}

pub(super) fn dead_letters(letters: &[Value]) -> String {
    if letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let row = |letter: &Value| {
        vec![
            cell(letter, "n"),
            time(letter, "at"),
            cell(letter, "channel"),
            cell(letter, "title"),
            cell(letter, "reason"),
        ]
    };
    table(
        &["n", "at", "channel", "what", "reason"],
        letters.iter().map(row),
    )
}

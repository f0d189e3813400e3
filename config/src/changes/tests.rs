//! Each key lands in the right list.

use std::fmt::Write;

use super::*;
use crate::reference::{is_repeated, tables_of_the_file, uncommented};

#[track_caller]
fn check(old: &str, new: &str, live: &[&str], restart: &[&str]) {
    let (old, new) = (
        Config::from_toml(old).unwrap(),
        Config::from_toml(new).unwrap(),
    );
    let changes = old.changes(&new);
    assert_eq!(changes.live, live, "live");
    assert_eq!(changes.restart, restart, "restart");
    assert_eq!(changes.is_empty(), live.is_empty() && restart.is_empty());
}

#[test]
fn every_change_is_reported_by_its_key() {
    check("", "", &[], &[]);
    check(
        "",
        "[http]\nlisten = \"127.0.0.1:1\"",
        &[],
        &["http.listen"],
    );
    check(
        "",
        "[limits]\nmin_time = \"2020-01-01T00:00:00Z\"\nmax_payload = \"2MiB\"",
        &["limits.max_payload", "limits.min_time"],
        &[],
    );
    check(
        "[store.embedded]\nretention = \"1d\"\nflush_interval = \"1s\"",
        "[store.embedded]\nretention = \"2d\"",
        &["store.embedded.flush_interval"],
        &["store.embedded.retention"],
    );
    check(
        "",
        "[store.influxdb]\norg = \"x\"",
        &[],
        &["store.influxdb"],
    );
    check(
        "[store.influxdb]\norg = \"x\"",
        "[store.influxdb]\norg = \"y\"",
        &[],
        &["store.influxdb.org"],
    );
    check(
        "",
        "[reload]\nwatch = false\n[watchdog]\nstalled_after = \"1s\"",
        &["watchdog.stalled_after", "reload.watch"],
        &[],
    );
}

#[test]
fn members_of_lists_are_reported_by_their_names() {
    let route = |topics: &[&str]| -> String {
        let route = |topic: &&str| format!("[[route]]\ntopic = \"{topic}\"\n");
        topics.iter().map(route).collect()
    };
    check(
        &route(&["a/{device}", "b/{device}"]),
        &route(&["b/{device}", "c/{device}"]),
        &["route.a/{device}", "route.c/{device}"],
        &[],
    );
    let function = |name: &str, limit: f64| {
        format!("[[function]]\nname = \"{name}\"\nkind = \"threshold\"\nwarning_high = {limit:?}\n")
    };
    check(
        &(function("a", 1.0) + &function("b", 1.0) + &function("c", 1.0)),
        &(function("c", 1.0) + &function("b", 2.0) + &function("d", 1.0)),
        &["function.a", "function.b", "function.d"],
        &[],
    );
    let source = |id: &str, more: &str| {
        format!("[[source]]\nurl = \"mqtt://h:1\"\nclient_id = \"{id}\"\n{more}")
    };
    check(
        &(source("a", "") + &source("b", "")),
        &(source("a", "connections = 2\n") + &source("c", "")),
        &[],
        &["source.a.connections", "source.b", "source.c"],
    );
    check(
        &source("a", ""),
        "[[source]]\nurl = \"mqtts://h:1\"\nclient_id = \"a\"\n",
        &[],
        &["source.a.url"],
    );
}

#[test]
fn the_guide_lists_what_a_reload_can_change() {
    let config = Config::from_toml(&uncommented()).unwrap();
    let keys = config.compare(&config).0;
    let mut text = String::from("| table | reloaded | requires a restart |\n| --- | --- | --- |\n");
    for path in tables_of_the_file() {
        let of = |when: When| -> Vec<String> {
            let keys = keys.iter().filter(|key| key.when == when);
            let in_table = keys.filter_map(|key| {
                let key = key.key.strip_prefix(path)?;
                let is_table = key.is_empty() || key.starts_with('.');
                is_table.then(|| format!("`{}`", key.trim_start_matches('.')))
            });
            in_table.collect()
        };
        // Its keys are fields of the table above it.
        if of(When::Live).is_empty() && of(When::Restart).is_empty() {
            continue;
        }
        let (live, restart) = match (of(When::Live), of(When::Restart)) {
            (live, restart) if restart.is_empty() && !live.is_empty() => {
                ("all ".to_owned(), String::new())
            }
            (live, _) if live.is_empty() => (String::new(), "all ".to_owned()),
            (live, restart) => (live.join(", ") + " ", restart.join(", ") + " "),
        };
        let table = if is_repeated(path) {
            format!("`[[{path}]]`")
        } else {
            format!("`[{path}]`")
        };
        writeln!(text, "| {table} | {live}| {restart}|").unwrap();
    }
    weir_doc_block::assert_markdown("docs/guides/reload.md", "reload", &text);
}

//! `weir shadow get|update|delete|list|watch`.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use weir_model::percent_encoded;

use crate::cli::{Remote, ShadowArgs, ShadowCommand, ShadowTarget};
use crate::commands::remote::text;
use crate::commands::shadow_diff::{changes, delta_lines};
use crate::output;

pub(crate) fn run(args: ShadowArgs) -> Result<ExitCode> {
    let remote = &args.remote;
    match args.command {
        ShadowCommand::Get { diff, target } => {
            let document = parse(text(remote.get(&path(&target))?)?)?;
            if diff {
                for line in delta_lines(&document) {
                    output::line(&line)?;
                }
            } else {
                print(&document)?;
            }
        }
        ShadowCommand::Update { target, document } => {
            let path = path(&target);
            let answer = remote.post(&path, "application/json", &document)?;
            print(&parse(text(answer)?)?)?;
        }
        ShadowCommand::Delete { target } => {
            let answer = remote.delete(&path(&target))?;
            print(&parse(text(answer)?)?)?;
        }
        ShadowCommand::List { thing } => list(&thing, remote)?,
        ShadowCommand::Watch { interval, target } => watch(remote, &target, interval)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A name per line, however many pages there are.
fn list(thing: &str, remote: &Remote) -> Result<()> {
    let path = format!(
        "/api/things/shadow/ListNamedShadowsForThing/{}?pageSize=100",
        percent_encoded(thing)
    );
    let mut token = String::new();
    loop {
        let page = parse(text(remote.get(&format!("{path}{token}"))?)?)?;
        for name in page["results"].as_array().into_iter().flatten() {
            if !output::line(name.as_str().unwrap_or_default())? {
                return Ok(());
            }
        }
        match page["nextToken"].as_str() {
            Some(next) => token = format!("&nextToken={}", percent_encoded(next)),
            None => return Ok(()),
        }
    }
}

/// Prints a paragraph per version that it sees, until nobody reads.
fn watch(remote: &Remote, target: &ShadowTarget, interval: Duration) -> Result<()> {
    let path = path(target);
    let mut before: Option<Value> = None;
    loop {
        let found = remote.find(&path)?;
        let now = found.map(text).transpose()?.map(parse).transpose()?;
        let version = |document: &Option<Value>| document.as_ref().map(|d| d["version"].clone());
        if version(&now) != version(&before) {
            let lines = match &now {
                Some(now) => paragraph(before.as_ref(), now),
                None => vec!["deleted".to_owned()],
            };
            if !output::line(&lines.join("\n"))? {
                return Ok(());
            }
            before = now;
        }
        thread::sleep(interval);
    }
}

fn paragraph(before: Option<&Value>, now: &Value) -> Vec<String> {
    let mut lines = vec![format!("version {}", now["version"])];
    if let Some(before) = before {
        for section in ["desired", "reported"] {
            let changed = changes(&before["state"][section], &now["state"][section]);
            lines.extend(changed.iter().map(|change| format!("  {section}.{change}")));
        }
    }
    lines.extend(delta_lines(now).iter().map(|line| format!("  {line}")));
    lines
}

fn parse(text: String) -> Result<Value> {
    Ok(serde_json::from_str(&text)?)
}

fn print(document: &Value) -> Result<()> {
    output::line(&serde_json::to_string_pretty(document)?)?;
    Ok(())
}

fn path(target: &ShadowTarget) -> String {
    let name = target
        .name
        .as_deref()
        .map(|name| format!("?name={}", percent_encoded(name)))
        .unwrap_or_default();
    format!("/things/{}/shadow{name}", percent_encoded(&target.thing))
}

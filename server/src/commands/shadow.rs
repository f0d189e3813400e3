//! `weir shadow get|update`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use crate::cli::ShadowCommand;
use crate::commands::remote::{encoded, text};
use crate::output;

pub(crate) fn run(command: ShadowCommand) -> Result<ExitCode> {
    let answer = match command {
        ShadowCommand::Get {
            thing,
            name,
            remote,
        } => text(remote.get(&path(&thing, name.as_deref()))?)?,
        ShadowCommand::Update {
            thing,
            document,
            name,
            remote,
        } => {
            let path = path(&thing, name.as_deref());
            text(remote.post(&path, "application/json", &document)?)?
        }
    };
    let document: Value = serde_json::from_str(&answer)?;
    output::line(&serde_json::to_string_pretty(&document)?)?;
    Ok(ExitCode::SUCCESS)
}

fn path(thing: &str, name: Option<&str>) -> String {
    let name = name
        .map(|name| format!("?name={}", encoded(name)))
        .unwrap_or_default();
    format!("/things/{}/shadow{name}", encoded(thing))
}

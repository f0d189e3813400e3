//! `weir functions`: what each function did, as a table.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use weir_pipeline::dynamodb_usd;

use crate::cli::FunctionsArgs;
use crate::commands::documents::document;
use crate::output;

pub(crate) fn run(args: &FunctionsArgs) -> Result<ExitCode> {
    let usage = document(&args.remote, "/api/v1/functions")?;
    let shown = if args.json {
        serde_json::to_string_pretty(&usage)?
    } else {
        let devices = document(&args.remote, "/api/v1/devices?limit=1")?;
        described(&usage, devices["total"].as_u64().unwrap_or_default())
    };
    output::line(&shown)?;
    Ok(ExitCode::SUCCESS)
}

fn described(usage: &Value, devices: u64) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        "function",
        "kind",
        "invocations",
        "errors",
        "critical",
        "warning",
        "p50",
        "p99",
        "series",
        "memory",
        "on Lambda",
    ]);
    for function in usage["functions"].as_array().into_iter().flatten() {
        let count = |value: &Value| HumanCount(value.as_u64().unwrap_or_default()).to_string();
        let text = |value: &Value| output::printable(value.as_str().unwrap_or_default());
        let (verdicts, time) = (&function["verdicts"], &function["time"]);
        let bytes = function["memory"]["bytes"].as_u64().unwrap_or_default();
        table.add_row([
            text(&function["name"]),
            text(&function["kind"]),
            count(&function["invocations"]),
            count(&function["errors"]),
            count(&verdicts["critical"]),
            count(&verdicts["warning"]),
            nanos(&time["p50Ns"]),
            nanos(&time["p99Ns"]),
            count(&function["memory"]["series"]),
            HumanBytes(bytes).to_string(),
            dollars(&function["lambda"]["usd"]),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let (messages, lambda) = (&usage["messages"], &usage["lambda"]);
    let count = messages["count"].as_u64().unwrap_or_default();
    let functions = usage["functions"].as_array().into_iter().flatten();
    let bytes = functions.map(|function| function["memory"]["bytes"].as_u64().unwrap_or_default());
    let together = lambda["functionsTogether"]["usd"]
        .as_f64()
        .unwrap_or_default();
    let with_state = together + dynamodb_usd(count, bytes.sum(), devices);
    format!(
        "{table}\n{} messages, {} each (p99 {}), decoding and all functions together.\n\
         On AWS Lambda, {} MB: {} with a function for each, {} with one that does it all,\n\
         {} with its memory in DynamoDB.",
        HumanCount(count),
        nanos(&messages["time"]["p50Ns"]),
        nanos(&messages["time"]["p99Ns"]),
        lambda["memoryMb"],
        dollars(&lambda["functionsApart"]["usd"]),
        dollars(&lambda["functionsTogether"]["usd"]),
        dollars(&json!(with_state)),
    )
}

/// `37 ns`, `4.2 µs`, `1.3 ms`.
fn nanos(value: &Value) -> String {
    let Some(nanos) = value.as_f64() else {
        return "–".to_owned();
    };
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.1} ms", nanos / 1e6),
    }
}

/// Of a small sum, what can be seen of it.
fn dollars(value: &Value) -> String {
    let dollars = value.as_f64().unwrap_or_default();
    match dollars {
        0.0 => "$0".to_owned(),
        ..0.01 => format!("${dollars:.2e}"),
        _ => format!("${dollars:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        for (value, expect) in [
            (json!(null), "–"),
            (json!(37), "37 ns"),
            (json!(4_210), "4.2 µs"),
            (json!(1_300_000), "1.3 ms"),
        ] {
            assert_eq!(nanos(&value), expect);
        }
        for (value, expect) in [
            (json!(0.0), "$0"),
            (json!(0.000_123), "$1.23e-4"),
            (json!(12.3456), "$12.35"),
        ] {
            assert_eq!(dollars(&value), expect);
        }
    }
}

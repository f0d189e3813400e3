//! `weir query 'SQL'`: the answer as a table for people or as data for programs.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, QueryArgs};
use crate::commands::remote::text;
use crate::output;

pub(crate) fn run(args: &QueryArgs) -> Result<ExitCode> {
    let accept = match args.format {
        OutputFormat::Json => "application/json",
        OutputFormat::Jsonl | OutputFormat::Table => "application/jsonl",
        OutputFormat::Csv => "text/csv",
    };
    let body = json!({"sql": args.sql}).to_string();
    let response = args.remote.post("/api/v1/query", accept, &body)?;
    if args.format == OutputFormat::Table {
        output::line(&table(&text(response)?)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = reader.read(&mut buffer).context("the answer was cut off")?;
        if n == 0 || !output::data(&buffer[..n])? {
            break;
        }
    }
    if args.format == OutputFormat::Json {
        output::line("")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// JSON lines as a table; numbers to the right.
fn table(lines: &str) -> Result<String> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    let mut rows = 0;
    let mut numeric: Vec<bool> = Vec::new();
    for line in lines.lines() {
        let row: Vec<(String, Value)> = members(line)?;
        if rows == 0 {
            table.set_header(row.iter().map(|(name, _)| output::printable(name)));
            numeric = vec![true; row.len()];
        }
        for ((_, value), numeric) in row.iter().zip(&mut numeric) {
            *numeric &= value.is_number() || value.is_null();
        }
        table.add_row(row.iter().map(|(_, value)| match value {
            Value::Null => String::new(),
            Value::String(text) => output::printable(text),
            other => other.to_string(),
        }));
        rows += 1;
    }
    for (column, numeric) in table.column_iter_mut().zip(numeric) {
        if numeric {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(if rows == 0 {
        "no rows".to_owned()
    } else {
        table.to_string()
    })
}

/// An object's members in their order.
fn members(line: &str) -> Result<Vec<(String, Value)>> {
    struct Members(Vec<(String, Value)>);
    impl<'de> serde::Deserialize<'de> for Members {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Members;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a row")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Members, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    let Members(members) = serde_json::from_str(line).context("the answer is not JSON lines")?;
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_the_order_of_the_query() {
        let table =
            table("{\"z\":1.5,\"a\":\"x\\u001b[31m\"}\n{\"z\":null,\"a\":\"y\"}\n").unwrap();
        let header = table.lines().nth(1).unwrap();
        assert!(header.find('z') < header.find('a'), "{table}");
        assert!(!table.contains('\u{1b}'), "{table}");
        assert_eq!(super::table("").unwrap(), "no rows");
    }
}

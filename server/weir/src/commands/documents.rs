//! Documents of a running Weir, and their tables on a terminal.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use weir_model::Timestamp;

use crate::cli::Remote;
use crate::commands::remote::text;
use crate::output;

/// The answer at the path.
pub(crate) fn document(remote: &Remote, path: &str) -> Result<Value> {
    Ok(serde_json::from_str(&text(remote.get(path)?)?)?)
}

/// A table for a terminal.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// A text of the document, fit for a terminal.
pub(crate) fn cell(item: &Value, key: &str) -> String {
    match &item[key] {
        Value::String(text) => output::printable(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Milliseconds of the document, as a time.
pub(crate) fn time(item: &Value, key: &str) -> String {
    let time = item[key].as_i64().and_then(Timestamp::from_millis);
    time.map(|time| time.to_string()).unwrap_or_default()
}

//! `weir codecs`: the codecs and their usual topics.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use weir_config::RouteCodec;

use crate::output;

pub(crate) fn run() -> Result<ExitCode> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["codec", "decodes", "usual topics"]);
    for codec in RouteCodec::ALL {
        let topics = codec.usual_topics().join("\n");
        table.add_row([codec.as_str(), codec.about(), &topics]);
    }
    output::line(&table.to_string())?;
    Ok(ExitCode::SUCCESS)
}

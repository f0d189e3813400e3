//! `weir check FILE`: exit 0, or 78 with every problem.

use std::process::ExitCode;

use anyhow::Result;
use weir_config::{Config, LoadError};

use crate::cli::CheckArgs;
use crate::commands::bad_config;
use crate::output;

pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let error = match Config::load(&args.file) {
        Ok(_) => {
            if args.json {
                output::line("[]")?;
            } else {
                eprintln!("{}: good", args.file.display());
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => error,
    };
    match &error {
        LoadError::Invalid { problems, .. } if args.json => {
            output::line(&serde_json::to_string_pretty(problems)?)?;
        }
        _ => eprintln!("{error}"),
    }
    Ok(bad_config())
}

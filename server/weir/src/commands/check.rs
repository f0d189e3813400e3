//! `weir check FILE`: exit 0, or 78 with every problem.

use std::process::ExitCode;

use anyhow::Result;
use weir_auth::Access;
use weir_config::{Config, LoadError, Problem};
use weir_workers::load_config;

use crate::cli::CheckArgs;
use crate::cli::lambda::CheckTarget;
use crate::commands::bad_config;
use crate::output;

pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let error = match load_config(&args.file, std::iter::empty()) {
        Ok(loaded) if args.target == CheckTarget::Lambda => {
            return check_for_lambda(args, &loaded.config);
        }
        Ok(loaded) => {
            if let Some((key, reason)) = wrong_file(&loaded.config) {
                if args.json {
                    let problem = Problem {
                        line: 0,
                        key: key.to_owned(),
                        reason,
                        nearest: None,
                    };
                    output::line(&serde_json::to_string_pretty(&[problem])?)?;
                } else {
                    eprintln!("{reason}");
                }
                return Ok(bad_config());
            }
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

/// What the function on AWS Lambda refuses, and which tables it ignores.
fn check_for_lambda(args: &CheckArgs, config: &Config) -> Result<ExitCode> {
    let text = std::fs::read_to_string(&args.file)?;
    let problems = weir_lambda::check::check(config, &text);
    let ignored = weir_lambda::check::ignored(&text);
    if !ignored.is_empty() {
        eprintln!("ignored on Lambda: {}", ignored.join(", "));
    }
    if args.json {
        output::line(&serde_json::to_string_pretty(&problems)?)?;
    }
    if problems.is_empty() {
        if !args.json {
            eprintln!("{}: good for Lambda", args.file.display());
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !args.json {
        let path = args.file.clone();
        eprintln!("{}", LoadError::Invalid { path, problems });
    }
    Ok(bad_config())
}

/// A file of `[auth]` that cannot be used: the key that names it, and why.
fn wrong_file(config: &Config) -> Option<(&'static str, String)> {
    let auth = config.auth.as_ref()?;
    if let Err(error) = Access::check(&auth.file) {
        return Some(("auth.file", error.to_string()));
    }
    let sign_in = Access::open(config).with_sign_in(config);
    let error = sign_in.err()?;
    Some(("auth.oidc", format!("auth.oidc: {error}")))
}

//! `weir replay --quarantine`: sends what was rejected through the pipeline
//! again, page by page, with a progress bar on stderr and a summary.

use std::process::ExitCode;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::ReplayArgs;
use crate::commands::remote::text;
use crate::output;

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    matched: u64,
    replayed: u64,
    already_replayed: u64,
    skipped: Skipped,
    #[serde(skip_serializing)]
    next: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Skipped {
    truncated: u64,
    no_payload: u64,
    not_a_message: u64,
}

pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode> {
    // The messages are counted first: for the progress bar, and for a dry run
    // that is all.
    let counted = pages(args, true, &mut |_| {})?;
    let outcome = if args.dry_run {
        counted
    } else {
        let bar = ProgressBar::new(counted.replayed).with_style(style()?);
        let outcome = pages(args, false, &mut |page| bar.inc(page.replayed))
            .context("stopped before the end; run it again to continue")?;
        bar.finish_and_clear();
        outcome
    };
    if args.json {
        output::line(&serde_json::to_string(&outcome)?)?;
    } else {
        output::line(&summary(&outcome, args.dry_run))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn pages(args: &ReplayArgs, dry_run: bool, done: &mut dyn FnMut(&Outcome)) -> Result<Outcome> {
    let mut sum = Outcome::default();
    loop {
        let request = json!({
            "reason": args.reason,
            "device": args.device,
            "dryRun": dry_run,
            "after": sum.next,
        });
        let path = "/api/v1/quarantine/replay";
        let answer = args
            .remote
            .post(path, "application/json", &request.to_string())?;
        let page: Outcome = serde_json::from_str(&text(answer)?)?;
        done(&page);
        sum.matched += page.matched;
        sum.replayed += page.replayed;
        sum.already_replayed += page.already_replayed;
        sum.skipped.truncated += page.skipped.truncated;
        sum.skipped.no_payload += page.skipped.no_payload;
        sum.skipped.not_a_message += page.skipped.not_a_message;
        sum.next = page.next;
        if sum.next.is_none() {
            return Ok(sum);
        }
    }
}

fn style() -> Result<ProgressStyle> {
    Ok(ProgressStyle::with_template(
        "{wide_bar} {pos}/{len} messages  {per_sec}  {eta} left",
    )?)
}

fn summary(outcome: &Outcome, dry_run: bool) -> String {
    let Outcome {
        matched,
        replayed,
        already_replayed,
        skipped,
        ..
    } = outcome;
    let verb = if dry_run { "would replay" } else { "replayed" };
    let mut text = format!("{verb} {replayed} of {matched} quarantined messages");
    for (count, why) in [
        (*already_replayed, "replayed before"),
        (skipped.truncated, "too large to have been kept whole"),
        (skipped.no_payload, "without payload"),
        (skipped.not_a_message, "not messages of a device"),
    ] {
        if count > 0 {
            text.push_str(&format!("\n  {count} {why}"));
        }
    }
    text
}

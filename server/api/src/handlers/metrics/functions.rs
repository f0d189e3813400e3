//! The functions' part of `/metrics`: `weir_function_…` and `weir_lambda_…`.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use weir_engine::{FunctionUsage, Times};
use weir_pipeline::Bill;

use super::{Labels, counter, counters, gauges};
use crate::api::Api;
use crate::handlers::functions::bill_of;

pub(crate) fn functions(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let usage = api.pipeline.lock().usage();
    let functions = &usage.functions;
    let labels = |function: &FunctionUsage| -> Labels<'static> {
        vec![
            ("function", function.name.to_string()),
            ("kind", function.kind.to_owned()),
        ]
    };
    let with = |function: &FunctionUsage, name: &'static str, value: &str| {
        let mut labels = labels(function);
        labels.push((name, value.to_owned()));
        labels
    };
    let each = |count: fn(&FunctionUsage) -> u64| {
        let each = functions.iter();
        each.map(|function| (labels(function), count(function)))
            .collect()
    };
    counters(
        encoder,
        "function_invocations",
        "Readings passed to the function",
        each(|function| function.tally.invocations),
    )?;
    counters(
        encoder,
        "function_errors",
        "Calls of the function that failed",
        each(|function| function.tally.errors),
    )?;
    let verdicts = functions.iter().flat_map(|function| {
        let tally = &function.tally;
        [("critical", tally.critical), ("warning", tally.warning)]
            .map(|(severity, count)| (with(function, "severity", severity), count))
    });
    counters(
        encoder,
        "function_verdicts",
        "Readings that the function found critical or worth a warning",
        verdicts.collect(),
    )?;
    let readings = functions.iter().flat_map(|function| {
        let tally = &function.tally;
        [("suspect", tally.suspect), ("bad", tally.bad)]
            .map(|(quality, count)| (with(function, "quality", quality), count))
    });
    counters(
        encoder,
        "function_readings",
        "Readings that the function flagged (suspect) or had quarantined (bad)",
        readings.collect(),
    )?;
    let quantiles = functions.iter().flat_map(|function| {
        quantiles(&function.time)
            .map(|(quantile, seconds)| (with(function, "quantile", quantile), seconds))
    });
    gauges(
        encoder,
        "function_seconds",
        "Time of one invocation since the start of the process, of a sample",
        quantiles,
    )?;
    let message = quantiles_of_messages(&usage.message_time);
    gauges(
        encoder,
        "message_seconds",
        "Time of one message through decoding, validation and all functions, of a sample",
        message,
    )?;
    let memory = functions.iter().map(|function| {
        let bytes = function.series * function.bytes_per_series as u64;
        (labels(function), bytes as f64)
    });
    gauges(
        encoder,
        "function_memory_bytes",
        "Memory of the function for all series",
        memory,
    )?;
    let series = functions
        .iter()
        .map(|function| (labels(function), function.series as f64));
    gauges(
        encoder,
        "function_series",
        "Series in the memory of the function",
        series,
    )?;
    let config = api.config.get();
    let bills = functions
        .iter()
        .map(|function| (labels(function), bill_of(&config.lambda, function)));
    lambda(encoder, &bills.collect::<Vec<_>>())?;
    counter(
        encoder,
        "engine_messages",
        "Messages with readings that went through the functions",
        usage.messages,
    )
}

fn lambda(encoder: &mut DescriptorEncoder<'_>, bills: &[(Labels<'_>, Bill)]) -> fmt::Result {
    let requests = bills.iter();
    let requests = requests.map(|(labels, bill)| (labels.clone(), bill.requests));
    counters(
        encoder,
        "lambda_requests",
        "Requests that AWS Lambda would have billed, each function on its own",
        requests.collect(),
    )?;
    for (name, help, value) in [
        (
            "lambda_gb_seconds",
            "GB-seconds that AWS Lambda would have billed",
            (|bill: &Bill| bill.gb_seconds) as fn(&Bill) -> f64,
        ),
        (
            "lambda_usd",
            "US dollars that AWS Lambda would have charged, at the configured prices",
            |bill: &Bill| bill.usd,
        ),
    ] {
        let kind = ConstCounter::new(0.0).metric_type();
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (labels, bill) in bills {
            ConstCounter::new(value(bill)).encode(family.encode_family(labels)?)?;
        }
    }
    Ok(())
}

fn quantiles_of_messages(times: &Times) -> impl Iterator<Item = (Labels<'static>, f64)> {
    quantiles(times).map(|(quantile, seconds)| (vec![("quantile", quantile.to_owned())], seconds))
}

/// In seconds; none before something was timed.
fn quantiles(times: &Times) -> impl Iterator<Item = (&'static str, f64)> + use<> {
    let quantile = |name, part| times.quantile_ns(part).map(|nanos| (name, nanos / 1e9));
    [quantile("0.5", 0.5), quantile("0.99", 0.99)]
        .into_iter()
        .flatten()
}

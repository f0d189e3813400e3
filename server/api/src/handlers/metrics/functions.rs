//! The functions' part of `/metrics`: `weir_function_…` and `weir_lambda_…`.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use weir_engine::{FunctionUsage, Times};
use weir_pipeline::Bill;

use super::encode::{Labels, each, one};
use super::families as family;
use crate::api::Api;
use crate::handlers::functions::bill_of;

pub(super) fn functions(api: &Api, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let usage = api.pipeline.lock().usage();
    let functions = &usage.functions;
    results(functions, encoder)?;
    resources(functions, encoder)?;
    let message = quantiles(&usage.message_time)
        .map(|(quantile, seconds)| (vec![("quantile", quantile.to_owned())], seconds));
    each(encoder, &family::MESSAGE_SECONDS, message)?;
    let config = api.config.get();
    let bills = functions
        .iter()
        .map(|function| (labels(function), bill_of(&config.lambda, function)));
    lambda(encoder, &bills.collect::<Vec<_>>())?;
    one(encoder, &family::ENGINE_MESSAGES, usage.messages)
}

/// What the functions did to readings.
fn results(functions: &[FunctionUsage], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let count = |count: fn(&FunctionUsage) -> u64| {
        let functions = functions.iter();
        functions.map(move |function| (labels(function), count(function)))
    };
    let invocations = count(|function| function.tally.invocations);
    each(encoder, &family::FUNCTION_INVOCATIONS, invocations)?;
    let errors = count(|function| function.tally.errors);
    each(encoder, &family::FUNCTION_ERRORS, errors)?;
    let verdicts = functions.iter().flat_map(|function| {
        let tally = &function.tally;
        [("critical", tally.critical), ("warning", tally.warning)]
            .map(|(severity, count)| (labels_with(function, "severity", severity), count))
    });
    each(encoder, &family::FUNCTION_VERDICTS, verdicts)?;
    let readings = functions.iter().flat_map(|function| {
        let tally = &function.tally;
        [("suspect", tally.suspect), ("bad", tally.bad)]
            .map(|(quality, count)| (labels_with(function, "quality", quality), count))
    });
    each(encoder, &family::FUNCTION_READINGS, readings)
}

/// Time and memory.
fn resources(functions: &[FunctionUsage], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let seconds = functions.iter().flat_map(|function| {
        quantiles(&function.time)
            .map(|(quantile, seconds)| (labels_with(function, "quantile", quantile), seconds))
    });
    each(encoder, &family::FUNCTION_SECONDS, seconds)?;
    let memory = functions.iter().map(|function| {
        let bytes = function.series * function.bytes_per_series as u64;
        (labels(function), bytes)
    });
    each(encoder, &family::FUNCTION_MEMORY_BYTES, memory)?;
    let series = functions
        .iter()
        .map(|function| (labels(function), function.series));
    each(encoder, &family::FUNCTION_SERIES, series)
}

fn lambda(encoder: &mut DescriptorEncoder<'_>, bills: &[(Labels<'_>, Bill)]) -> fmt::Result {
    let requests = bills
        .iter()
        .map(|(labels, bill)| (labels.clone(), bill.requests));
    each(encoder, &family::LAMBDA_REQUESTS, requests)?;
    let seconds = bills
        .iter()
        .map(|(labels, bill)| (labels.clone(), bill.gb_seconds));
    each(encoder, &family::LAMBDA_GB_SECONDS, seconds)?;
    let usd = bills
        .iter()
        .map(|(labels, bill)| (labels.clone(), bill.usd));
    each(encoder, &family::LAMBDA_USD, usd)
}

fn labels(function: &FunctionUsage) -> Labels<'static> {
    vec![
        ("function", function.name.to_string()),
        ("kind", function.kind.to_owned()),
    ]
}

fn labels_with(function: &FunctionUsage, name: &'static str, value: &str) -> Labels<'static> {
    let mut labels = labels(function);
    labels.push((name, value.to_owned()));
    labels
}

/// In seconds; none before something was timed.
fn quantiles(times: &Times) -> impl Iterator<Item = (&'static str, f64)> + use<> {
    let quantile = |name, part| times.quantile_ns(part).map(|nanos| (name, nanos / 1e9));
    [quantile("0.5", 0.5), quantile("0.99", 0.99)]
        .into_iter()
        .flatten()
}

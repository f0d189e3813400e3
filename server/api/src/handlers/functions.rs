//! `GET /api/v1/functions`: what each function did, what it remembers, how long
//! it takes, and what AWS Lambda would have charged for it.
//! `GET /api/v1/functions/{name}`: one of them, with its settings and its series.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use weir_config::Lambda;
use weir_engine::{FunctionUsage, Times, Watched};
use weir_pipeline::{Bill, bill};

use super::alarms::blocking;
use crate::api::{Api, Shared};
use crate::extract::Path;
use crate::problem::Problem;

/// Series of one function in an answer.
const MAX_SERIES: usize = 200;
/// Entries of the engine's memory that are looked at while the pipeline waits.
const LOOKS: usize = 50_000;

pub(crate) async fn functions(State(api): Shared) -> Json<Value> {
    let usage = api.pipeline.lock().usage();
    let config = api.config.get();
    let lambda = &config.lambda;
    let mut total = Bill::default();
    let functions: Vec<Value> = usage
        .functions
        .iter()
        .map(|function| {
            let bill = bill_of(lambda, function);
            total = total + bill;
            as_json(&api, function, bill)
        })
        .collect();
    Json(json!({
        "functions": functions,
        "messages": {"count": usage.messages, "time": time(&usage.message_time)},
        "lambda": {
            "memoryMb": lambda.memory / (1 << 20),
            "batchSize": lambda.batch_size,
            "minDurationMs": lambda.min_duration.as_secs_f64() * 1e3,
            "usdPerMillionRequests": lambda.price_per_million_requests,
            "usdPerGbSecond": lambda.price_per_gb_second,
            "functionsApart": total,
            "functionsTogether": bill(lambda, usage.messages, 1, &usage.message_time),
        },
    }))
}

pub(crate) async fn one(
    State(api): Shared,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let usage = api.pipeline.lock().usage();
    let mut functions = usage.functions.iter();
    let function = functions.find(|function| *function.name == *name);
    let function =
        function.ok_or_else(|| Problem::not_found(format!("there is no function {name:?}")))?;
    let bill = bill_of(&api.config.get().lambda, function);
    let mut document = as_json(&api, function, bill);
    document["settings"] = Value::Object(settings(&api, &name));
    let stage = api.pipeline.lock().engine().stage_of(&name);
    document["stage"] = json!(stage);
    let watched = blocking(move || Ok(watched(&api, &name))).await?;
    let series = watched.series.iter();
    document["series"] = series
        .map(|(device, sensor)| json!({"device": device, "sensor": sensor}))
        .collect();
    document["seriesTotal"] = json!(watched.total);
    Ok(Json(document))
}

/// The keys of its `[[function]]`, as they are written.
fn settings(api: &Api, name: &str) -> Map<String, Value> {
    let keys = api.config.keys();
    let of_function = keys
        .iter()
        .filter(|key| key.table == "function" && key.item.as_deref() == Some(name));
    of_function
        .map(|key| (key.name.clone(), json!(key.value)))
        .collect()
}

/// Many short looks, so that the pipeline never waits for long.
fn watched(api: &Api, name: &str) -> Watched {
    let mut found = Watched::default();
    while api
        .pipeline
        .lock()
        .engine()
        .watched(name, LOOKS, MAX_SERIES, &mut found)
    {}
    found
}

/// As a Lambda function of its own.
pub(crate) fn bill_of(lambda: &Lambda, function: &FunctionUsage) -> Bill {
    bill(
        lambda,
        function.tally.invocations,
        lambda.batch_size,
        &function.time,
    )
}

fn as_json(api: &Api, function: &FunctionUsage, bill: Bill) -> Value {
    let tally = &function.tally;
    let concluded = tally.critical + tally.warning + tally.errors;
    // One call of a module concludes about each of its readings.
    let none = (function.kind != "wasm").then(|| tally.invocations.saturating_sub(concluded));
    json!({
        "name": function.name,
        "kind": function.kind,
        "invocations": tally.invocations,
        "ratePerSecond": api.rates.per_second(&function.name, tally.invocations),
        "errors": tally.errors,
        "verdicts": {
            "critical": tally.critical,
            "warning": tally.warning,
            "none": none,
        },
        "readings": {"suspect": tally.suspect, "quarantined": tally.bad},
        "time": time(&function.time),
        "memory": {
            "series": function.series,
            "bytesPerSeries": function.bytes_per_series,
            "bytes": function.series * function.bytes_per_series as u64,
        },
        "lambda": bill,
    })
}

fn time(times: &Times) -> Value {
    json!({
        "samples": times.count(),
        "meanNs": times.mean_ns().map(f64::round),
        "p50Ns": times.quantile_ns(0.5).map(f64::round),
        "p99Ns": times.quantile_ns(0.99).map(f64::round),
    })
}

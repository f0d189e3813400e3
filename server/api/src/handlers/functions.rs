//! `GET /api/v1/functions`: what each function did, what it remembers, how long
//! it takes, and what AWS Lambda would have charged for it.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use weir_config::Lambda;
use weir_engine::{FunctionUsage, Times};
use weir_pipeline::{Bill, bill};

use crate::api::Shared;

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
            as_json(function, bill)
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

/// As a Lambda function of its own.
pub(crate) fn bill_of(lambda: &Lambda, function: &FunctionUsage) -> Bill {
    bill(
        lambda,
        function.tally.invocations,
        lambda.batch_size,
        &function.time,
    )
}

fn as_json(function: &FunctionUsage, bill: Bill) -> Value {
    let tally = &function.tally;
    let concluded = tally.critical + tally.warning + tally.errors;
    // One call of a module concludes about each of its readings.
    let none = (function.kind != "wasm").then(|| tally.invocations.saturating_sub(concluded));
    json!({
        "name": function.name,
        "kind": function.kind,
        "invocations": tally.invocations,
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

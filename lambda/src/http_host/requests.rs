//! What a request is: a CloudEvent in binary or in structured mode, a push of
//! Pub/Sub, a call of Azure's host, or a plain message at `/ingest/{topic}`.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use weir_model::Timestamp;

use super::server::{Reply, Request};
use crate::answer::{Answer, problem};
use crate::envelope::{Call, Event, Source, decode_base64, reference_topic, topic_of_path};
use crate::handler::{Handled, Handler};
use crate::message::{Incoming, MessageId};

/// Platforms wait a minute at least.
const PATIENCE: i64 = 55_000_000_000;

/// How the answer is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    /// `{Outputs, Logs, ReturnValue}`
    Azure,
}

pub(super) fn answer(handler: &Handler, request: &Request, log: &(dyn Fn(&Value) + Sync)) -> Reply {
    if request.method == "GET" {
        return json_reply(200, &json!({"status": "ready"}));
    }
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = Timestamp::now();
    let request_id = format!("http-{}-{}", now.0, NEXT.fetch_add(1, Ordering::Relaxed));
    let call = Call {
        request_id: &request_id,
        now,
        deadline: now.saturating_add_nanos(PATIENCE),
        max_payload: handler.max_payload(),
    };
    let (event, form) = match open(request, &call) {
        Ok(opened) => opened,
        Err((status, detail)) => return reply(&problem(status, &detail)),
    };
    let trace_id = request.header("traceparent");
    let Handled { answer, line } = handler.handle_event(&event, &call, trace_id);
    log(&line);
    match (answer, form) {
        // Azure tries again after any status but a 2xx.
        (Answer::Error { message, .. }, _) => reply(&problem(503, &message)),
        (Answer::Result(value), Form::Plain) if value.get("statusCode").is_some() => reply(&value),
        (Answer::Result(value), Form::Plain) => json_reply(200, &value),
        (Answer::Result(value), Form::Azure) => {
            let returned = value.get("body").cloned().unwrap_or(value);
            json_reply(
                200,
                &json!({"Outputs": {}, "Logs": [], "ReturnValue": returned}),
            )
        }
    }
}

fn json_reply(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        content_type: "application/json",
        body: body.to_string().into_bytes(),
    }
}

/// `{statusCode, body}` as a reply.
fn reply(value: &Value) -> Reply {
    let status = value["statusCode"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    let status = status.unwrap_or(500);
    Reply {
        status,
        content_type: match status {
            200..300 => "application/json",
            _ => "application/problem+json",
        },
        body: value["body"]
            .as_str()
            .unwrap_or_default()
            .as_bytes()
            .to_vec(),
    }
}

type Opened = Result<(Event, Form), (u16, String)>;

fn open(request: &Request, call: &Call<'_>) -> Opened {
    let body = unpacked(request, call.max_payload)?;
    let content_type = request.header("content-type").unwrap_or_default();
    if request.header("ce-id").is_some() {
        return Ok((binary(request, body, call), Form::Plain));
    }
    if let Some(topic) = topic_of_path(&request.path) {
        let id = request.header("idempotency-key").unwrap_or(call.request_id);
        let message = message(id, topic, call.now, body);
        return Ok((event(Source::Http, vec![message]), Form::Plain));
    }
    let value: Option<Value> = serde_json::from_slice(&body).ok();
    let value = value.filter(Value::is_object);
    match value {
        Some(value) if content_type.starts_with("application/cloudevents+json") => {
            Ok((structured(&value, call), Form::Plain))
        }
        Some(value) if value["message"]["messageId"].is_string() => {
            Ok((pub_sub(&value, call), Form::Plain))
        }
        Some(value) if value["Data"].is_object() && value["Metadata"].is_object() => {
            Ok((azure(&value, call), Form::Azure))
        }
        Some(value) if value["weir"] == "tick" => Ok((
            event(Source::Tick { time: call.now }, Vec::new()),
            Form::Plain,
        )),
        _ => Err((
            404,
            format!(
                "{:?} is not /ingest/{{topic}}, and the request is neither a CloudEvent nor a \
                 push of Pub/Sub nor a call of Azure Functions",
                request.path
            ),
        )),
    }
}

fn unpacked(request: &Request, max: u64) -> Result<Vec<u8>, (u16, String)> {
    let body = match request.header("content-encoding") {
        Some("gzip") => {
            let mut plain = Vec::new();
            let read = GzDecoder::new(&*request.body)
                .take(max + 1)
                .read_to_end(&mut plain);
            read.map_err(|error| (400, format!("the body is not gzip: {error}")))?;
            plain
        }
        _ => request.body.clone(),
    };
    // A push wraps base64 in JSON: the payload itself is checked by the engine.
    match body.len() as u64 > max.saturating_mul(2).saturating_add(4_096) {
        true => Err((413, format!("the body has more than {max} bytes"))),
        false => Ok(body),
    }
}

fn event(source: Source, messages: Vec<Incoming>) -> Event {
    Event { source, messages }
}

fn message(id: &str, topic: String, received: Timestamp, payload: Vec<u8>) -> Incoming {
    Incoming {
        id: MessageId::Named(id.to_owned()),
        topic,
        client: String::new(),
        received,
        payload,
        group: None,
        fault: None,
    }
}

/// The topic that is given, else that of the reference event.
fn topic(given: Option<&str>, payload: &[u8]) -> String {
    let given = given.filter(|topic| !topic.is_empty()).map(str::to_owned);
    let inside = || {
        let value: Value = serde_json::from_slice(payload).ok()?;
        reference_topic(&value)
    };
    given.or_else(inside).unwrap_or_default()
}

fn time(text: Option<&str>, call: &Call<'_>) -> Timestamp {
    text.and_then(Timestamp::parse_rfc3339).unwrap_or(call.now)
}

fn binary(request: &Request, body: Vec<u8>, call: &Call<'_>) -> Event {
    let header = |name| request.header(name).unwrap_or_default();
    let id = format!("{}/{}", header("ce-source"), header("ce-id"));
    let topic = topic(request.header("ce-subject"), &body);
    let time = time(request.header("ce-time"), call);
    event(Source::Iot, vec![message(&id, topic, time, body)])
}

fn structured(value: &Value, call: &Call<'_>) -> Event {
    let text = |name: &str| value[name].as_str();
    let payload = match (text("data_base64"), &value["data"]) {
        (Some(encoded), _) => decode_base64(encoded).unwrap_or_else(|| encoded.as_bytes().to_vec()),
        (None, Value::String(data)) => data.as_bytes().to_vec(),
        (None, data) => data.to_string().into_bytes(),
    };
    let id = format!(
        "{}/{}",
        text("source").unwrap_or_default(),
        text("id").unwrap_or(call.request_id)
    );
    let topic = topic(text("subject"), &payload);
    let message = message(&id, topic, time(text("time"), call), payload);
    event(Source::Iot, vec![message])
}

fn pub_sub(value: &Value, call: &Call<'_>) -> Event {
    let inner = &value["message"];
    let data = inner["data"].as_str().unwrap_or_default();
    let payload = decode_base64(data).unwrap_or_else(|| data.as_bytes().to_vec());
    let topic = topic(inner["attributes"]["topic"].as_str(), &payload);
    let id = inner["messageId"].as_str().unwrap_or(call.request_id);
    let time = time(inner["publishTime"].as_str(), call);
    event(Source::Iot, vec![message(id, topic, time, payload)])
}

/// The values of a trigger: one, or several where its cardinality is many. Event Hubs
/// number them; other triggers have the id of the invocation.
fn azure(value: &Value, call: &Call<'_>) -> Event {
    let metadata = &value["Metadata"];
    let data = value["Data"].as_object().into_iter().flatten();
    let mut messages = Vec::new();
    for (_, data) in data {
        // Values are JSON in a text, or JSON.
        let data = match data {
            Value::String(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
            other => other.clone(),
        };
        let items = match data {
            Value::Array(items) => items,
            one => vec![one],
        };
        for (nth, item) in items.iter().enumerate() {
            let payload = match item {
                Value::String(text) => text.as_bytes().to_vec(),
                other => other.to_string().into_bytes(),
            };
            let of_item = |one: &str, many: &str| {
                let many = &metadata[many][nth];
                let found = if many.is_null() { &metadata[one] } else { many };
                match found {
                    Value::String(text) => Some(text.trim_matches('"').to_owned()),
                    Value::Null => None,
                    other => Some(other.to_string()),
                }
            };
            let number = of_item("SequenceNumber", "SequenceNumberArray")
                .or_else(|| of_item("Id", "IdArray"));
            let partition = metadata["PartitionContext"]["PartitionId"].as_str();
            let id = match number {
                Some(number) => format!("{}/{number}", partition.unwrap_or_default()),
                None => format!("{}/{nth}", call.request_id),
            };
            let time = time(
                of_item("EnqueuedTimeUtc", "EnqueuedTimeUtcArray").as_deref(),
                call,
            );
            let topic = topic(None, &payload);
            messages.push(message(&id, topic, time, payload));
        }
    }
    event(Source::Iot, messages)
}

//! A request: API Gateway with payload 1.0 or 2.0, or a function URL, whose events
//! are those of 2.0. The path is `/ingest/{topic+}`.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::{Call, Event, Refusal, Source, decode_base64, millis, text};
use crate::message::{Incoming, MessageId};

pub(super) fn is_one(event: &Value) -> bool {
    event["requestContext"]["http"].is_object()
        || (event["httpMethod"].is_string() && event["requestContext"].is_object())
}

pub(super) fn open(event: &Value, call: &Call<'_>) -> Result<Event, Refusal> {
    let refused = |status, detail: String| Refusal::Http { status, detail };
    let context = &event["requestContext"];
    let method = text(context, &["http", "method"]).or_else(|| text(event, &["httpMethod"]));
    if !matches!(method, Some("POST" | "PUT")) {
        let method = method.unwrap_or_default();
        return Err(refused(
            405,
            format!("{method} is not taken here: send POST"),
        ));
    }
    let path = text(event, &["rawPath"])
        .or_else(|| text(event, &["path"]))
        .unwrap_or_default();
    let topic = match text(event, &["pathParameters", "topic"]) {
        Some(topic) => Some(topic.to_owned()),
        None => topic_of_path(path),
    };
    let Some(topic) = topic else {
        return Err(refused(404, format!("{path:?} is not /ingest/{{topic}}")));
    };
    let payload = payload(event, call.max_payload)?;
    let time = millis(&context["timeEpoch"]).or_else(|| millis(&context["requestTimeEpoch"]));
    let id = header(event, "idempotency-key")
        .or_else(|| text(context, &["requestId"]))
        .unwrap_or(call.request_id);
    let message = Incoming {
        id: MessageId::Named(id.to_owned()),
        topic,
        client: client(context).unwrap_or_default().to_owned(),
        received: time.unwrap_or(call.now),
        payload,
        group: None,
        fault: None,
    };
    Ok(Event {
        source: Source::Http,
        messages: vec![message],
    })
}

/// Whom the gateway authenticated.
fn client(context: &Value) -> Option<&str> {
    const WHO: [&[&str]; 5] = [
        &["authorizer", "jwt", "claims", "sub"],
        &["authorizer", "iam", "userArn"],
        &["authorizer", "lambda", "principalId"],
        &["authorizer", "principalId"],
        &["identity", "userArn"],
    ];
    WHO.iter().find_map(|path| text(context, path))
}

/// Behind the first `/ingest/`; a stage may stand before it.
pub(crate) fn topic_of_path(path: &str) -> Option<String> {
    let (_, topic) = path.split_once("/ingest/")?;
    (!topic.is_empty()).then(|| percent_decoded(topic))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3);
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The header of this name; gateways keep the case that the sender used.
fn header<'v>(event: &'v Value, name: &str) -> Option<&'v str> {
    let headers = event["headers"].as_object()?;
    let mut found = headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next()?.1.as_str()
}

fn payload(event: &Value, max: u64) -> Result<Vec<u8>, Refusal> {
    let refused = |status, detail: String| Refusal::Http { status, detail };
    let body = text(event, &["body"]).unwrap_or_default();
    let body = match event["isBase64Encoded"].as_bool() {
        Some(true) => {
            decode_base64(body).ok_or_else(|| refused(400, "the body is not base64".to_owned()))?
        }
        _ => body.as_bytes().to_vec(),
    };
    let too_large = || refused(413, format!("the body has more than {max} bytes"));
    let body = match header(event, "content-encoding")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("identity" | "") => body,
        Some("gzip") => {
            let mut plain = Vec::new();
            let read = GzDecoder::new(&*body).take(max + 1).read_to_end(&mut plain);
            read.map_err(|error| refused(400, format!("the body is not gzip: {error}")))?;
            plain
        }
        Some(other) => {
            let detail = format!("the encoding {other:?} is not taken: send gzip or none");
            return Err(refused(415, detail));
        }
    };
    if body.len() as u64 > max {
        return Err(too_large());
    }
    Ok(body)
}

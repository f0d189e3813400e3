//! What is answered: the form depends on the source.

use serde_json::{Value, json};

use crate::envelope::{Event, Refusal, Source};
use crate::message::{Incoming, MessageId, Outcome, Processed};

/// What the host hands back to whoever called.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The result of the invocation.
    Result(Value),
    /// The invocation failed: an asynchronous caller tries again.
    Error { kind: &'static str, message: String },
}

/// The answer to an event whose messages ended so, one outcome for each.
pub(crate) fn answer(event: &Event, outcomes: &[Outcome]) -> Answer {
    match event.source {
        Source::Sqs { .. } | Source::Kinesis => Answer::Result(partial(event, outcomes)),
        Source::Http => Answer::Result(http(&event.messages, outcomes)),
        Source::Iot | Source::Reference => direct(&event.messages, outcomes),
        // A tick is answered by the sweep.
        Source::Tick { .. } => Answer::Result(json!({})),
    }
}

/// The answer to an event that was not taken.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::Http { status, detail } => Answer::Result(problem(*status, detail)),
        other => Answer::Error {
            kind: "Refused",
            message: other.to_string(),
        },
    }
}

/// `{processed, alerts, timestamp}`, as the reference handler.
pub(crate) fn body(processed: &Processed, first: &Incoming) -> Value {
    let timestamp = processed.timestamp.unwrap_or(first.received).millis();
    let mut body = json!({
        "processed": processed.readings,
        "alerts": processed.alerts,
        "timestamp": timestamp,
    });
    if processed.quarantined > 0 {
        body["quarantined"] = json!(processed.quarantined);
    }
    body
}

fn direct(messages: &[Incoming], outcomes: &[Outcome]) -> Answer {
    let mut sum = Processed::default();
    for outcome in outcomes {
        match outcome {
            Outcome::Done(processed) => sum.add(processed),
            Outcome::Failed(reason) => {
                return Answer::Error {
                    kind: "Failed",
                    message: reason.clone(),
                };
            }
        }
    }
    let body = messages.first().map(|first| body(&sum, first).to_string());
    Answer::Result(json!({"statusCode": 200, "body": body.unwrap_or_default()}))
}

fn http(messages: &[Incoming], outcomes: &[Outcome]) -> Value {
    match (messages.first(), outcomes.first()) {
        (Some(message), Some(Outcome::Done(processed))) => json!({
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": body(processed, message).to_string(),
        }),
        (_, Some(Outcome::Failed(reason))) => problem(503, reason),
        _ => problem(500, "the request has no message"),
    }
}

/// A problem document (RFC 9457).
pub(crate) fn problem(status: u16, detail: &str) -> Value {
    let title = match status {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    let body = json!({"title": title, "status": status, "detail": detail});
    let mut headers = json!({"content-type": "application/problem+json"});
    if status == 503 {
        headers["retry-after"] = json!("1");
    }
    json!({"statusCode": status, "headers": headers, "body": body.to_string()})
}

/// `batchItemFailures`: what has to come again. A FIFO queue gets the rest of a
/// failed group as well, a stream everything from the first failure on, by the
/// number of that one.
fn partial(event: &Event, outcomes: &[Outcome]) -> Value {
    let failed = event.messages.iter().zip(outcomes);
    let failed = failed.filter(|(_, outcome)| outcome.is_failed());
    let failed: Vec<&Incoming> = failed.map(|(message, _)| message).collect();
    let names: Vec<&str> = match event.source {
        Source::Kinesis => {
            let lowest = failed.iter().map(|message| message.id.text());
            lowest
                .min_by(|a, b| compare_numbers(a, b))
                .into_iter()
                .collect()
        }
        Source::Sqs { fifo: true } => {
            let mut broken: Vec<&str> = Vec::new();
            let mut names = Vec::new();
            for (message, outcome) in event.messages.iter().zip(outcomes) {
                let group = message.group.as_deref().unwrap_or_default();
                if outcome.is_failed() && !broken.contains(&group) {
                    broken.push(group);
                }
                if broken.contains(&group) {
                    names.push(message.id.text());
                }
            }
            names
        }
        _ => failed.iter().map(|message| message.id.text()).collect(),
    };
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({"itemIdentifier": name}))
        .collect();
    json!({"batchItemFailures": items})
}

/// Decimal numbers of any length without leading zeros.
pub(crate) fn compare_numbers(a: &str, b: &str) -> std::cmp::Ordering {
    (a.len(), a).cmp(&(b.len(), b))
}

/// Whether the record was applied when the shard had been read up to `last`.
pub(crate) fn is_up_to(id: &MessageId, shard: &str, last: &str) -> bool {
    match id {
        MessageId::Sequence { shard: own, number } => {
            own == shard && compare_numbers(number, last).is_le()
        }
        MessageId::Named(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use weir_model::Timestamp;

    use super::*;

    fn message(id: MessageId, group: Option<&str>) -> Incoming {
        Incoming {
            id,
            topic: String::new(),
            client: String::new(),
            received: Timestamp(5_000_000),
            payload: Vec::new(),
            group: group.map(str::to_owned),
            fault: None,
        }
    }

    fn outcomes(text: &str) -> Vec<Outcome> {
        let outcome = |c| match c {
            'x' => Outcome::Failed("why".to_owned()),
            _ => Outcome::Done(Processed::default()),
        };
        text.chars().map(outcome).collect()
    }

    #[track_caller]
    fn check(source: Source, messages: Vec<Incoming>, ended: &str, expect: &[&str]) {
        let event = Event { source, messages };
        let Answer::Result(answer) = answer(&event, &outcomes(ended)) else {
            panic!("an error");
        };
        let items = answer["batchItemFailures"].as_array().unwrap();
        let names: Vec<&str> = items
            .iter()
            .map(|item| item["itemIdentifier"].as_str().unwrap())
            .collect();
        assert_eq!(names, expect);
    }

    #[test]
    fn a_queue_gets_back_what_failed() {
        let named = |id: &str, group| message(MessageId::Named(id.to_owned()), group);
        let standard = || ["a", "b", "c"].map(|id| named(id, None)).to_vec();
        check(Source::Sqs { fifo: false }, standard(), "...", &[]);
        check(Source::Sqs { fifo: false }, standard(), "x.x", &["a", "c"]);
        let groups = [("a", "1"), ("b", "2"), ("c", "1"), ("d", "2")];
        let fifo = groups.map(|(id, group)| named(id, Some(group))).to_vec();
        check(Source::Sqs { fifo: true }, fifo, "x...", &["a", "c"]);
    }

    #[test]
    fn a_stream_is_read_again_from_the_lowest_number() {
        let record = |number: &str| {
            let shard = "s".to_owned();
            let number = number.to_owned();
            message(MessageId::Sequence { shard, number }, None)
        };
        let records = ["99", "100", "101"].map(record).to_vec();
        check(Source::Kinesis, records.clone(), "..x", &["101"]);
        check(Source::Kinesis, records.clone(), "x.x", &["99"]);
        check(Source::Kinesis, records, "...", &[]);
    }

    #[test]
    fn the_reference_event_is_answered_as_by_the_reference_handler() {
        let event = Event {
            source: Source::Reference,
            messages: vec![message(MessageId::Named("a".to_owned()), None)],
        };
        let done = |timestamp| {
            [Outcome::Done(Processed {
                readings: 3,
                quarantined: 0,
                alerts: 2,
                timestamp,
            })]
        };
        let expect = |millis: i64| {
            let body = format!("{{\"alerts\":2,\"processed\":3,\"timestamp\":{millis}}}");
            Answer::Result(json!({"statusCode": 200, "body": body}))
        };
        assert_eq!(answer(&event, &done(Some(Timestamp(9_000_000)))), expect(9));
        assert_eq!(answer(&event, &done(None)), expect(5));
        assert!(matches!(
            answer(&event, &outcomes("x")),
            Answer::Error { .. }
        ));
    }

    #[test]
    fn a_request_that_failed_may_be_sent_again() {
        let event = Event {
            source: Source::Http,
            messages: vec![message(MessageId::Named("a".to_owned()), None)],
        };
        let Answer::Result(answer) = answer(&event, &outcomes("x")) else {
            panic!("an error");
        };
        assert_eq!(
            (&answer["statusCode"], &answer["headers"]["retry-after"]),
            (&json!(503), &json!("1"))
        );
        let refusal = Refusal::Http {
            status: 413,
            detail: "large".to_owned(),
        };
        let Answer::Result(answer) = refused(&refusal) else {
            panic!("an error");
        };
        assert_eq!(answer["statusCode"], 413);
        assert!(
            answer["body"]
                .as_str()
                .unwrap()
                .contains("\"detail\":\"large\"")
        );
    }
}

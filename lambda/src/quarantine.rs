//! Rejected readings to S3 or to a queue: one JSON document each, with the payload
//! as it came. The same entry has the same key, so a retry writes it once more in
//! place.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use weir_aws::{Bucket, JsonClient};
use weir_model::percent_encoded;

use crate::outlets::{Rejected, Sent};
use crate::parallel::each_of;

/// Where entries go.
#[derive(Debug)]
pub(crate) enum Quarantine {
    Bucket(Bucket),
    Queue {
        client: JsonClient,
        url: String,
    },
    /// Messages with rejected readings fail, and end where the source's dead letters
    /// go.
    None,
}

impl Quarantine {
    pub(crate) fn open(&self) {
        match self {
            Self::Bucket(bucket) => bucket.client().open(),
            Self::Queue { client, .. } => client.client().open(),
            Self::None => {}
        }
    }

    pub(crate) fn put(&self, entries: &[Rejected]) -> Vec<Sent> {
        each_of(entries, |entry| match self {
            Self::Bucket(bucket) => {
                let body = document(entry).to_string();
                let put = bucket.put(&key(entry), "application/json", body.as_bytes());
                put.map_err(|error| error.to_string())
            }
            Self::Queue { client, url } => {
                let body = document(entry).to_string();
                let message = json!({"QueueUrl": url, "MessageBody": body});
                let sent = client.call("SendMessage", &message);
                sent.map(|_| ()).map_err(|error| error.to_string())
            }
            Self::None => {
                let (reason, detail) = (entry.entry.reason, &entry.entry.detail);
                Err(format!("there is no quarantine for {reason}: {detail}"))
            }
        })
    }
}

/// `quarantine/{reason}/{day}/{device}/{id}.json`; a single reading has its number
/// behind the id.
fn key(rejected: &Rejected) -> String {
    let entry = &rejected.entry;
    let day = entry.received.date_time().format("%Y-%m-%d");
    let reading = entry.reading.map_or(String::new(), |nth| format!("-{nth}"));
    let device = percent_encoded(&rejected.device);
    let id = percent_encoded(&rejected.message_id);
    format!(
        "quarantine/{}/{day}/{device}/{id}{reading}.json",
        entry.reason
    )
}

/// The members of `GET /api/v1/quarantine`.
fn document(rejected: &Rejected) -> Value {
    let entry = &rejected.entry;
    let text = std::str::from_utf8(&entry.payload).ok();
    let mut document = json!({
        "id": rejected.message_id,
        "received": entry.received.to_rfc3339(),
        "reason": entry.reason.as_str(),
        "detail": entry.detail,
        "topic": entry.topic,
        "client": entry.client,
        "door": entry.ingress.as_str(),
        "reading": entry.reading,
        "payloadBytes": entry.payload_bytes,
        "payload": text,
    });
    if text.is_none() {
        document["payloadBase64"] = Value::String(STANDARD.encode(&entry.payload));
    }
    document
}

#[cfg(test)]
mod tests {
    use weir_model::{
        Ingress, Message, Position, QuarantineEntry, QuarantineReason, Quarantined, Timestamp,
    };

    use super::*;

    #[test]
    fn an_entry_has_its_place_and_its_bytes() {
        let message = Message {
            received: Timestamp(1_790_000_000_000_000_000),
            ingress: Ingress::Function,
            client: "c",
            topic: "devices/p1/telemetry",
            payload: b"\xff{",
            qos: 1,
            retained: false,
            duplicate: false,
        };
        let quarantined = Quarantined {
            position: Position(0),
            reading: Some(2),
            reason: QuarantineReason::InvalidUtf8,
            detail: "why".to_owned(),
        };
        let rejected = Rejected {
            entry: QuarantineEntry::new(&quarantined, Some(&message), message.payload),
            message: 0,
            message_id: "a/b".to_owned(),
            device: "p1".to_owned(),
        };
        assert_eq!(
            key(&rejected),
            "quarantine/invalid_utf8/2026-09-21/p1/a%2Fb-2.json"
        );
        let document = document(&rejected);
        assert_eq!(
            (&document["payload"], &document["payloadBase64"]),
            (&Value::Null, &json!("/3s="))
        );
        assert_eq!(
            (&document["door"], &document["reading"]),
            (&json!("function"), &json!(2))
        );
        let failed = Quarantine::None.put(&[rejected]);
        assert!(failed[0].as_ref().unwrap_err().contains("invalid_utf8"));
    }
}

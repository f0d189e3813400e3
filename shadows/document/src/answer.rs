//! Answers to requests.

use crate::rejected::Rejected;
use crate::request::{Request, client_token};
use crate::topic::{AnswerKind, answer_topic};

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub topic: String,
    pub payload: Vec<u8>,
}

/// The `rejected` answer to a request that is refused before a lookup, such as for
/// missing rights. It echoes the client token if that is well-formed.
pub fn rejected_answer(prefix: &str, request: &Request, rejected: &Rejected, now_s: i64) -> Answer {
    let token = client_token(&request.payload).unwrap_or_default();
    let topic = answer_topic(
        prefix,
        &request.thing,
        request.name.as_deref(),
        request.operation,
        AnswerKind::Rejected,
    );
    Answer {
        topic,
        payload: rejected.payload(now_s, token.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Operation;

    #[test]
    fn a_refusal_has_the_code_and_the_token() {
        let request = |payload: &str| Request {
            thing: "lamp".to_owned(),
            name: Some("n".to_owned()),
            operation: Operation::Update,
            payload: payload.as_bytes().to_vec(),
            publish: true,
        };
        for (rejected, payload, expect) in [
            (
                Rejected::Unauthorized,
                r#"{"clientToken": "t"}"#,
                json!({"code": 401, "message": "Unauthorized", "timestamp": 7, "clientToken": "t"}),
            ),
            (
                Rejected::Forbidden,
                "not json",
                json!({"code": 403, "message": "Forbidden", "timestamp": 7}),
            ),
        ] {
            let answer = rejected_answer("$aws/things", &request(payload), &rejected, 7);
            assert_eq!(
                answer.topic,
                "$aws/things/lamp/shadow/name/n/update/rejected"
            );
            let document: Value = serde_json::from_slice(&answer.payload).unwrap();
            assert_eq!(document, expect);
        }
    }
}

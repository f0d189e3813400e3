//! Why a call did not succeed, whichever way its service words it.

use serde_json::Value;
use thiserror::Error;
use weir_http_client::{HttpError, Response};

/// A call without success.
#[derive(Debug, Error)]
pub enum AwsError {
    #[error("{service}: {source}")]
    Http {
        service: &'static str,
        source: HttpError,
    },
    /// The service refused it. `code` is its name for the reason, such as
    /// `ConditionalCheckFailedException`; empty if it gives none.
    #[error("{service} answered {status} {code}: {message}")]
    Refused {
        service: &'static str,
        status: u16,
        code: String,
        message: String,
        /// The whole answer, if it is JSON.
        body: Value,
    },
    #[error("{service} gave an answer that cannot be read: {what}")]
    Answer {
        service: &'static str,
        what: &'static str,
    },
}

/// Longest message of a service that is kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;

impl AwsError {
    /// Of a response without success.
    pub fn refused(service: &'static str, response: &Response) -> Self {
        let text = String::from_utf8_lossy(&response.body);
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let (code, message) = match &body {
            Value::Object(_) => of_json(&body),
            _ => of_xml(&text),
        };
        let message = message.unwrap_or_else(|| text.to_string());
        Self::Refused {
            service,
            status: response.status,
            code: code.unwrap_or_default(),
            message: message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)].to_owned(),
            body,
        }
    }

    /// The service's name for the reason; empty if there is none.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Http { .. } | Self::Answer { .. } => "",
        }
    }

    /// The same call may succeed if it is repeated at once: the connection was
    /// closed meanwhile, or the service had a fault of its own.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Http { source, .. } => {
                matches!(source, HttpError::ConnectionFailed | HttpError::Io(_))
            }
            Self::Refused { status, .. } => *status >= 500,
            Self::Answer { .. } => false,
        }
    }
}

/// `{"__type": "com.amazonaws…#Name", "message": "…"}`
fn of_json(body: &Value) -> (Option<String>, Option<String>) {
    let text = |names: [&str; 2]| {
        let mut found = names.iter().filter_map(|name| body[*name].as_str());
        found.next().map(str::to_owned)
    };
    let code = text(["__type", "code"]);
    let code = code.map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    (code, text(["message", "Message"]))
}

/// `<Code>…</Code><Message>…</Message>`
fn of_xml(text: &str) -> (Option<String>, Option<String>) {
    let element = |name: &str| within(text, name).map(str::to_owned);
    (element("Code"), element("Message"))
}

/// The content of the first element of this name.
pub(crate) fn within<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_its_code_in_json_and_in_xml() {
        let json =
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#;
        let json = of_json(&serde_json::from_str(json).unwrap());
        let expect = (
            Some("ThrottlingException".to_owned()),
            Some("slow".to_owned()),
        );
        assert_eq!(json, expect);
        let xml = "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>";
        let expect = (Some("NoSuchBucket".to_owned()), Some("none".to_owned()));
        assert_eq!(of_xml(xml), expect);
        assert_eq!(of_xml("gone"), (None, None));
    }
}

//! What an answer of InfluxDB asks for: try again, send less, give up a line, or
//! have somebody look at the configuration.

use std::time::{Duration, SystemTime};

use reqwest_influx::StatusCode;
use thiserror::Error;

/// Longest message of the server that is kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;
/// A Retry-After beyond this is not believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Why lines were not written, by what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SinkError {
    /// Try the same again: after the given time if the server named one.
    #[error("{message}")]
    Retry {
        after: Option<Duration>,
        message: String,
    },
    /// The token is not accepted: try again slowly, and tell someone.
    #[error("the token is not accepted: {message}")]
    Auth { message: String },
    /// Nothing is taken, whatever is in it; the configuration or something on
    /// the way is wrong: try again slowly, and tell someone.
    #[error("it refuses everything: {message}")]
    Refused { message: String },
    /// Send less at once.
    #[error("too much at once: {message}")]
    TooLarge { message: String },
    /// Some line will never be taken.
    #[error("rejected: {message}")]
    Rejected { message: String },
}

impl SinkError {
    /// `after` is the answer's Retry-After.
    pub(super) fn of_answer(status: StatusCode, after: Option<Duration>, text: &str) -> Self {
        let message = format!("{status}: {}", shorten(text));
        match status {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Self::Rejected { message }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Auth { message },
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge { message },
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Self::Retry { after, message }
            }
            status if status.is_server_error() => Self::Retry { after, message },
            // No such bucket, a redirect, a proxy's opinion: no line's fault.
            _ => Self::Refused { message },
        }
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let after = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(after.min(MAX_RETRY_AFTER))
}

/// The refusal speaks of a line, and not of the request: it is in words that
/// InfluxDB has for lines, or quotes it.
pub(super) fn names_a_line(message: &str, line: &str) -> bool {
    const WORDS: [&str; 8] = [
        "unable to parse",
        "partial write",
        "type conflict",
        "dropped",
        "retention",
        "line_number",
        "original_line",
        "error parsing line",
    ];
    const QUOTED: usize = 24;
    let beginning = &line[..line.floor_char_boundary(QUOTED)];
    WORDS.iter().any(|word| message.contains(word)) || message.contains(beginning)
}

/// How many points a partial write left out: `partial write: … dropped=3`.
pub(super) fn dropped(message: &str) -> Option<usize> {
    let (_, behind) = message.split_once("dropped=")?;
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

pub(super) fn shorten(text: &str) -> &str {
    let text = text.trim();
    &text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)]
}

/// An error with its causes: the outermost says only that a request failed.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, expect) in [
            ("0", Some(0)),
            (" 30 ", Some(30)),
            ("999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(text, now),
                expect.map(Duration::from_secs),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_refusal_of_a_line_is_told_from_one_of_everything() {
        let line = "readings,device=pump-1,sensor=flow value=1.0 5";
        for (message, expect) in [
            (
                r#"400: {"code":"invalid","message":"unable to parse 'x': missing fields"}"#,
                true,
            ),
            (
                "422: partial write: points beyond retention policy dropped=1",
                true,
            ),
            ("422: field type conflict: input field \"value\"", true),
            ("400: cannot read readings,device=pump-1,sensor=flow", true),
            ("400: <html>Bad Request</html>", false),
            ("400: org is required", false),
            ("400: ", false),
        ] {
            assert_eq!(names_a_line(message, line), expect, "{message}");
        }
        assert_eq!(dropped("partial write: x dropped=12, y"), Some(12));
        assert_eq!(dropped("partial write: x"), None);
    }
}

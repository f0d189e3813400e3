//! Classifies an answer of InfluxDB: success, try again, send less, give up a
//! line, or report a configuration problem.
//!
//! The status code alone does not decide. InfluxDB 2.0 answers 500 for a line that
//! is older than the retention, InfluxDB Cloud answers 201 with a body when it
//! rejected some lines, and a proxy answers 200 with a page of its own. So the
//! text of the answer counts too: see [`Failure::blames_lines`].

use std::time::{Duration, SystemTime};

use thiserror::Error;

/// Longest message of the server that is kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;
/// Longest Retry-After that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Why lines were not written, by what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SinkError {
    /// Send the same again: after the given time if the server named one.
    #[error("{message}")]
    Retry {
        after: Option<Duration>,
        message: String,
    },
    /// The token is not accepted: try again slowly and report it.
    #[error("the token is not accepted: {message}")]
    Auth { message: String },
    /// Every request is refused, whatever it contains; the configuration or
    /// something between Weir and InfluxDB is wrong: try again slowly and report it.
    #[error("it refuses everything: {message}")]
    Refused { message: String },
    /// Send fewer lines per request.
    #[error("too much at once: {message}")]
    TooLarge { message: String },
    /// The server will never accept at least one of the lines.
    #[error("rejected: {message}")]
    Rejected { message: String },
}

/// A request that did not succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub error: SinkError,
    /// Absent when no answer came.
    status: Option<u16>,
}

impl Failure {
    pub fn no_answer(error: &dyn std::error::Error) -> Self {
        let error = SinkError::Retry {
            after: None,
            message: chain(error),
        };
        Self {
            error,
            status: None,
        }
    }

    /// A server error whose text speaks of lines: the server may mean the lines
    /// and not itself. The message is what has to repeat before it is believed.
    #[cfg(feature = "client")]
    pub(crate) fn blames_lines<'a>(
        &self,
        mut lines: impl Iterator<Item = &'a str>,
    ) -> Option<&str> {
        match &self.error {
            SinkError::Retry { message, .. } if self.status.is_some_and(is_server_error) => {
                let blames = lines.any(|line| names_a_line(message, line));
                blames.then_some(message.as_str())
            }
            _ => None,
        }
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn is_server_error(status: u16) -> bool {
    (500..600).contains(&status)
}

/// Decides what an answer means. `status` is that of HTTP, `reason` its name for the
/// message, `after` its Retry-After, `text` its body.
pub fn judge(
    status: u16,
    reason: Option<&str>,
    after: Option<Duration>,
    text: &str,
) -> Result<(), Failure> {
    // The protocol's success is 204. A gateway may turn it into an empty 200.
    let accepted = status == 204 || is_success(status) && text.trim().is_empty();
    if accepted {
        return Ok(());
    }
    let message = match reason {
        Some(reason) => format!("{status} {reason}: {}", shorten(text)),
        None => format!("{status}: {}", shorten(text)),
    };
    let error = match status {
        400 | 422 => SinkError::Rejected { message },
        401 | 403 => SinkError::Auth { message },
        413 => SinkError::TooLarge { message },
        408 | 429 => SinkError::Retry { after, message },
        status if is_server_error(status) => SinkError::Retry { after, message },
        // A partial write: the body lists what was rejected.
        status if is_success(status) && has_line_words(text) => SinkError::Rejected { message },
        // No such bucket, a redirect, a page of a proxy: not the fault of a line.
        _ => SinkError::Refused { message },
    };
    Err(Failure {
        error,
        status: Some(status),
    })
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
pub fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
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

/// The message speaks of a line, not of the request: it uses InfluxDB's words
/// for lines, or quotes the line.
pub fn names_a_line(message: &str, line: &str) -> bool {
    const QUOTED: usize = 24;
    let beginning = &line[..line.floor_char_boundary(QUOTED)];
    has_line_words(message) || message.contains(beginning)
}

fn has_line_words(message: &str) -> bool {
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
    WORDS.iter().any(|word| message.contains(word))
}

/// How many points a partial write left out: `partial write: … dropped=3`.
#[cfg(feature = "client")]
pub(crate) fn dropped(message: &str) -> Option<usize> {
    let (_, behind) = message.split_once("dropped=")?;
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

pub(crate) fn shorten(text: &str) -> &str {
    let text = text.trim();
    &text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)]
}

/// An error with its causes: the outermost message alone only says that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
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
        #[cfg(feature = "client")]
        assert_eq!(dropped("partial write: x dropped=12, y"), Some(12));
        #[cfg(feature = "client")]
        assert_eq!(dropped("partial write: x"), None);
    }

    #[test]
    fn success_is_what_the_protocol_calls_success() {
        let page = "<html>Welcome to the guest network</html>";
        let partial = r#"{"message":"partial write of line protocol occurred","line":2}"#;
        for (status, text, expect) in [
            (204, "", "success"),
            (204, "ignored", "success"),
            (200, "", "success"),
            (202, " \n", "success"),
            (200, page, "refused"),
            (200, "{}", "refused"),
            (201, partial, "rejected"),
            (200, partial, "rejected"),
            (302, "", "refused"),
        ] {
            let found = match judge(status, None, None, text).map_err(|failure| failure.error) {
                Ok(()) => "success",
                Err(SinkError::Rejected { .. }) => "rejected",
                Err(SinkError::Refused { .. }) => "refused",
                Err(other) => panic!("{status} {text:?}: {other:?}"),
            };
            assert_eq!(found, expect, "{status} {text:?}");
        }
    }

    #[cfg(feature = "client")]
    #[test]
    fn only_a_server_error_that_speaks_of_lines_blames_them() {
        let line = "readings,device=pump-1,sensor=flow value=1.0 5";
        for (status, text, expect) in [
            (
                500,
                "partial write: points beyond retention policy dropped=1",
                true,
            ),
            (
                503,
                "cannot store readings,device=pump-1,sensor=flow value=1.0",
                true,
            ),
            (500, "engine is closed", false),
            (503, "", false),
            (429, "partial write: too many requests", false),
            (422, "partial write: dropped=1", false),
        ] {
            let failure = judge(status, None, None, text).unwrap_err();
            let blames = failure.blames_lines([line].into_iter()).is_some();
            assert_eq!(blames, expect, "{status} {text:?}");
        }
    }
}

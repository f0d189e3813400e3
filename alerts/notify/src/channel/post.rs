//! HTTP deliveries: what a response says about a notification.

use std::time::Duration;

use weir_config::Channel;
use weir_http_client::{HttpClient, HttpError, Method, Options, Request, Response, Trust};

use super::error::DeliveryError;
use super::text::cut;

/// Bytes of a response that are read, for its error message.
const MAX_RESPONSE: u64 = 64 << 10;
/// Bytes of the error message that are reported.
const MAX_MESSAGE: usize = 200;

/// The HTTP client of a channel.
pub(super) fn client(config: &Channel, trust: &Trust) -> HttpClient {
    let options = Options {
        timeout: config.timeout,
        allow_private: config.allow_private,
    };
    HttpClient::new(options, trust)
}

/// Posts JSON; any 2xx is a delivery.
pub(super) fn post_json(http: &HttpClient, url: &str, body: &[u8]) -> Result<(), DeliveryError> {
    post(http, url, &[("content-type", "application/json")], body)
}

/// Posts a body; any 2xx is a delivery. The URL may be a secret: no error repeats
/// it.
pub(super) fn post(
    http: &HttpClient,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(), DeliveryError> {
    accepted(http.send(&Request {
        method: Method::Post,
        url,
        headers,
        body,
        max_response: MAX_RESPONSE,
    }))
}

/// The clock of the server in milliseconds since the epoch: the `Date` of its
/// response, with any status.
pub(super) fn server_clock(http: &HttpClient, url: &str) -> Result<Option<i64>, DeliveryError> {
    let response = http.send(&Request {
        method: Method::Get,
        url,
        headers: &[],
        body: &[],
        max_response: MAX_RESPONSE,
    });
    Ok(response.map_err(no_response)?.date_ms())
}

/// Whether a response accepts the notification.
pub(super) fn accepted(response: Result<Response, HttpError>) -> Result<(), DeliveryError> {
    let response = response.map_err(no_response)?;
    if response.is_success() {
        return Ok(());
    }
    let retry_after = response.retry_after();
    Err(verdict(response.status, retry_after, &response.body))
}

fn no_response(error: HttpError) -> DeliveryError {
    DeliveryError::temporary(error.to_string())
}

/// 400, 410, 413, 415 and 422 refuse this body for good. A channel that is
/// configured wrongly (401, 403, 404, a redirect) can be corrected.
fn verdict(status: u16, retry_after: Option<Duration>, body: &[u8]) -> DeliveryError {
    let text = String::from_utf8_lossy(body);
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let text = cut(text.trim(), MAX_MESSAGE);
    let colon = if text.is_empty() { "" } else { ": " };
    match status {
        300..400 => DeliveryError::temporary(format!(
            "it answered {status}, a redirect, which is not followed"
        )),
        400 | 410 | 413 | 415 | 422 => DeliveryError::Refused {
            reason: format!("it answered {status}{colon}{text}"),
        },
        _ => DeliveryError::Temporary {
            reason: format!("it answered {status}{colon}{text}"),
            retry_after,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_whether_to_try_again() {
        let wait = Some(Duration::from_secs(7));
        for status in [401, 403, 404, 408, 429, 500, 502, 503] {
            let error = verdict(status, wait, b"later\n");
            let reason = format!("it answered {status}: later");
            let retry_after = wait;
            assert_eq!(
                error,
                DeliveryError::Temporary {
                    reason,
                    retry_after
                }
            );
        }
        for status in [400, 410, 413, 422] {
            assert!(matches!(
                verdict(status, wait, b""),
                DeliveryError::Refused { .. }
            ));
        }
        let redirect = verdict(302, None, b"");
        assert!(redirect.to_string().contains("not followed"), "{redirect}");
    }
}

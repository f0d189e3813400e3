//! Amazon SNS: `Publish` of each alert as JSON, with a message attribute
//! `severity` (`CRITICAL` or `WARNING`) that subscriptions can filter on.
//!
//! One call with one signature (Signature Version 4) is all that is needed of
//! AWS, so it is signed here rather than by an SDK of a hundred crates; see
//! `docs/decisions/`. Credentials come from a file or from `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.

use std::env;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::{Digest, Sha256};
use weir_model::{Timestamp, hex, percent_encoded};

use super::http::HttpClient;
use super::{DeliveryError, cut};
use crate::notification::{Cause, Notification};

/// SNS takes ASCII subjects of up to 100 characters.
const MAX_SUBJECT: usize = 100;

#[derive(Debug)]
pub(super) struct Sns {
    http: HttpClient,
    topic_arn: String,
    region: String,
    /// With a trailing slash.
    endpoint: String,
    credentials: Credentials,
}

/// Not to be printed.
#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Sns {
    /// `credentials` is the text of a file such as `~/.aws/credentials`.
    pub(super) fn new(
        http: HttpClient,
        topic_arn: &str,
        endpoint: Option<&str>,
        credentials: Option<String>,
    ) -> Result<Self, String> {
        let mut parts = topic_arn.split(':');
        let (partition, region) = (parts.nth(1), parts.nth(1));
        let (partition, region) = (partition.unwrap_or_default(), region.unwrap_or_default());
        let suffix = if partition == "aws-cn" { ".cn" } else { "" };
        let own = || format!("https://sns.{region}.amazonaws.com{suffix}");
        let endpoint = endpoint.map_or_else(own, str::to_owned);
        let credentials = match credentials {
            Some(file) => from_file(&file),
            None => from_environment(),
        };
        Ok(Self {
            http,
            topic_arn: topic_arn.to_owned(),
            region: region.to_owned(),
            endpoint: format!("{endpoint}/"),
            credentials: credentials.ok_or(
                "there are no credentials: give credentials_file with aws_access_key_id and \
                 aws_secret_access_key, or the variables AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY",
            )?,
        })
    }

    pub(super) fn send(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        for body in self.bodies(notification) {
            self.publish(&body, now)?;
        }
        Ok(())
    }

    /// One form per alert; one for all of a storm.
    fn bodies(&self, notification: &Notification) -> Vec<String> {
        let form = |message: &str, severity: &str, id: &str, group: &str| {
            let title = notification.title();
            let subject: String = title
                .chars()
                .map(|c| {
                    if c.is_ascii() && !c.is_ascii_control() {
                        c
                    } else {
                        '?'
                    }
                })
                .collect();
            let mut fields = vec![
                ("Action", "Publish"),
                ("Message", message),
                ("MessageAttributes.entry.1.Name", "severity"),
                ("MessageAttributes.entry.1.Value.DataType", "String"),
                ("MessageAttributes.entry.1.Value.StringValue", severity),
                ("Subject", cut(&subject, MAX_SUBJECT)),
                ("TopicArn", &self.topic_arn),
                ("Version", "2010-03-31"),
            ];
            if self.topic_arn.ends_with(".fifo") {
                fields.push(("MessageDeduplicationId", id));
                fields.push(("MessageGroupId", group));
            }
            let fields = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", percent_encoded(value)));
            fields.collect::<Vec<_>>().join("&")
        };
        if notification.cause == Cause::Storm {
            let message = json!({
                "type": "STORM",
                "title": notification.title(),
                "alerts": notification.alerts.iter().map(|told| &told.alert).collect::<Vec<_>>(),
                "more": notification.more,
            });
            let severity = notification.severity.as_str().to_uppercase();
            return vec![form(
                &message.to_string(),
                &severity,
                &notification.id,
                "storm",
            )];
        }
        let one = |told: &crate::notification::Told| {
            let alert = &told.alert;
            let message = serde_json::to_string(alert).expect("an alert is plain data");
            let severity = alert.severity.as_str().to_uppercase();
            form(&message, &severity, &alert.id, &alert.alarm_id)
        };
        notification.alerts.iter().map(one).collect()
    }

    fn publish(&self, body: &str, now: Timestamp) -> Result<(), DeliveryError> {
        let time = now.date_time().format("%Y%m%dT%H%M%SZ").to_string();
        let rest = self.endpoint.split_once("://").map_or("", |(_, rest)| rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = format!("/{path}");
        let mut signed = vec![
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("host", host),
            ("x-amz-date", &time),
        ];
        if let Some(token) = &self.credentials.session_token {
            signed.push(("x-amz-security-token", token));
        }
        let authorization = authorization(&Request {
            credentials: &self.credentials,
            region: &self.region,
            service: "sns",
            path: &path,
            headers: &signed,
            body: body.as_bytes(),
            time: &time,
        });
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(signed.iter().filter(|(name, _)| *name != "host"));
        self.http.post(&self.endpoint, &headers, body.as_bytes())
    }
}

/// What Signature Version 4 covers of a POST without a query.
struct Request<'a> {
    credentials: &'a Credentials,
    region: &'a str,
    service: &'a str,
    path: &'a str,
    /// Lower-case names, in their order.
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
    /// `20260921T141320Z`
    time: &'a str,
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>
fn authorization(request: &Request<'_>) -> String {
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut canonical = format!("POST\n{}\n\n", request.path);
    for (name, value) in request.headers {
        canonical.push_str(&format!("{name}:{}\n", value.trim()));
    }
    canonical.push_str(&format!(
        "\n{names}\n{}",
        hex(&Sha256::digest(request.body))
    ));
    let day = &request.time[..8];
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", request.time);
    let mut key = format!("AWS4{}", request.credentials.secret_key).into_bytes();
    for part in [day, request.region, request.service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let signature = hex(&hmac(&key, to_sign.as_bytes()));
    let access_key = &request.credentials.access_key;
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, \
         Signature={signature}"
    )
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// The keys of the first profile, which is `[default]` in a file of one.
fn from_file(text: &str) -> Option<Credentials> {
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    Some(Credentials {
        access_key: value("aws_access_key_id")?,
        secret_key: value("aws_secret_access_key")?,
        session_token: value("aws_session_token"),
    })
}

fn from_environment() -> Option<Credentials> {
    let value = |name| env::var(name).ok().filter(|value| !value.is_empty());
    Some(Credentials {
        access_key: value("AWS_ACCESS_KEY_ID")?,
        secret_key: value("AWS_SECRET_ACCESS_KEY")?,
        session_token: value("AWS_SESSION_TOKEN"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[default]\naws_access_key_id = AKIDEXAMPLE\n\
                        aws_secret_access_key=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n";

    /// `post-x-www-form-urlencoded` of AWS's test suite for Signature Version 4.
    #[test]
    fn the_signature_is_that_of_aws() {
        let credentials = from_file(FILE).unwrap();
        let authorization = authorization(&Request {
            credentials: &credentials,
            region: "us-east-1",
            service: "service",
            path: "/",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("host", "example.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            body: b"Param1=value1",
            time: "20150830T123600Z",
        });
        let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        assert_eq!(
            authorization,
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
            )
        );
    }

    #[test]
    fn an_alert_is_published_with_its_severity() {
        let http = HttpClient::new(
            std::time::Duration::from_secs(1),
            false,
            &crate::channel::trust::Trust::System,
        );
        let arn = "arn:aws:sns:eu-central-1:123456789012:alarms";
        let sns = Sns::new(http, arn, None, Some(FILE.to_owned())).unwrap();
        assert_eq!(sns.endpoint, "https://sns.eu-central-1.amazonaws.com/");
        let [body] = sns
            .bodies(&Notification::test("aws", Timestamp(0)))
            .try_into()
            .unwrap();
        assert!(body.contains("Value.StringValue=WARNING"), "{body}");
        assert!(body.contains("TopicArn=arn%3Aaws%3Asns"), "{body}");
    }
}

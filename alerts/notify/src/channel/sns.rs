//! Amazon SNS: `Publish` of each alert as JSON, with a message attribute
//! `severity` (`CRITICAL` or `WARNING`) on which subscriptions can filter.
//!
//! Credentials come from a file or from the environment: [`weir_aws::Credentials`].

use serde_json::json;
use weir_alarms::{Cause, Notification, NotifiedAlert};
use weir_aws::sns::{Publish, Sns};
use weir_aws::{Arn, Credentials};
use weir_http_client::HttpClient;
use weir_model::Timestamp;

use super::error::{DeliveryError, SetupError};
use super::post::accepted;
use super::text::cut;

/// SNS accepts ASCII subjects of up to 100 characters.
const MAX_SUBJECT: usize = 100;

#[derive(Debug)]
pub(super) struct SnsTopic {
    sns: Sns,
    topic_arn: String,
}

/// One message to the topic.
#[derive(Debug)]
struct Message {
    text: String,
    severity: String,
    /// For a FIFO topic.
    deduplication_id: String,
    group_id: String,
}

impl SnsTopic {
    /// `profile` is the text of a file such as `~/.aws/credentials`.
    pub(super) fn new(
        http: HttpClient,
        topic_arn: &str,
        endpoint: Option<&str>,
        profile: Option<&str>,
    ) -> Result<Self, SetupError> {
        let arn = Arn::parse(topic_arn).ok_or_else(|| SetupError::Arn {
            arn: topic_arn.to_owned(),
        })?;
        let credentials = match profile {
            Some(text) => Credentials::from_profile(text)?,
            None => Credentials::from_environment()?,
        };
        Ok(Self {
            sns: Sns::new(http, &arn, endpoint, credentials),
            topic_arn: topic_arn.to_owned(),
        })
    }

    pub(super) fn send(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let subject = subject(notification);
        for message in messages(notification) {
            let attributes = [("severity", &*message.severity)];
            let publish = self.publish(&subject, &message, &attributes);
            accepted(self.sns.publish(&publish, now))?;
        }
        Ok(())
    }

    fn publish<'a>(
        &'a self,
        subject: &'a str,
        message: &'a Message,
        attributes: &'a [(&'a str, &'a str)],
    ) -> Publish<'a> {
        let is_fifo = self.topic_arn.ends_with(".fifo");
        Publish {
            topic_arn: &self.topic_arn,
            subject,
            message: &message.text,
            attributes,
            fifo: is_fifo.then_some((&message.deduplication_id, &message.group_id)),
        }
    }
}

/// One message per alert; a single one for a storm.
fn messages(notification: &Notification) -> Vec<Message> {
    if notification.cause == Cause::Storm {
        let alerts = notification.alerts.iter();
        let text = json!({
            "type": "STORM",
            "title": notification.title(),
            "alerts": alerts.map(|notified| &notified.alert).collect::<Vec<_>>(),
            "more": notification.more,
        });
        return vec![Message {
            text: text.to_string(),
            severity: notification.severity.as_str().to_uppercase(),
            deduplication_id: notification.id.clone(),
            group_id: "storm".to_owned(),
        }];
    }
    let message = |NotifiedAlert { alert, .. }: &NotifiedAlert| Message {
        text: serde_json::to_string(alert).expect("an alert is plain data"),
        severity: alert.severity.as_str().to_uppercase(),
        deduplication_id: alert.id.clone(),
        group_id: alert.alarm_id.clone(),
    };
    notification.alerts.iter().map(message).collect()
}

/// The title in printable ASCII.
fn subject(notification: &Notification) -> String {
    let title = notification.title();
    let printable = |c: char| c.is_ascii() && !c.is_ascii_control();
    let subject: String = title
        .chars()
        .map(|c| if printable(c) { c } else { '?' })
        .collect();
    cut(&subject, MAX_SUBJECT).to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_http_client::{Options, Trust};

    use super::*;

    const FILE: &str = "[default]\naws_access_key_id = AKIDEXAMPLE\n\
                        aws_secret_access_key=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n";

    #[test]
    fn an_alert_is_published_with_its_severity() {
        let options = Options {
            timeout: Duration::from_secs(1),
            allow_private: false,
        };
        let http = HttpClient::new(options, &Trust::System);
        let arn = "arn:aws:sns:eu-central-1:123456789012:alarms";
        let sns = SnsTopic::new(http, arn, None, Some(FILE)).unwrap();
        assert_eq!(
            sns.sns.client().service().endpoint,
            "https://sns.eu-central-1.amazonaws.com"
        );
        let notification = Notification::test("aws", Timestamp(0));
        let [message] = messages(&notification).try_into().unwrap();
        let attributes = [("severity", &*message.severity)];
        let subject = subject(&notification);
        let body = sns.publish(&subject, &message, &attributes).form();
        assert!(body.contains("Value.StringValue=WARNING"), "{body}");
        assert!(body.contains("TopicArn=arn%3Aaws%3Asns"), "{body}");
    }
}

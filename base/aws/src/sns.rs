//! Amazon SNS: `Publish`.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use weir_http_client::{HttpClient, HttpError, Method, Response};
use weir_model::{Timestamp, percent_encoded};

use crate::arn::Arn;
use crate::client::{Call, Client, Service};
use crate::credentials::Credentials;

/// Bytes of a response that are read.
const MAX_RESPONSE: u64 = 64 << 10;

/// One message to a topic.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    pub topic_arn: &'a str,
    /// ASCII, at most 100 characters.
    pub subject: &'a str,
    pub message: &'a str,
    /// String attributes, on which subscriptions can filter.
    pub attributes: &'a [(&'a str, &'a str)],
    /// For a FIFO topic: deduplication id and group id.
    pub fifo: Option<(&'a str, &'a str)>,
}

impl Publish<'_> {
    /// The form that is posted.
    pub fn form(&self) -> String {
        let mut fields = vec![
            ("Action".to_owned(), "Publish"),
            ("Message".to_owned(), self.message),
        ];
        for (n, (name, value)) in (1..).zip(self.attributes) {
            let field = |part: &str| format!("MessageAttributes.entry.{n}.{part}");
            fields.push((field("Name"), name));
            fields.push((field("Value.DataType"), "String"));
            fields.push((field("Value.StringValue"), value));
        }
        fields.push(("Subject".to_owned(), self.subject));
        fields.push(("TopicArn".to_owned(), self.topic_arn));
        fields.push(("Version".to_owned(), "2010-03-31"));
        if let Some((id, group)) = self.fifo {
            fields.push(("MessageDeduplicationId".to_owned(), id));
            fields.push(("MessageGroupId".to_owned(), group));
        }
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        fields.collect::<Vec<_>>().join("&")
    }
}

/// Publishes to topics of one region.
#[derive(Clone, Debug)]
pub struct Sns {
    client: Client,
}

impl Sns {
    /// For the region of a topic, or for an endpoint of one's own.
    pub fn new(
        http: HttpClient,
        topic: &Arn<'_>,
        endpoint: Option<&str>,
        credentials: Credentials,
    ) -> Self {
        let service = Service::new("sns", topic.partition, topic.region, endpoint);
        Self {
            client: Client::new(http, service, credentials),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Publishes; returns a response with any status. `now`: wall clock.
    pub fn publish(&self, publish: &Publish<'_>, now: Timestamp) -> Result<Response, HttpError> {
        let form = publish.form();
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        let call = Call {
            method: Method::Post,
            path: "/",
            query: &[],
            headers: &[("content-type", content_type)],
            body: form.as_bytes(),
            max_response: MAX_RESPONSE,
        };
        self.client.call(&call, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_form_with_attributes() {
        let mut publish = Publish {
            topic_arn: "arn:aws:sns:eu-central-1:1:a",
            subject: "it is hot",
            message: "{}",
            attributes: &[("severity", "WARNING")],
            fifo: None,
        };
        let form = "Action=Publish&Message=%7B%7D&MessageAttributes.entry.1.Name=severity\
            &MessageAttributes.entry.1.Value.DataType=String\
            &MessageAttributes.entry.1.Value.StringValue=WARNING&Subject=it%20is%20hot\
            &TopicArn=arn%3Aaws%3Asns%3Aeu-central-1%3A1%3Aa&Version=2010-03-31";
        assert_eq!(publish.form(), form);
        publish.fifo = Some(("id", "group"));
        let fifo = "&MessageDeduplicationId=id&MessageGroupId=group";
        assert_eq!(publish.form(), format!("{form}{fifo}"));
    }
}

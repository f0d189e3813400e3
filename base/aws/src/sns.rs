//! Amazon SNS: `Publish`.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use weir_http_client::{HttpClient, HttpError, Method, Response};
use weir_model::{Timestamp, percent_encoded};

use crate::arn::Arn;
use crate::client::{Call, Client, Service};
use crate::credentials::Credentials;
use crate::error::{AwsError, within};

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

/// One entry of a `PublishBatch`.
#[derive(Clone, Copy, Debug)]
pub struct BatchEntry<'a> {
    pub message: &'a str,
    /// String attributes, on which subscriptions can filter.
    pub attributes: &'a [(&'a str, &'a str)],
    /// For a FIFO topic: deduplication id and group id.
    pub fifo: Option<(&'a str, &'a str)>,
}

/// Entries of one `PublishBatch`.
pub const MAX_BATCH: usize = 10;

/// The form of a `PublishBatch`: its entries have the ids 0, 1, ….
fn batch_form(topic_arn: &str, entries: &[BatchEntry<'_>]) -> String {
    let mut fields = vec![("Action".to_owned(), "PublishBatch".to_owned())];
    for (nth, entry) in entries.iter().enumerate() {
        let member = format!("PublishBatchRequestEntries.member.{}", nth + 1);
        let mut add = |part: &str, value: &str| {
            fields.push((format!("{member}.{part}"), value.to_owned()));
        };
        add("Id", &nth.to_string());
        add("Message", entry.message);
        for (n, (name, value)) in (1..).zip(entry.attributes) {
            let attribute = format!("MessageAttributes.entry.{n}");
            add(&format!("{attribute}.Name"), name);
            add(&format!("{attribute}.Value.DataType"), "String");
            add(&format!("{attribute}.Value.StringValue"), value);
        }
        if let Some((id, group)) = entry.fifo {
            add("MessageDeduplicationId", id);
            add("MessageGroupId", group);
        }
    }
    fields.push(("TopicArn".to_owned(), topic_arn.to_owned()));
    fields.push(("Version".to_owned(), "2010-03-31".to_owned()));
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| format!("{name}={}", percent_encoded(value)));
    fields.collect::<Vec<_>>().join("&")
}

/// The entries that an answer to `PublishBatch` lists as failed.
fn failed_entries(answer: &str) -> Vec<usize> {
    let Some(failed) = within(answer, "Failed") else {
        return Vec::new();
    };
    let members = failed.split("<member>").skip(1);
    members
        .filter_map(|member| within(member, "Id")?.trim().parse().ok())
        .collect()
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
        self.client.call(&form_call(&form), now)
    }
}

impl Sns {
    /// Publishes up to [`MAX_BATCH`] messages; returns the indexes of those that
    /// failed.
    pub fn publish_batch(
        &self,
        topic_arn: &str,
        entries: &[BatchEntry<'_>],
    ) -> Result<Vec<usize>, AwsError> {
        let form = batch_form(topic_arn, entries);
        let response = self.client.call_twice(&form_call(&form), Timestamp::now)?;
        Ok(failed_entries(&String::from_utf8_lossy(&response.body)))
    }
}

fn form_call(form: &str) -> Call<'_> {
    Call {
        method: Method::Post,
        path: "/",
        query: &[],
        headers: &[(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )],
        body: form.as_bytes(),
        max_response: MAX_RESPONSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_an_entry_per_message_and_its_answer_names_the_failed() {
        let entry = BatchEntry {
            message: "{}",
            attributes: &[("severity", "CRITICAL")],
            fifo: Some(("id", "p1")),
        };
        let form = "Action=PublishBatch\
            &PublishBatchRequestEntries.member.1.Id=0\
            &PublishBatchRequestEntries.member.1.Message=%7B%7D\
            &PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name=severity\
            &PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.DataType=String\
            &PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.StringValue=CRITICAL\
            &PublishBatchRequestEntries.member.1.MessageDeduplicationId=id\
            &PublishBatchRequestEntries.member.1.MessageGroupId=p1\
            &TopicArn=arn&Version=2010-03-31";
        assert_eq!(batch_form("arn", &[entry]), form);
        let answer = "<Failed><member><Id>3</Id><Code>x</Code></member><member><Id>0</Id></member>\
                      </Failed><Successful><member><Id>1</Id></member></Successful>";
        assert_eq!(failed_entries(answer), [3, 0]);
        assert_eq!(failed_entries("<Failed/><Successful></Successful>"), [0; 0]);
    }

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

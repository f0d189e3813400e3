//! `[aws]`: what the program for AWS Lambda uses around the functions. The server
//! ignores it.

use crate::file::address::parse_http_url;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::{Reader, Section};
use crate::file::values::label;

/// `[aws]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aws {
    pub state: AwsState,
    /// The DynamoDB table of `state = "dynamodb"`.
    pub table: Option<String>,
    /// The ARN of the SNS topic that gets the alerts.
    pub alerts_topic: Option<String>,
    pub alerts_form: AlertsForm,
    /// The S3 bucket of the quarantine.
    pub quarantine_bucket: Option<String>,
    /// The URL of the SQS queue of the quarantine, used without a bucket.
    pub quarantine_queue: Option<String>,
    /// The S3 bucket for the memory of devices that exceeds an item of DynamoDB.
    pub state_bucket: Option<String>,
    pub timestream: Option<Timestream>,
    /// The named shadow that is updated. `None`: the classic one.
    pub shadow_name: Option<String>,
    pub shadow_reports: ShadowReports,
    /// Replaces the endpoints of all services, for tests.
    pub endpoint: Option<String>,
}

/// Where the memory of the functions is kept between two invocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AwsState {
    /// Nowhere: every message meets an empty memory.
    #[default]
    None,
    DynamoDb,
}

/// How alerts are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlertsForm {
    /// One message per alert.
    #[default]
    Object,
    /// One message with an array of all alerts of an event.
    Array,
}

/// When shadows are updated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShadowReports {
    Off,
    /// When the open alarms of a device changed.
    #[default]
    Alarms,
    /// And at most once per `[shadows] interval` for readings.
    Readings,
}

/// `[aws.timestream]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timestream {
    pub database: String,
    pub table: String,
}

pub(crate) fn aws(reader: &mut Reader<'_>) -> Aws {
    let (alerts_form, shadow_name, shadow_reports) = nested(reader);
    let timestream = timestream(reader);
    let mut section = reader.section("aws");
    let aws = Aws {
        state: section.value("state", AwsState::None, state),
        table: section.optional("table", label(255)),
        alerts_topic: section.optional("alerts_topic", super::channel::topic_arn),
        alerts_form,
        quarantine_bucket: section.optional("quarantine_bucket", bucket),
        quarantine_queue: section.optional("quarantine_queue", http_url),
        state_bucket: section.optional("state_bucket", bucket),
        timestream,
        shadow_name,
        shadow_reports,
        endpoint: section.optional("endpoint", http_url),
    };
    if aws.state == AwsState::DynamoDb && !section.has("table") {
        section.note(
            "state",
            "\"dynamodb\" needs aws.table, the name of the table",
        );
    }
    aws
}

fn nested(reader: &mut Reader<'_>) -> (AlertsForm, Option<String>, ShadowReports) {
    let form = reader
        .section("aws.alerts")
        .value("form", AlertsForm::Object, |raw| match raw.text()? {
            "object" => Ok(AlertsForm::Object),
            "array" => Ok(AlertsForm::Array),
            other => Err(format!("must be \"object\" or \"array\", not {other:?}").into()),
        });
    let mut shadows = reader.section("aws.shadows");
    let name = shadows.optional("name", shadow_name);
    let reports = shadows.value("reports", ShadowReports::Alarms, |raw| {
        match raw.text()? {
            "off" => Ok(ShadowReports::Off),
            "alarms" => Ok(ShadowReports::Alarms),
            "readings" => Ok(ShadowReports::Readings),
            other => {
                Err(format!("must be \"off\", \"alarms\" or \"readings\", not {other:?}").into())
            }
        }
    });
    (form, name, reports)
}

fn timestream(reader: &mut Reader<'_>) -> Option<Timestream> {
    let mut section = reader.section("aws.timestream");
    let given = section.is_given();
    let required = |section: &mut Section<'_, '_>, key| {
        let value = section.optional(key, label(256));
        if given && !section.has(key) {
            section.note(key, "is missing");
        }
        value.unwrap_or_default()
    };
    let timestream = Timestream {
        database: required(&mut section, "database"),
        table: required(&mut section, "table"),
    };
    given.then_some(timestream)
}

fn state(raw: Raw<'_>) -> Result<AwsState, Refused> {
    match raw.text()? {
        "none" => Ok(AwsState::None),
        "dynamodb" => Ok(AwsState::DynamoDb),
        other => Err(format!("must be \"none\" or \"dynamodb\", not {other:?}").into()),
    }
}

fn http_url(raw: Raw<'_>) -> Result<String, Refused> {
    parse_http_url(raw.text()?)
}

/// As S3 names buckets: it is a part of a path.
fn bucket(raw: Raw<'_>) -> Result<String, Refused> {
    let name = label(63)(raw)?;
    let is_allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    if name.len() < 3 || !name.bytes().all(is_allowed) {
        return Err("must be the name of an S3 bucket: 3 to 63 of a-z, 0-9, . and -".into());
    }
    Ok(name)
}

fn shadow_name(raw: Raw<'_>) -> Result<String, Refused> {
    let name = label(64)(raw)?;
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-');
    if !name.bytes().all(is_allowed) {
        return Err("may contain only a-z, A-Z, 0-9, :, _ and -".into());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn names_of_resources_come_from_the_file_and_from_variables() {
        let text = "[aws]\nstate = \"dynamodb\"\n[aws.timestream]\ndatabase = \"d\"\ntable = \"t\"\n\
                    [aws.alerts]\nform = \"array\"\n[aws.shadows]\nname = \"weir\"\nreports = \"off\"\n";
        let variables = [
            ("WEIR_AWS_TABLE", "devices"),
            ("WEIR_AWS_QUARANTINE_BUCKET", "bad-data"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = Config::from_toml_with_env(text, variables.into_iter()).unwrap();
        let expect = Aws {
            state: AwsState::DynamoDb,
            table: Some("devices".to_owned()),
            alerts_form: AlertsForm::Array,
            quarantine_bucket: Some("bad-data".to_owned()),
            timestream: Some(Timestream {
                database: "d".to_owned(),
                table: "t".to_owned(),
            }),
            shadow_name: Some("weir".to_owned()),
            shadow_reports: ShadowReports::Off,
            ..Aws::default()
        };
        assert_eq!(loaded.config.aws, expect);
        assert_eq!(Config::from_toml("").unwrap().aws, Aws::default());
    }

    #[test]
    fn a_state_without_its_table_and_half_a_timestream_are_refused() {
        #[track_caller]
        fn check(text: &str, line: usize, key: &str) {
            let problems = Config::from_toml(text).unwrap_err();
            let found: Vec<_> = problems.iter().map(|p| (p.line, p.key.as_str())).collect();
            assert_eq!(found, [(line, key)], "{problems:?}");
        }
        check("[aws]\nstate = \"dynamodb\"\n", 2, "aws.state");
        check("[aws]\nstate = \"redis\"\n", 2, "aws.state");
        check(
            "[aws.timestream]\ndatabase = \"d\"\n",
            1,
            "aws.timestream.table",
        );
        check(
            "[aws]\nquarantine_bucket = \"a/b\"\n",
            2,
            "aws.quarantine_bucket",
        );
        check("[aws]\nalerts_topic = \"alarms\"\n", 2, "aws.alerts_topic");
        check("[aws.shadows]\nname = \"a b\"\n", 2, "aws.shadows.name");
    }
}

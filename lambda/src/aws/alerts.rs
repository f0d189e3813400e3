//! Alerts to an SNS topic: the JSON of each, with its severity as an attribute, ten
//! in a request. As an array: all alerts of an event in one message, under the worst
//! severity.

use weir_aws::sns::{BatchEntry, MAX_BATCH, Sns};
use weir_config::AlertsForm;
use weir_model::{Alert, Severity};

use crate::outlets::Sent;
use crate::parallel::each_of;

/// Bytes of all messages of one request: SNS takes 256 KiB with their attributes.
const MAX_BYTES: usize = 200 * 1024;

#[derive(Debug)]
pub(crate) struct Alerts {
    sns: Sns,
    topic: String,
    form: AlertsForm,
    is_fifo: bool,
}

/// One message to the topic.
#[derive(Debug, PartialEq, Eq)]
struct Notice {
    /// Index of its group.
    group: usize,
    text: String,
    severity: &'static str,
    /// Deduplication id and message group, for a FIFO topic.
    id: String,
    device: String,
}

impl Alerts {
    pub(crate) fn new(sns: Sns, topic: String, form: AlertsForm) -> Self {
        Self {
            is_fifo: topic.ends_with(".fifo"),
            sns,
            topic,
            form,
        }
    }

    pub(crate) fn open(&self) {
        self.sns.client().open();
    }

    pub(crate) fn publish(&self, groups: &[&[Alert]]) -> Vec<Sent> {
        let notices = notices(groups, self.form);
        let mut sent: Vec<Sent> = groups.iter().map(|_| Ok(())).collect();
        let requests = requests(&notices);
        // Alerts of one device keep their order in a FIFO topic.
        let results: Vec<Result<Vec<usize>, String>> = match self.is_fifo {
            true => requests.iter().map(|request| self.send(request)).collect(),
            false => each_of(&requests, |request| self.send(request)),
        };
        for (request, result) in requests.iter().zip(results) {
            match result {
                Ok(failed) => {
                    for notice in failed.iter().filter_map(|at| request.get(*at)) {
                        sent[notice.group] = Err("SNS did not take an alert".to_owned());
                    }
                }
                Err(reason) => {
                    for notice in *request {
                        sent[notice.group] = Err(reason.clone());
                    }
                }
            }
        }
        sent
    }

    fn send(&self, notices: &[Notice]) -> Result<Vec<usize>, String> {
        let attributes: Vec<[(&str, &str); 1]> = notices
            .iter()
            .map(|notice| [("severity", notice.severity)])
            .collect();
        let entries: Vec<BatchEntry<'_>> = notices
            .iter()
            .zip(&attributes)
            .map(|(notice, attributes)| BatchEntry {
                message: &notice.text,
                attributes,
                fifo: self.is_fifo.then_some((&*notice.id, &*notice.device)),
            })
            .collect();
        let sent = self.sns.publish_batch(&self.topic, &entries);
        sent.map_err(|error| error.to_string())
    }
}

fn notices(groups: &[&[Alert]], form: AlertsForm) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (group, alerts) in groups.iter().enumerate() {
        match form {
            AlertsForm::Object => {
                notices.extend(
                    alerts
                        .iter()
                        .map(|alert| notice(group, alert, &json(alert))),
                );
            }
            AlertsForm::Array => {
                let worst = alerts.iter().max_by_key(|alert| alert.severity);
                let texts: Vec<String> = alerts.iter().map(json).collect();
                let text = format!("[{}]", texts.join(","));
                notices.extend(worst.map(|worst| notice(group, worst, &text)));
            }
        }
    }
    notices
}

fn json(alert: &Alert) -> String {
    serde_json::to_string(alert).expect("texts and numbers are JSON")
}

fn notice(group: usize, alert: &Alert, text: &str) -> Notice {
    Notice {
        group,
        text: text.to_owned(),
        severity: match alert.severity {
            Severity::Warning => "WARNING",
            Severity::Critical => "CRITICAL",
        },
        id: alert.id.clone(),
        device: alert.device_id.clone(),
    }
}

/// Up to ten messages, and at most as many bytes as one request takes.
fn requests(notices: &[Notice]) -> Vec<&[Notice]> {
    let mut requests = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (at, notice) in notices.iter().enumerate() {
        if at - start == MAX_BATCH || (at > start && bytes + notice.text.len() > MAX_BYTES) {
            requests.push(&notices[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += notice.text.len();
    }
    if start < notices.len() {
        requests.push(&notices[start..]);
    }
    requests
}

#[cfg(test)]
mod tests {
    use weir_model::{AlertKind, AlertState};

    use super::*;

    fn alert(id: &str, severity: Severity) -> Alert {
        Alert {
            id: id.to_owned(),
            alarm_id: "episode".to_owned(),
            kind: AlertKind::Alert,
            severity,
            state: AlertState::Raised,
            device_id: "p1".to_owned(),
            sensor: "t".to_owned(),
            value: 1.0,
            text: None,
            threshold: None,
            function: "hot".to_owned(),
            location: None,
            unit: None,
            timestamp: 1,
            raised_at: 1,
            recorded_at: None,
            reason: "r".to_owned(),
        }
    }

    #[test]
    fn an_array_goes_under_the_worst_severity_and_objects_under_their_own() {
        let alerts = [
            alert("a", Severity::Warning),
            alert("b", Severity::Critical),
        ];
        let groups: [&[Alert]; 2] = [&alerts, &[]];
        let single = notices(&groups, AlertsForm::Object);
        let severities: Vec<&str> = single.iter().map(|notice| notice.severity).collect();
        assert_eq!(severities, ["WARNING", "CRITICAL"]);
        let array = notices(&groups, AlertsForm::Array);
        assert_eq!(array.len(), 1);
        assert_eq!((array[0].severity, &*array[0].id), ("CRITICAL", "b"));
        let read: Vec<Alert> = serde_json::from_str(&array[0].text).unwrap();
        assert_eq!(read, alerts);
    }

    #[test]
    fn a_request_has_ten_messages_at_most_and_not_too_many_bytes() {
        let alerts: Vec<Alert> = (0..23)
            .map(|nth| alert(&nth.to_string(), Severity::Warning))
            .collect();
        let groups: [&[Alert]; 1] = [&alerts];
        let mut notices = notices(&groups, AlertsForm::Object);
        let sizes = |notices: &[Notice]| -> Vec<usize> {
            requests(notices)
                .iter()
                .map(|request| request.len())
                .collect()
        };
        assert_eq!(sizes(&notices), [10, 10, 3]);
        notices.truncate(3);
        notices[1].text = "x".repeat(MAX_BYTES);
        assert_eq!(sizes(&notices), [1, 1, 1]);
        assert_eq!(sizes(&[]), [0; 0]);
    }
}

//! Which topics Weir takes: the telemetry of its routes and the requests to
//! device shadows.

use weir_config::{Config, TopicPattern};

/// The topics that doors take into the journal.
#[derive(Clone, Debug)]
pub struct Intake {
    telemetry: Vec<TopicPattern>,
    shadow_requests: Vec<TopicPattern>,
    shadow_prefix: String,
}

impl Intake {
    pub fn new(config: &Config) -> Self {
        let prefix = &config.shadows.prefix;
        let request = |tail: &str| {
            TopicPattern::parse(&format!("{prefix}/{tail}"))
                .expect("the configuration refuses a prefix with wildcards")
        };
        let tails = ["get", "update", "delete"];
        let classic = tails
            .iter()
            .map(|tail| request(&format!("{{device}}/shadow/{tail}")));
        let named = tails
            .iter()
            .map(|tail| request(&format!("{{device}}/shadow/name/+/{tail}")));
        Self {
            telemetry: config
                .routes
                .iter()
                .map(|route| route.topic.clone())
                .collect(),
            shadow_requests: classic.chain(named).collect(),
            shadow_prefix: prefix.clone(),
        }
    }

    /// Whether a message on this topic belongs in the journal.
    pub fn takes(&self, topic: &str) -> bool {
        self.is_telemetry(topic) || self.is_shadow_request(topic)
    }

    pub fn is_telemetry(&self, topic: &str) -> bool {
        self.telemetry.iter().any(|pattern| pattern.matches(topic))
    }

    pub fn is_shadow_request(&self, topic: &str) -> bool {
        self.shadow_requests
            .iter()
            .any(|pattern| pattern.matches(topic))
    }

    /// Below it, devices publish the requests to shadows and nothing else.
    pub fn shadow_prefix(&self) -> &str {
        &self.shadow_prefix
    }

    /// The topic filters to subscribe to at an external broker.
    pub fn filters(&self) -> Vec<String> {
        let mut filters: Vec<String> = self
            .telemetry
            .iter()
            .chain(&self.shadow_requests)
            .map(TopicPattern::filter)
            .collect();
        filters.sort();
        filters.dedup();
        filters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_and_shadow_requests_are_taken_and_answers_are_not() {
        let intake = Intake::new(&Config::default());
        for topic in [
            "devices/p1/telemetry",
            "$aws/things/p1/shadow/update",
            "$aws/things/p1/shadow/name/config/get",
        ] {
            assert!(intake.takes(topic), "{topic}");
        }
        for topic in [
            "alerts/critical/p1",
            "$aws/things/p1/shadow/update/accepted",
            "$aws/things/p1/shadow/name/get",
            "devices/p1",
        ] {
            assert!(!intake.takes(topic), "{topic}");
        }
        assert_eq!(intake.filters().len(), 7);
    }
}

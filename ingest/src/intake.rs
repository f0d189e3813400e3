//! Which topics Weir takes: the telemetry of its routes and the requests to
//! device shadows. The routes may change while Weir runs.

use std::sync::Arc;

use parking_lot::RwLock;
use weir_config::{Config, Route, TopicPattern};

/// The topics that doors take into the journal. Clones are the same: they change
/// together.
#[derive(Clone, Debug)]
pub struct Intake {
    telemetry: Arc<RwLock<Vec<TopicPattern>>>,
    shadow_requests: Arc<[TopicPattern]>,
    shadow_prefix: Arc<str>,
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
            telemetry: Arc::new(RwLock::new(topics(&config.routes))),
            shadow_requests: classic.chain(named).collect(),
            shadow_prefix: prefix.as_str().into(),
        }
    }

    /// From now on telemetry is what these routes take.
    pub fn set_routes(&self, routes: &[Route]) {
        *self.telemetry.write() = topics(routes);
    }

    /// Whether a message on this topic belongs in the journal.
    pub fn takes(&self, topic: &str) -> bool {
        self.is_telemetry(topic) || self.is_shadow_request(topic)
    }

    pub fn is_telemetry(&self, topic: &str) -> bool {
        let telemetry = self.telemetry.read();
        telemetry.iter().any(|pattern| pattern.matches(topic))
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
        let telemetry = self.telemetry.read();
        let mut filters: Vec<String> = telemetry
            .iter()
            .chain(&*self.shadow_requests)
            .map(TopicPattern::filter)
            .collect();
        filters.sort();
        filters.dedup();
        filters
    }
}

fn topics(routes: &[Route]) -> Vec<TopicPattern> {
    routes.iter().map(|route| route.topic.clone()).collect()
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

    #[test]
    fn routes_change_for_all_who_hold_it() {
        let intake = Intake::new(&Config::default());
        let door = intake.clone();
        let topic = TopicPattern::parse("plant/{device}").unwrap();
        intake.set_routes(&[Route {
            topic,
            ..Route::default()
        }]);
        assert!(door.is_telemetry("plant/p1") && !door.is_telemetry("devices/p1/telemetry"));
        assert!(door.is_shadow_request("$aws/things/p1/shadow/get"));
        assert!(door.filters().contains(&"plant/+".to_owned()));
    }
}

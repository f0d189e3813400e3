//! Which topics Weir accepts into the journal: the telemetry of its routes and the
//! requests to device shadows.
//!
//! Pure: a value that follows from the configuration. Endpoints that must follow a
//! reload hold one behind a lock.

use std::sync::Arc;

use crate::sections::route::is_own_topic;
use crate::{Config, Route, TopicPattern};

/// The accepted topics. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFilter {
    telemetry: Arc<[TopicPattern]>,
    shadow_requests: Arc<[TopicPattern]>,
    shadow_prefix: Arc<str>,
}

impl TopicFilter {
    pub fn new(config: &Config) -> Self {
        let prefix = &config.shadows.prefix;
        let request = |tail: String| {
            TopicPattern::parse(&format!("{prefix}/{{device}}/shadow/{tail}"))
                .expect("the configuration refuses a prefix with wildcards")
        };
        let actions = ["get", "update", "delete"];
        let classic = actions.map(str::to_owned).into_iter();
        let named = actions.map(|action| format!("name/+/{action}")).into_iter();
        Self {
            telemetry: topics(&config.routes),
            shadow_requests: classic.chain(named).map(request).collect(),
            shadow_prefix: prefix.as_str().into(),
        }
    }

    /// The same filter with the telemetry of other routes.
    #[must_use]
    pub fn with_routes(&self, routes: &[Route]) -> Self {
        Self {
            telemetry: topics(routes),
            ..self.clone()
        }
    }

    /// Whether a message on this topic belongs in the journal.
    pub fn accepts(&self, topic: &str) -> bool {
        self.is_telemetry(topic) || self.is_shadow_request(topic)
    }

    pub fn is_telemetry(&self, topic: &str) -> bool {
        self.telemetry.iter().any(|pattern| pattern.matches(topic)) && !is_own_topic(topic)
    }

    pub fn is_shadow_request(&self, topic: &str) -> bool {
        let mut requests = self.shadow_requests.iter();
        requests.any(|pattern| pattern.matches(topic))
    }

    /// Below it, devices publish requests to shadows and nothing else.
    pub fn shadow_prefix(&self) -> &str {
        &self.shadow_prefix
    }

    /// The MQTT topic filters to subscribe to at an external broker.
    pub fn subscriptions(&self) -> Vec<String> {
        let patterns = self.telemetry.iter().chain(&*self.shadow_requests);
        let mut filters: Vec<String> = patterns.map(TopicPattern::filter).collect();
        filters.sort();
        filters.dedup();
        filters
    }
}

fn topics(routes: &[Route]) -> Arc<[TopicPattern]> {
    routes.iter().map(|route| route.topic.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_and_shadow_requests_are_accepted_and_answers_are_not() {
        let filter = TopicFilter::new(&Config::default());
        for topic in [
            "devices/p1/telemetry",
            "$aws/things/p1/shadow/update",
            "$aws/things/p1/shadow/name/config/get",
        ] {
            assert!(filter.accepts(topic), "{topic}");
        }
        for topic in [
            "alerts/critical/p1",
            "$aws/things/p1/shadow/update/accepted",
            "$aws/things/p1/shadow/name/get",
            "devices/p1",
        ] {
            assert!(!filter.accepts(topic), "{topic}");
        }
        assert_eq!(filter.subscriptions().len(), 7);
    }

    #[test]
    fn however_wide_routes_are_they_never_take_our_own_alerts() {
        for topic in ["#", "{location}/{device}/{sensor}", "+/+/{device}"] {
            let route = Route {
                topic: TopicPattern::parse(topic).unwrap(),
                ..Route::default()
            };
            let wide =
                TopicFilter::new(&Config::default()).with_routes(std::slice::from_ref(&route));
            assert!(wide.is_telemetry("hall-2/p1/temperature"), "{topic}");
            for own in ["alerts/critical/p1", "alerts/warning/$weir"] {
                assert!(!wide.is_telemetry(own), "{topic} takes {own}");
                assert_eq!(route.captures(own), None);
            }
        }
    }

    #[test]
    fn routes_replace_the_telemetry_and_leave_the_shadows() {
        let before = TopicFilter::new(&Config::default());
        let topic = TopicPattern::parse("plant/{device}").unwrap();
        let after = before.with_routes(&[Route {
            topic,
            ..Route::default()
        }]);
        assert!(after.is_telemetry("plant/p1") && !after.is_telemetry("devices/p1/telemetry"));
        assert!(before.is_telemetry("devices/p1/telemetry"));
        assert!(after.is_shadow_request("$aws/things/p1/shadow/get"));
        assert!(after.subscriptions().contains(&"plant/+".to_owned()));
    }
}

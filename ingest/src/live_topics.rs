//! The topics that endpoints accept, which a reload may change while Weir runs.

use std::sync::Arc;

use parking_lot::RwLock;
use weir_config::{Config, Route, TopicFilter};

/// A [`TopicFilter`] that all its clones share: they change together.
#[derive(Clone, Debug)]
pub struct LiveTopics {
    filter: Arc<RwLock<TopicFilter>>,
    /// Of the shadows, which no reload changes.
    shadow_prefix: Arc<str>,
}

impl LiveTopics {
    pub fn new(config: &Config) -> Self {
        let filter = TopicFilter::new(config);
        Self {
            shadow_prefix: filter.shadow_prefix().into(),
            filter: Arc::new(RwLock::new(filter)),
        }
    }

    /// From now on these routes carry telemetry.
    pub fn set_routes(&self, routes: &[Route]) {
        let mut filter = self.filter.write();
        *filter = filter.with_routes(routes);
    }

    /// The filter as it is now.
    pub fn current(&self) -> TopicFilter {
        self.filter.read().clone()
    }

    /// See [`TopicFilter::accepts`].
    pub fn accepts(&self, topic: &str) -> bool {
        self.filter.read().accepts(topic)
    }

    /// See [`TopicFilter::is_telemetry`].
    pub fn is_telemetry(&self, topic: &str) -> bool {
        self.filter.read().is_telemetry(topic)
    }

    /// See [`TopicFilter::is_shadow_request`].
    pub fn is_shadow_request(&self, topic: &str) -> bool {
        self.filter.read().is_shadow_request(topic)
    }

    /// See [`TopicFilter::shadow_prefix`].
    pub fn shadow_prefix(&self) -> &str {
        &self.shadow_prefix
    }

    /// See [`TopicFilter::subscriptions`].
    pub fn subscriptions(&self) -> Vec<String> {
        self.filter.read().subscriptions()
    }

    /// The former name of [`Self::subscriptions`].
    pub fn filters(&self) -> Vec<String> {
        self.subscriptions()
    }
}

#[cfg(test)]
mod tests {
    use weir_config::TopicPattern;

    use super::*;

    #[test]
    fn routes_change_for_all_who_hold_it() {
        let topics = LiveTopics::new(&Config::default());
        let clone = topics.clone();
        let topic = TopicPattern::parse("plant/{device}").unwrap();
        topics.set_routes(&[Route {
            topic,
            ..Route::default()
        }]);
        assert!(clone.is_telemetry("plant/p1") && !clone.is_telemetry("devices/p1/telemetry"));
        assert!(clone.accepts("$aws/things/p1/shadow/get"));
        assert!(clone.subscriptions().contains(&"plant/+".to_owned()));
    }
}

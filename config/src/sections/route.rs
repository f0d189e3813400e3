//! `[[route]]`: which topics carry telemetry, and how it is encoded.

use std::collections::BTreeSet;

use super::line_protocol::Precision;
use crate::TopicPattern;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::{Reader, Section};

/// `[[route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub topic: TopicPattern,
    pub codec: RouteCodec,
    /// Of the times in lines; others carry their own.
    pub precision: Precision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteCodec {
    Json,
    /// InfluxDB's line protocol, as `[line_protocol]` maps it.
    LineProtocol,
}

/// What Weir publishes: a route that accepts it would feed it back for ever.
const OWN_TOPICS: [&str; 2] = ["alerts/critical/device", "alerts/warning/device"];

impl Default for Route {
    fn default() -> Self {
        let topic = TopicPattern::parse("devices/{device}/telemetry")
            .expect("the default pattern is well formed");
        Self {
            topic,
            codec: RouteCodec::Json,
            precision: Precision::default(),
        }
    }
}

/// Routes in the file replace the default route.
pub(crate) fn routes(reader: &mut Reader<'_>) -> Vec<Route> {
    let mut topics = BTreeSet::new();
    let read = reader.each("route", |section| route(section, &mut topics));
    let routes: Vec<Route> = read.into_iter().flatten().collect();
    if routes.is_empty() {
        return vec![Route::default()];
    }
    routes
}

fn route(section: &mut Section<'_, '_>, topics: &mut BTreeSet<String>) -> Option<Route> {
    let topic = section.required("topic", topic);
    let codec = section.value("codec", RouteCodec::Json, codec);
    let precision = section.value("precision", Precision::default(), precision);
    let topic = topic?;
    if !topics.insert(topic.filter()) {
        section.note("topic", "another route takes these topics already");
    }
    if OWN_TOPICS.iter().any(|own| topic.matches(own)) {
        section.note(
            "topic",
            "it would take Weir's own alerts for telemetry; make it narrower",
        );
    }
    Some(Route {
        topic,
        codec,
        precision,
    })
}

fn topic(raw: Raw<'_>) -> Result<TopicPattern, Refused> {
    TopicPattern::parse(raw.text()?).map_err(|error| error.to_string().into())
}

fn codec(raw: Raw<'_>) -> Result<RouteCodec, Refused> {
    match raw.text()? {
        "json" => Ok(RouteCodec::Json),
        "line-protocol" => Ok(RouteCodec::LineProtocol),
        other => {
            let known = "there are \"json\" and \"line-protocol\"";
            Err(format!("there is no codec {other:?}; {known}").into())
        }
    }
}

fn precision(raw: Raw<'_>) -> Result<Precision, Refused> {
    let name = raw.text()?;
    let known = Precision::from_name(name);
    known.ok_or_else(|| format!("must be ns, us, ms, s, m or h, not {name:?}").into())
}

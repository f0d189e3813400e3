//! `[[route]]`: which topics carry telemetry, and how it is encoded.

mod options;

use std::collections::BTreeSet;

use super::line_protocol::Precision;
use crate::TopicPattern;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::{Reader, Section};

pub use options::{RouteOptions, TimeUnit, TopicNames};

/// `[[route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub topic: TopicPattern,
    pub codec: RouteCodec,
    /// Of the times in lines; others carry their own.
    pub precision: Precision,
    pub options: RouteOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteCodec {
    Json,
    /// InfluxDB's line protocol, as `[line_protocol]` maps it.
    LineProtocol,
    /// One bare scalar; the topic names the sensor.
    Value,
}

impl RouteCodec {
    pub const ALL: [Self; 3] = [Self::Json, Self::LineProtocol, Self::Value];

    /// The name in the configuration and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::LineProtocol => "line-protocol",
            Self::Value => "value",
        }
    }

    pub const fn index(self) -> usize {
        self as usize
    }
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
            options: RouteOptions::default(),
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
    let options = options::options(section, codec, topic.as_ref());
    let topic = topic?;
    if !topics.insert(topic.filter()) {
        section.note("topic", "another route takes these topics already");
    }
    let names_sensor = topic.as_str().contains("{sensor}") || options.names.sensor.is_some();
    if codec == RouteCodec::Value && !names_sensor {
        section.note(
            "topic",
            "codec \"value\" needs {sensor} in the topic, or the key sensor",
        );
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
        options,
    })
}

fn topic(raw: Raw<'_>) -> Result<TopicPattern, Refused> {
    TopicPattern::parse(raw.text()?).map_err(|error| error.to_string().into())
}

fn codec(raw: Raw<'_>) -> Result<RouteCodec, Refused> {
    match raw.text()? {
        "json" => Ok(RouteCodec::Json),
        "line-protocol" => Ok(RouteCodec::LineProtocol),
        "value" => Ok(RouteCodec::Value),
        other => {
            let known = "there are \"json\", \"line-protocol\" and \"value\"";
            Err(format!("there is no codec {other:?}; {known}").into())
        }
    }
}

fn precision(raw: Raw<'_>) -> Result<Precision, Refused> {
    let name = raw.text()?;
    let known = Precision::from_name(name);
    known.ok_or_else(|| format!("must be ns, us, ms, s, m or h, not {name:?}").into())
}

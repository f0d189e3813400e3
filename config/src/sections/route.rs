//! `[[route]]`: which topics carry telemetry, and how it is encoded.

mod codec;
mod payload;

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::line_protocol::Precision;
use crate::file::raw::{Raw, Refused};
use crate::file::reader::{Reader, Section};
use crate::{Captures, TopicPattern, TopicTemplate};

pub use codec::RouteCodec;
pub use payload::{PayloadOptions, TimeUnit};

/// `[[route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub topic: TopicPattern,
    pub codec: RouteCodec,
    /// Of the times in lines; others carry their own.
    pub precision: Precision,
    pub options: RouteOptions,
}

/// Names and choices that a route adds to what its codec finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteOptions {
    /// Names of readings that have none, from levels of the topic.
    pub device: Option<TopicTemplate>,
    pub sensor: Option<TopicTemplate>,
    pub location: Option<TopicTemplate>,
    pub unit: Option<TopicTemplate>,
    /// The zone of local times without one.
    pub timezone: Option<Tz>,
    /// Globs over sensors that are not wanted.
    pub except: Vec<String>,
    /// How payloads write times and numbers.
    pub payload: PayloadOptions,
}

/// What Weir publishes: a route that accepts it would feed it back for ever.
const OWN_TOPICS: [&str; 2] = ["alerts/critical/device", "alerts/warning/device"];

/// Whether Weir publishes alerts on this topic: no route takes it, however wide.
pub(crate) fn is_own_topic(topic: &str) -> bool {
    let Some(below) = topic.strip_prefix("alerts/") else {
        return false;
    };
    let device = ["critical/", "warning/"]
        .iter()
        .find_map(|severity| below.strip_prefix(severity));
    device.is_some_and(|device| !device.contains('/'))
}

impl Route {
    /// The captures of a topic that the route takes.
    pub fn captures<'a>(&self, topic: &'a str) -> Option<Captures<'a>> {
        let captures = self.topic.captures(topic)?;
        (!is_own_topic(topic)).then_some(captures)
    }

    /// The routes of a codec on its usual topics.
    pub fn of_codec(codec: RouteCodec) -> impl Iterator<Item = Self> {
        codec.usual_topics().iter().map(move |topic| Self {
            topic: TopicPattern::parse(topic).expect("the usual topics are well formed"),
            codec,
            ..Self::default()
        })
    }
}

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

/// The routes of one table: one, or one per usual topic of its codec.
fn route(section: &mut Section<'_, '_>, topics: &mut BTreeSet<String>) -> Vec<Route> {
    let codec = section.value("codec", RouteCodec::Json, codec);
    let given = section.optional("topic", topic);
    let precision = section.value("precision", Precision::default(), precision);
    let options = options(section, codec);
    let is_given = section.has("topic");
    if !is_given && codec.usual_topics().is_empty() {
        section.note("topic", "is missing");
    }
    let patterns: Vec<TopicPattern> = if is_given {
        given.into_iter().collect()
    } else {
        Route::of_codec(codec).map(|route| route.topic).collect()
    };
    for topic in &patterns {
        if !topics.insert(topic.filter()) {
            section.note("topic", "another route takes these topics already");
        }
        check(section, topic, codec, &options);
    }
    let route = |topic| Route {
        topic,
        codec,
        precision,
        options: options.clone(),
    };
    patterns.into_iter().map(route).collect()
}

fn check(
    section: &mut Section<'_, '_>,
    topic: &TopicPattern,
    codec: RouteCodec,
    options: &RouteOptions,
) {
    let names_sensor = topic.as_str().contains("{sensor}") || options.sensor.is_some();
    if codec == RouteCodec::Value && !names_sensor {
        section.note(
            "topic",
            "codec \"value\" needs {sensor} in the topic, or \"sensor\"",
        );
    }
    let is_meant = topic.literal_levels() > 0;
    if is_meant && OWN_TOPICS.iter().any(|own| topic.matches(own)) {
        section.note(
            "topic",
            "it would take Weir's own alerts for telemetry; make it narrower",
        );
    }
}

fn options(section: &mut Section<'_, '_>, codec: RouteCodec) -> RouteOptions {
    RouteOptions {
        device: section.optional("device", template),
        sensor: section.optional("sensor", template),
        location: section.optional("location", template),
        unit: section.optional("unit", template),
        timezone: section.optional("timezone", timezone),
        except: section.value("except", Vec::new(), |raw| raw.texts()),
        payload: payload::options(section, codec),
    }
}

fn template(raw: Raw<'_>) -> Result<TopicTemplate, Refused> {
    TopicTemplate::parse(raw.text()?).map_err(|error| error.to_string().into())
}

fn topic(raw: Raw<'_>) -> Result<TopicPattern, Refused> {
    TopicPattern::parse(raw.text()?).map_err(|error| error.to_string().into())
}

fn timezone(raw: Raw<'_>) -> Result<Tz, Refused> {
    let name = raw.text()?;
    let zone = name.parse();
    zone.map_err(|_| format!("{name:?} is no time zone, such as \"Europe/Berlin\"").into())
}

fn codec(raw: Raw<'_>) -> Result<RouteCodec, Refused> {
    let name = raw.text()?;
    RouteCodec::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = RouteCodec::ALL.iter().map(|codec| codec.as_str()).collect();
        format!("there is no codec {name:?}; there are {}", names.join(", ")).into()
    })
}

fn precision(raw: Raw<'_>) -> Result<Precision, Refused> {
    let name = raw.text()?;
    let known = Precision::from_name(name);
    known.ok_or_else(|| format!("must be ns, us, ms, s, m or h, not {name:?}").into())
}

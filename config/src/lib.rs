//! The configuration: typed sections, their defaults and their checks.
//!
//! A file is read whole before anything starts: [`Config::from_toml`] returns
//! either a sound configuration or every [`Problem`] in the file, each with its
//! line, key, reason and, for an unknown key, the nearest known one.
//! `default.toml` beside this crate documents every key; a test holds it equal to
//! [`Config::default`].
//!
//! Flags take precedence over `WEIR_…` variables, those over the file, and the
//! file over the defaults: see [`Config::from_toml_with_env`].

mod assemble;
mod changes;
mod config;
mod deciding;
mod effective;
mod expression;
mod file;
mod listeners;
mod load;
mod module;
mod problem;
#[cfg(test)]
mod reference;
mod sections;
mod settings;
mod topic;
mod topic_filter;
mod topic_template;

pub use changes::Changes;
pub use config::Config;
pub use effective::{EffectiveKey, KeyOrigin};
pub use expression::{Expression, InvalidExpression, Outcome};
pub use file::address::{BrokerUrl, InvalidUrl};
pub use file::units::parse_duration;
pub use load::Loaded;
pub use module::{Module, ModuleContent, ModuleError};
pub use problem::{LoadError, Problem};
pub use sections::alarm::AlarmMeaning;
pub use sections::alarms::Alarms;
pub use sections::auth::{Auth, Oidc};
pub use sections::aws::{AlertsForm, Aws, AwsState, ShadowReports, Timestream};
pub use sections::broker::Broker;
pub use sections::channel::{Channel, ChannelKind, Email, EmailTls, UrlSource};
pub use sections::embedded_store::EmbeddedStore;
pub use sections::function::Function;
pub use sections::function::checks::*;
pub use sections::function::detectors::*;
pub use sections::function::devices::*;
pub use sections::function::effect::{Effect, Scores};
pub use sections::function::kind::FunctionKind;
pub use sections::function::threshold::Threshold;
pub use sections::function::wasm::Wasm;
pub use sections::http::Http;
pub use sections::influxdb::{InfluxDb, InvalidLineTemplate, LineMapping, LinePart, LineTemplate};
pub use sections::journal::JournalSection;
pub use sections::lambda::Lambda;
pub use sections::limits::Limits;
pub use sections::line_protocol::{
    InvalidSensorTemplate, LineProtocol, Precision, SensorPart, SensorTemplate,
};
pub use sections::notify_rules::inhibit::Inhibit;
pub use sections::notify_rules::maintenance::Maintenance;
pub use sections::notify_rules::notify::Notify;
pub use sections::notify_rules::selector::{AlarmSelector, GroupKey, Priority};
pub use sections::quarantine::Quarantine;
pub use sections::query::{Query, SqlListener};
pub use sections::reload::Reload;
pub use sections::retention::Retention;
pub use sections::route::{PayloadOptions, Route, RouteCodec, RouteOptions, TimeUnit};
pub use sections::shadows::Shadows;
pub use sections::source::{Source, SourceTls};
pub use sections::tls::Tls;
pub use sections::watchdog::Watchdog;
pub use settings::Settings;
pub use topic::{Captures, InvalidPattern, TopicPattern};
pub use topic_filter::TopicFilter;
pub use topic_template::{InvalidTopicTemplate, TopicTemplate};

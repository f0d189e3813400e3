//! The configuration: typed sections, their defaults and their checks.
//!
//! A file is read whole before anything starts: [`Config::from_toml`] returns
//! either a configuration that is sound, or every [`Problem`] in it, each with
//! its line, key, reason and, for an unknown key, the nearest one that exists.
//! `default.toml` beside this crate documents every key; a test holds it equal
//! to [`Config::default`].
//!
//! Flags go before `WEIR_…` variables, those before the file, and the file
//! before the defaults: see [`Config::from_toml_with_env`].

mod access;
mod address;
mod alarm_sections;
mod alarms;
mod assemble;
mod changes;
mod channels;
mod expression;
mod influxdb;
mod keys;
mod kinds;
mod lambda;
mod line_protocol;
mod load;
mod module;
mod problem;
mod quarantine;
mod query;
mod range;
mod reader;
mod retention;
mod rules;
mod sections;
mod topic;
mod units;

pub use address::{BrokerUrl, InvalidUrl};
pub use alarm_sections::{
    AlarmMeaning, AlarmSelector, Alarms, Channel, ChannelKind, Email, EmailTls, GroupKey, Inhibit,
    Maintenance, Notify, Priority, UrlSource,
};
pub use changes::Changes;
pub use expression::{Expression, Outcome};
pub use influxdb::{InfluxDb, LineMapping, LinePart, LineTemplate};
pub use kinds::{
    Absence, Adaptive, Allowed, Clock, Cusum, Derived, Duplicate, Effect, Ewma, Flatline,
    FunctionKind, Gap, Mad, Multivariate, Range, RateOfChange, Scores, Season, Seasonal, Threshold,
    UnitCheck, Wasm,
};
pub use lambda::Lambda;
pub use line_protocol::{LineProtocol, Precision, SensorPart, SensorTemplate};
pub use load::{Loaded, Settings};
pub use module::{Module, ModuleContent};
pub use problem::{LoadError, Problem};
pub use quarantine::Quarantine;
pub use query::{Query, SqlDoor};
pub use retention::Retention;
pub use sections::{
    Auth, Broker, Config, EmbeddedStore, Function, Http, JournalSection, Limits, Reload, Route,
    RouteCodec, Shadows, Source, SourceTls, Tls, Watchdog,
};
pub use topic::{Captures, InvalidPattern, TopicPattern};
pub use units::parse_duration;

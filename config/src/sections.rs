//! The sections of a configuration file, one per file: the checked type with
//! units in its fields, its defaults, and its reader.
//!
//! Every field states its unit and range; the defaults are those of
//! `default.toml`. A reader asks for all of its keys, whatever the file holds: the
//! schema is recorded from that.

pub(crate) mod alarm;
pub(crate) mod alarms;
pub(crate) mod auth;
pub(crate) mod aws;
pub(crate) mod broker;
pub(crate) mod channel;
pub(crate) mod embedded_store;
pub(crate) mod function;
pub(crate) mod http;
pub(crate) mod influxdb;
pub(crate) mod journal;
pub(crate) mod lambda;
pub(crate) mod limits;
pub(crate) mod line_protocol;
pub(crate) mod listen;
pub(crate) mod notify_rules;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod reload;
pub(crate) mod retention;
pub(crate) mod route;
pub(crate) mod shadows;
pub(crate) mod source;
pub(crate) mod tls;
pub(crate) mod watchdog;

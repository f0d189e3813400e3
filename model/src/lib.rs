//! The nouns of Weir: identifiers, time, messages, rows, verdicts, alerts.
//!
//! Everything here is a value: no I/O, no globals, and no clock but
//! [`Timestamp::now`]. Every other crate depends on this one and on nothing below
//! it, so a type belongs here only if two crates speak of it.

mod alert;
mod catalog;
mod flow;
mod glob;
mod ids;
mod message;
mod quarantine;
mod rights;
mod rows;
mod text;
mod time;
mod units;
mod why;

pub use alert::{Alert, AlertKind, AlertState, Level, Severity, Side, Verdict};
pub use catalog::{Catalog, CatalogTables, Column, ColumnIx, DeviceIx, LocationIx, ValueKind};
pub use flow::ReadingCounts;
pub use glob::glob_matches;
pub use ids::{DeviceId, InvalidId, SensorId, check_device, check_label, check_sensor};
pub use message::{Ingress, Message, Position, oversized_notice, parse_oversized_notice, tick};
pub use quarantine::{
    ExpiryReason, MAX_QUARANTINED_PAYLOAD_BYTES, QuarantineEntry, QuarantineReason, Quarantined,
};
pub use rights::PublishRights;
pub use rows::{Cell, Flags, Quality, Row, RowBatch, Value};
pub use text::{hex, percent_encoded, printable};
pub use time::Timestamp;
pub use units::Unit;
pub use why::{Short, Span, Statistic, Why};

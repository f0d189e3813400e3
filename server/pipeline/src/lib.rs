//! The pipeline of Weir: one message in, its effects out.
//!
//! [`Pipeline`] decodes, validates, runs the functions and the alarms, and adds
//! what follows to [`Effects`]: rows, alerts, shadow requests and reports,
//! quarantine entries, and one [`Processed`] per message. It is pure: no thread,
//! no disk, no clock. Time comes with the messages, so the same messages give the
//! same effects and the same [`Snapshot`] bytes, in a running Weir, at a replay
//! and in a backtest.
//!
//! A caller reads messages from wherever they are, calls [`Pipeline::on_message`]
//! in their order, and makes the effects durable.

mod alarm_names;
mod counts;
mod device_memory;
mod effects;
mod metering;
mod pipeline;
mod quarantined;
mod shadow_reports;
mod shadow_requests;
mod snapshot;

pub use counts::PipelineCounts;
pub use device_memory::{AssembleError, DeviceMemories};
pub use effects::{Effects, Processed, ShadowCause, ShadowUpdate};
pub use metering::{Bill, bill, dynamodb_usd};
pub use pipeline::{Pipeline, RestoreError};
pub use shadow_reports::{ReportState, json_value};
pub use shadow_requests::ShadowRequest;
pub use snapshot::{Snapshot, SnapshotError};

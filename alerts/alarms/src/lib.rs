//! Alarms as pure state machines: no clock, no disk, no network. Time and every
//! other input are arguments; the results are values.
//!
//! - [`AlarmEngine`]: verdicts in, alarm transitions out, by event time.
//! - [`Lifecycle`]: what operators and latches make of a transition, after ISA-18.2.
//! - [`Router`]: which channels are notified of which alarm, and when.
//! - [`OperationalAlarms`]: alarms about Weir itself.
//! - [`kpi()`]: the figures of EEMUA 191 and ISA-18.2, computed from the history.
//!
//! `weir-notify` stores alarms and delivers notifications.

mod alarm_engine;
mod alarm_id;
mod alarm_record;
mod audit;
mod delays;
mod kpi;
mod lifecycle;
mod links;
mod notification;
mod operational;
mod quantity;
mod reason;
mod router;
mod slot_memory;
mod slot_names;
pub mod stored_alert;
mod suppression;

pub use alarm_engine::{AlarmEngine, DeviceSlots, RestoreError};
pub use alarm_id::alert_id;
pub use alarm_record::{Acknowledgement, AlarmFilter, AlarmRecord, AlarmStateFilter, Comment};
pub use audit::{AuditAction, AuditEntry};
pub use delays::Delays;
pub use kpi::{Kpi, KpiInput, kpi};
pub use lifecycle::{Lifecycle, LifecycleEvent, LifecycleState};
pub use links::Links;
pub use notification::{Cause, Notification, NotifiedAlert, rfc3339};
pub use operational::{OPERATIONAL_DEVICE, OperationalAlarms};
pub use quantity::Quantity;
pub use router::{Decisions, Now, Policy, Routed, Router};
pub use slot_names::SlotNames;
pub use stored_alert::StoredAlert;
pub use suppression::{OUT_OF_SERVICE, Suppression};

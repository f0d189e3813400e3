//! From verdicts to alarms, and from alarms to what operations has to be told.
//!
//! [`AlarmEngine`] is the pure state machine: verdicts in, transitions out.
//! [`AlarmStore`] keeps alarms, their history, what operators do, and what is
//! not delivered yet, so that a crash neither loses nor invents an alert.
//! [`Router`] decides who is told of what, when: pure. A [`Channel`] delivers.
//! The threads that move things from one to the other are the server's.

mod alarm_actions;
mod alarm_engine;
mod alarm_id;
mod alarm_record;
mod alarm_store;
mod alarm_tables;
mod channel;
mod kpi;
mod lanes;
mod lifecycle;
mod notification;
mod operational;
mod outbox;
mod reason;
mod reconcile;
mod router;
mod slot_memory;
mod store_error;
mod stored_alert;

pub use alarm_actions::{AuditEntry, OUT_OF_SERVICE, Operator};
pub use alarm_engine::{AlarmEngine, Delays, RestoreError, SlotNames};
pub use alarm_record::{Acknowledgement, AlarmFilter, AlarmRecord, AlarmStateFilter, Comment};
pub use alarm_store::AlarmStore;
pub use channel::{AlertmanagerMirror, Channel, ChannelError, DeliveryError};
pub use kpi::{Kpi, KpiInput, kpi};
pub use lanes::Ask;
pub use lifecycle::Lifecycle;
pub use notification::{Cause, Notification, Told};
pub use operational::{OPERATIONAL_DEVICE, OperationalAlarms};
pub use outbox::{DeadLetter, Queued, RoutedUpTo};
pub use router::{Decisions, HeldBack, Now, Policy, Routed, Router};
pub use store_error::AlarmStoreError;

//! From verdicts to alarms, and from alarms to what operations has to be told.
//!
//! [`AlarmEngine`] is the pure state machine: verdicts in, transitions out.
//! [`AlarmStore`] keeps alarms, their history and the alerts that are not
//! delivered yet, so that a crash neither loses nor invents one. Publishing is
//! left to whoever reads the outbox.

mod alarm_actions;
mod alarm_engine;
mod alarm_id;
mod alarm_record;
mod alarm_store;
mod alarm_tables;
mod operational;
mod reason;
mod reconcile;
mod slot_memory;
mod store_error;
mod stored_alert;

pub use alarm_engine::{AlarmEngine, Delays, RestoreError, SlotNames};
pub use alarm_record::{Acknowledgement, AlarmFilter, AlarmRecord, AlarmStateFilter};
pub use alarm_store::AlarmStore;
pub use operational::{OPERATIONAL_DEVICE, OperationalAlarms};
pub use store_error::AlarmStoreError;

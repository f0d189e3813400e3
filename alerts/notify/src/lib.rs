//! Stores alarms and delivers notifications.
//!
//! [`AlarmStore`] keeps alarms, their history, the actions of operators, the state
//! of routing and the undelivered notifications in one database: a crash neither
//! loses nor repeats a decision. A [`Channel`] delivers a notification. What an
//! alarm is and who is notified of it is decided in `weir-alarms`; the threads
//! that connect the parts belong to the server.

mod alarm_actions;
mod alarm_store;
mod alarm_tables;
mod change_log;
mod channel;
mod lanes;
mod outbox;
mod queued;
mod reconcile;
mod store_error;
mod stored_alarm;
mod transitions;

pub use alarm_actions::{ActedOn, Operator, OperatorAction};
pub use alarm_store::AlarmStore;
pub use change_log::ChangeEntry;
pub use channel::{AlertmanagerMirror, Channel, ChannelError, DeliveryError, SetupError};
pub use outbox::RoutedUpTo;
pub use queued::{DeadLetter, DequeueRequest, Queued};
pub use store_error::AlarmStoreError;
pub use transitions::Transition;

//! `weir-alarms` and `weir-notify` under the names of the crate that they replace.

pub use weir_alarms::{
    Acknowledgement, AlarmEngine, AlarmFilter, AlarmRecord, AlarmStateFilter, AuditEntry, Cause,
    Comment, Decisions, Delays, Kpi, KpiInput, Lifecycle, Notification, NotifiedAlert as Told, Now,
    OPERATIONAL_DEVICE, OUT_OF_SERVICE, OperationalAlarms, Policy, RestoreError, Routed, Router,
    Suppression as HeldBack, kpi,
};
pub use weir_notify::{
    AlarmStore, AlarmStoreError, AlertmanagerMirror, Channel, ChannelError, DeadLetter,
    DeliveryError, Operator, Queued, RoutedUpTo,
};

/// [`weir_notify::DequeueRequest`].
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub limit: usize,
    pub taken: u64,
    pub pressing_only: bool,
}

impl From<Ask> for weir_notify::DequeueRequest {
    fn from(ask: Ask) -> Self {
        Self {
            limit: ask.limit,
            taken: ask.taken,
            high_priority_only: ask.pressing_only,
        }
    }
}

/// [`weir_alarms::SlotNames`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotNames {
    pub device: String,
    pub sensor: String,
    pub unit: Option<String>,
    pub function: String,
    pub location: Option<String>,
    pub said: Option<String>,
}

impl From<SlotNames> for weir_alarms::SlotNames {
    fn from(names: SlotNames) -> Self {
        Self {
            device: names.device,
            sensor: names.sensor,
            unit: names.unit,
            function: names.function,
            location: names.location,
            custom_reason: names.said,
            condition: None,
        }
    }
}

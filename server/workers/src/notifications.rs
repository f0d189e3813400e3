//! From alerts to people: publishing at once, routing, one worker for each channel,
//! and the alarms of Weir itself.

pub(crate) mod alarm_router;
pub(crate) mod channel_worker;
pub(crate) mod notification_service;
pub(crate) mod notifier;
pub(crate) mod operational_alerts;

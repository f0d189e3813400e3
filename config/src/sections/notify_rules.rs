//! Who is notified of an alarm, and when not.

pub(crate) mod inhibit;
pub(crate) mod maintenance;
pub(crate) mod notify;
pub(crate) mod selector;

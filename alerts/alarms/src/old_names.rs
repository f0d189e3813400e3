//! Former names, for the facade `weir-alerts`. Removed with it.

use crate::alarm_record::AlarmRecord;
use crate::audit::AuditAction;
use crate::notification::Notification;
use crate::router::Router;
use crate::suppression::Suppression;

impl AlarmRecord {
    #[doc(hidden)]
    #[must_use]
    pub fn held_back(self, by: Option<Suppression>) -> Self {
        self.with_suppression(by)
    }
}

impl Notification {
    #[doc(hidden)]
    pub fn presses(&self) -> bool {
        self.is_high_priority()
    }
}

impl Router {
    #[doc(hidden)]
    pub fn held_back(&self, alarm_id: &str) -> Option<Suppression> {
        self.suppression(alarm_id)
    }
}

impl PartialEq<&str> for AuditAction {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

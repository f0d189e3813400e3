//! Why an open alarm is not notified.

use serde::{Deserialize, Serialize};

/// `shelved_until` of an alarm that is out of service: no end is set.
pub const OUT_OF_SERVICE: i64 = i64::MAX;

/// Why an open alarm is not notified. Stored by routing in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suppression {
    Shelved,
    OutOfService,
    Maintenance,
    /// By an `[[inhibit]]` rule, or by a critical alarm of the same sensor.
    Inhibited,
}

impl Suppression {
    /// What an operator's shelving means. `until`: milliseconds since the epoch,
    /// or [`OUT_OF_SERVICE`].
    pub const fn of_shelving(until: i64) -> Self {
        match until {
            OUT_OF_SERVICE => Self::OutOfService,
            _ => Self::Shelved,
        }
    }
}

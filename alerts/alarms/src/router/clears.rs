//! Clears that wait for others of their group, as their raises did. They are
//! stored with the storms, in postcard: the order of the fields is the format.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weir_model::Alert;

use crate::stored_alert;

/// A clear that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PendingClear {
    /// Steady clock, milliseconds.
    pub(super) due: i64,
    pub(super) channel: String,
    pub(super) group: Vec<String>,
    #[serde(with = "stored_alert")]
    pub(super) alert: Alert,
}

/// All clears that wait, in the order in which they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct PendingClears(Vec<PendingClear>);

impl PendingClears {
    pub(super) fn push(&mut self, clear: PendingClear) {
        self.0.push(clear);
    }

    /// Takes out every group whose first clear is due: channel and alerts.
    pub(super) fn take_due(&mut self, steady_ms: i64) -> Vec<(String, Vec<Alert>)> {
        let due = self.0.iter().filter(|clear| clear.due <= steady_ms);
        let groups: BTreeSet<(String, Vec<String>)> = due
            .map(|clear| (clear.channel.clone(), clear.group.clone()))
            .collect();
        let mut taken = Vec::new();
        for (channel, group) in groups {
            let (now, later) = std::mem::take(&mut self.0)
                .into_iter()
                .partition::<Vec<_>, _>(|clear| clear.channel == channel && clear.group == group);
            self.0 = later;
            let alerts = now.into_iter().map(|clear| clear.alert);
            taken.push((channel, alerts.collect()));
        }
        taken
    }
}

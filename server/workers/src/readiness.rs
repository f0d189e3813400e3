//! What is wrong right now, collected from everything that can fail: `/readyz`
//! reports it, and it is raised as alarms of Weir itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_ingest::SourceClient;
use weir_journal::Journal;

use crate::configuration::reload::ReloadStatus;
use crate::health::Health;

/// Whether Weir does its work, and why not.
#[derive(Clone, Debug)]
pub struct Readiness {
    pub health: Arc<Health>,
    pub journal: Arc<dyn Journal>,
    pub sources: Arc<[SourceClient]>,
    pub reloads: Arc<ReloadStatus>,
}

impl Readiness {
    /// What keeps Weir from its work, by component.
    pub fn reasons(&self) -> BTreeMap<String, String> {
        let mut reasons = self.health.reasons();
        if let Some(stalled) = self.journal.status().stalled {
            reasons.insert("journal".to_owned(), stalled);
        }
        for source in self.sources.iter() {
            for (connection, reason) in source.status().unhealthy() {
                reasons.insert(format!("source {connection}"), reason);
            }
        }
        reasons
    }

    /// What somebody should look at although Weir does its work, by component.
    pub fn degraded(&self) -> BTreeMap<&'static str, String> {
        let config = self.reloads.refused();
        let config = config.map(|refusal| ("config", refusal.reason));
        config.into_iter().collect()
    }
}

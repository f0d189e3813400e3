//! What a shard keeps on disk.

use std::sync::Arc;

use weir_alerts::AlarmStore;
use weir_journal::Journal;
use weir_shadows::ShadowStore;
use weir_store::{EmbeddedStore, Quarantine};

/// The journal and the databases of a shard. Clones share them.
#[derive(Clone, Debug)]
pub struct Stores {
    pub journal: Arc<dyn Journal>,
    /// The readings.
    pub series: Arc<EmbeddedStore>,
    pub alarms: Arc<AlarmStore>,
    pub quarantine: Arc<Quarantine>,
    pub shadows: Arc<ShadowStore>,
}

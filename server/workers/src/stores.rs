//! What a shard keeps on disk.

use std::sync::Arc;

use weir_journal::Journal;
use weir_notify::AlarmStore;
use weir_quarantine::Quarantine;
use weir_series::SeriesStore;
use weir_shadow_store::ShadowStore;

/// The journal and the databases of a shard. Clones share them.
#[derive(Clone, Debug)]
pub struct Stores {
    pub journal: Arc<dyn Journal>,
    /// The readings.
    pub series: Arc<SeriesStore>,
    pub alarms: Arc<AlarmStore>,
    pub quarantine: Arc<Quarantine>,
    pub shadows: Arc<ShadowStore>,
}

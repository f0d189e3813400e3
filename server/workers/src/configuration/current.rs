//! The configuration in force, shared by everything that reads it.

use std::sync::Arc;

use parking_lot::RwLock;
use weir_config::Config;

/// The configuration in force. Clones share it.
#[derive(Clone, Debug)]
pub struct Current(Arc<RwLock<Arc<Config>>>);

impl Current {
    pub fn new(config: Config) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    pub fn get(&self) -> Arc<Config> {
        self.0.read().clone()
    }

    pub(crate) fn set(&self, config: Config) {
        *self.0.write() = Arc::new(config);
    }
}

//! The configuration in force, shared by everything that reads it.

use std::sync::Arc;

use parking_lot::RwLock;
use weir_config::{Config, EffectiveKey};

/// The configuration in force. Clones share it.
#[derive(Clone, Debug)]
pub struct Current(Arc<RwLock<InForce>>);

#[derive(Clone, Debug)]
struct InForce {
    config: Arc<Config>,
    keys: Arc<[EffectiveKey]>,
}

impl Current {
    pub fn new(config: Config, keys: Vec<EffectiveKey>) -> Self {
        let (config, keys) = (Arc::new(config), keys.into());
        Self(Arc::new(RwLock::new(InForce { config, keys })))
    }

    pub fn get(&self) -> Arc<Config> {
        self.0.read().config.clone()
    }

    /// Every key with its value and its origin.
    pub fn keys(&self) -> Arc<[EffectiveKey]> {
        self.0.read().keys.clone()
    }

    pub(crate) fn set(&self, config: Config, keys: Vec<EffectiveKey>) {
        let (config, keys) = (Arc::new(config), keys.into());
        *self.0.write() = InForce { config, keys };
    }
}

//! What is wrong right now, as `/readyz` reports it: one reason per component, set
//! by the worker that notices the fault and cleared when it has passed.

use std::collections::BTreeMap;

use parking_lot::Mutex;

#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<String, String>>);

impl Health {
    pub fn set(&self, component: &str, reason: String) {
        self.0.lock().insert(component.to_owned(), reason);
    }

    pub fn clear(&self, component: &str) {
        self.0.lock().remove(component);
    }

    pub fn reasons(&self) -> BTreeMap<String, String> {
        self.0.lock().clone()
    }
}

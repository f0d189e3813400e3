//! What a module is as a kind of function. It does not conclude from single
//! readings: `runs.rs` calls it.

use weir_config::Wasm;

use crate::inspect::fact::{Fact, count, text};
use crate::kind::{Kind, Stage};

impl Kind for Wasm {
    /// As many bytes as the configuration says, zeroes at first.
    type Memory = Box<[u8]>;

    const STAGE: Stage = Stage::Batch;

    fn empty(&self) -> Box<[u8]> {
        vec![0; usize::from(self.state)].into()
    }

    fn settings(&self) -> Vec<Fact> {
        vec![
            text("module", self.module.path.display().to_string()),
            text("sha256", self.module.content.digest()),
            count("state_bytes", self.state),
            count("fuel", self.fuel),
        ]
    }

    fn shape(&self) -> String {
        match self.state_version {
            Some(version) => format!("{} bytes, version {version}", self.state),
            None => {
                let digest = self.module.content.digest();
                format!("{} bytes of {digest}", self.state)
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        usize::from(self.state)
    }

    fn write(memory: &Box<[u8]>, mut into: Vec<u8>) -> Vec<u8> {
        into.extend_from_slice(memory);
        into
    }

    fn read(&self, bytes: &[u8]) -> Option<Box<[u8]>> {
        (bytes.len() == usize::from(self.state)).then(|| bytes.into())
    }
}

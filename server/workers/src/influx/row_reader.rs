//! From the journal to rows, for a reader that has its own position: it decodes
//! and validates as the pipeline did, each message under the configuration that
//! was in force at its position, and runs only those functions that shape rows.

use std::sync::Arc;

use weir_auth::Access;
use weir_config::Config;
use weir_engine::{Batch, Engine};
use weir_journal::Chunk;
use weir_model::Catalog;

use crate::configuration::config_history::ConfigCursor;

#[derive(Debug)]
pub(crate) struct RowReader {
    engine: Engine,
    configs: ConfigCursor,
}

impl RowReader {
    /// `configs` is where the reader begins.
    pub(crate) fn new(configs: ConfigCursor, access: Access) -> Self {
        let mut engine = Engine::new(&only_shaping(configs.config()));
        engine.guard_by(access);
        Self { engine, configs }
    }

    /// Adds what is in the chunk to `batch`.
    pub(crate) fn read(&mut self, chunk: &Chunk, batch: &mut Batch) {
        let mut change = self.configs.next_change();
        for record in chunk.records() {
            while change.is_some_and(|change| change <= record.position) {
                if let Some(config) = self.configs.advance(record.position) {
                    self.engine.reconfigure(&only_shaping(&config));
                }
                change = self.configs.next_change();
            }
            if let Ok(message) = &record.content {
                self.engine.on_message(record.position, message, batch);
            }
        }
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        self.engine.catalog()
    }
}

/// With the functions that decide which readings are stored, and how: InfluxDB
/// gets what the embedded store does. Their memory starts empty where the sink
/// continues.
fn only_shaping(config: &Config) -> Config {
    let functions = config.functions.iter();
    let shaping = functions.filter(|function| function.kind.shapes_readings());
    Config {
        functions: shaping.cloned().collect(),
        ..config.clone()
    }
}

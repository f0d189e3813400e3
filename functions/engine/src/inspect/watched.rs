//! Which series a function runs on.

use std::sync::Arc;

use crate::engine::Engine;
use crate::kind::Stage;

/// The series of one function, found in several short looks at the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Device and sensor of the first ones. A function of whole devices has no sensor.
    pub series: Vec<(Arc<str>, Arc<str>)>,
    pub total: u64,
    /// Where the next look begins.
    next: usize,
}

impl Engine {
    /// Looks at the next `looks` entries of memory, and keeps the first `keep` series.
    /// False when all is seen.
    pub fn watched(&self, function: &str, looks: usize, keep: usize, found: &mut Watched) -> bool {
        let mut functions = self.functions.iter();
        let Some(wanted) = functions.position(|info| *info.name == *function) else {
            return false;
        };
        let end = self.tables.slots.len().min(found.next + looks);
        for slot in self.tables.slots.get(found.next..end).unwrap_or_default() {
            let series = &self.tables.series[slot.series.index()];
            // Function 0 takes the limits of the payload where no other function does.
            let is_active = if wanted == 0 {
                !series.ruled
            } else {
                slot.active
            };
            if slot.function.index() != wanted || !is_active {
                continue;
            }
            found.total += 1;
            if found.series.len() < keep {
                let device = &self.tables.devices[series.device.index()];
                found
                    .series
                    .push((device.name.clone(), series.sensor.clone()));
            }
        }
        found.next = end;
        end < self.tables.slots.len()
    }

    /// When the function runs: `check`, `detect`, `batch` or `device`. `None`: there is
    /// no such function.
    pub fn stage_of(&self, function: &str) -> Option<&'static str> {
        let mut functions = self.functions.iter();
        functions.find(|info| *info.name == *function)?;
        let rule = self.rules.named(function);
        Some(rule.map_or(Stage::Detect, |(_, rule)| rule.stage).name())
    }
}

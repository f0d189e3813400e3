//! Reports the work ([`crate::inspect::meter`]) and the memory of the functions.

use std::sync::Arc;

use weir_config::Config;

use crate::engine::Engine;
use crate::inspect::info::{FunctionInfo, functions};
use crate::inspect::meter::{FunctionUsage, NanoClock, Tallies, Tally, Usage};
use crate::state::tables::Tables;

impl Engine {
    /// Times invocations from now on, one in some dozens. No verdict changes.
    pub fn measure_by(&mut self, clock: NanoClock) {
        self.meter.measure_by(clock);
    }

    /// What the functions did, in the order of [`Engine::functions`]. Looks at the
    /// slots that were added since the last call.
    pub fn usage(&mut self) -> Usage {
        let (messages, message_time) = self.meter.messages();
        count_slots(&self.tables, self.functions.len(), &mut self.counted);
        let counted = &self.counted.1;
        let meter = &self.meter;
        let functions = (self.functions.iter().enumerate()).map(|(at, function)| FunctionUsage {
            name: Arc::clone(&function.name),
            kind: function.kind,
            tally: meter.tally(at),
            time: meter.times(at),
            series: counted.get(at).copied().unwrap_or_default(),
            bytes_per_series: function.bytes_per_series,
        });
        Usage {
            messages,
            message_time,
            functions: functions.collect(),
        }
    }

    /// Counts to continue from, after a restart.
    pub fn tallies(&self) -> Tallies {
        let functions = (self.functions.iter().enumerate()).map(|(at, function)| {
            let tally = self.meter.tally(at);
            (function.name.to_string(), function.kind.to_owned(), tally)
        });
        Tallies {
            messages: self.meter.messages().0,
            functions: functions.collect(),
        }
    }

    /// Continues the counts of functions of the same name and kind.
    pub fn resume_tallies(&mut self, tallies: &Tallies) {
        let known = self.functions.iter().map(|function| {
            let mut known = tallies.functions.iter();
            let same = |(name, kind, _): &&(String, String, Tally)| {
                **name == *function.name && kind == function.kind
            };
            known
                .find(same)
                .map_or_else(Tally::default, |(.., tally)| *tally)
        });
        self.meter.resume(tallies.messages, known);
    }

    /// For other functions: those of the same name and kind keep their counts.
    pub(crate) fn remeter(&mut self, config: &Config) {
        let (old, new) = (&self.functions, functions(config));
        let before = new.iter().map(|function| {
            let same = |old: &FunctionInfo| old.name == function.name && old.kind == function.kind;
            old.iter().position(same)
        });
        self.meter.reorder(before);
        self.counted = (0, Vec::new());
    }
}

/// Slots are only ever added between two configurations.
fn count_slots(tables: &Tables, functions: usize, counted: &mut (usize, Vec<u64>)) {
    counted.1.resize(functions, 0);
    for slot in tables.slots.iter().skip(counted.0) {
        // Slots of removed functions have no memory.
        if let Some(count) = counted.1.get_mut(slot.function.index()) {
            *count += 1;
        }
    }
    counted.0 = tables.slots.len();
}

//! What the engine tells of its functions' work ([`crate::meter`]) and memory.

use std::sync::Arc;

use weir_config::Config;

use crate::engine::{Engine, FunctionInfo, functions};
use crate::memory::Memory;
use crate::meter::{FunctionUsage, NanoClock, Tallies, Tally, Usage};

impl Engine {
    /// From now on invocations are timed, one in some dozens. No verdict changes.
    pub fn measure_by(&mut self, clock: NanoClock) {
        self.meter.measure_by(clock);
    }

    /// What the functions did, in the order of [`Engine::functions`]. Looks at the
    /// slots that were added since the last call.
    pub fn usage(&mut self) -> Usage {
        let (messages, message_time) = self.meter.messages();
        count_slots(&self.memory, self.functions.len(), &mut self.counted);
        let counted = &self.counted.1;
        let meter = &self.meter;
        let functions = self.functions.iter().enumerate();
        let functions = functions.map(|(at, function)| FunctionUsage {
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

    /// Counts to go on from, after a restart.
    pub fn tallies(&self) -> Tallies {
        let functions = self.functions.iter().enumerate();
        let functions = functions.map(|(at, function)| {
            let tally = self.meter.tally(at);
            (function.name.to_string(), function.kind.to_owned(), tally)
        });
        Tallies {
            messages: self.meter.messages().0,
            functions: functions.collect(),
        }
    }

    /// Goes on from the counts of functions of the same name and kind.
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

    /// For other functions: those of the same name and kind go on counting.
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
fn count_slots(memory: &Memory, functions: usize, counted: &mut (usize, Vec<u64>)) {
    counted.1.resize(functions, 0);
    for slot in memory.slots.iter().skip(counted.0) {
        // Those of functions that are no more have no memory.
        if let Some(count) = counted.1.get_mut(usize::from(slot.function)) {
            *count += 1;
        }
    }
    counted.0 = memory.slots.len();
}

//! The engine: messages in, rows, verdicts and quarantine out.
//!
//! It is pure: what it does follows from its configuration, its memory and the
//! messages, in their order. Time comes with them. So live, replay and backtest
//! are this one path, and the same journal gives the same effects twice.
//!
//! `engine/queries.rs` has what others ask of it: names behind indexes, latest values.
//!
//! Per message it goes: route → decode ([`weir_codec`]) → device → per
//! reading: time, series, row, latest value, functions (`event.rs`).

mod queries;

use weir_codec::{Decoder, Fault, Memory};
use weir_config::{Config, FunctionKind, RouteCodec};
use weir_model::{
    DeviceIx, Ingress, Message, Position, PublishRights, QuarantineReason as Reason, Timestamp,
};

pub use self::queries::Slot;
use crate::absence::Clock;
use crate::absence::watch::Watch;
use crate::batch::Batch;
use crate::event::EventContext;
use crate::inspect::info::{FunctionInfo, functions};
use crate::inspect::meter::Meter;
use crate::routes::Routes;
use crate::row_builder::RowBuilder;
use crate::rules::{Mark, Rules};
use crate::state::adopt::{Removed, adopt};
use crate::state::index::{FunctionIx, NEVER, SlotIx};
use crate::state::snapshot::{self, Beside, Restored, SnapshotError};
use crate::state::tables::{Parts, Tables};
use crate::wasm::Runs;

/// Decodes, validates and detects; holds the memory of all series.
#[derive(Debug)]
pub struct Engine {
    pub(crate) routes: Routes,
    /// Who may publish for which device. `None`: everybody may for all.
    rights: Option<Box<dyn PublishRights>>,
    pub(crate) functions: Vec<FunctionInfo>,
    pub(crate) rules: Rules,
    pub(crate) decoder: Decoder,
    row_builder: RowBuilder,
    pub(crate) tables: Tables,
    pub(crate) removed: Removed,
    /// How far time has come; it passes only while a function asks.
    clock: Clock,
    /// Devices that were known before the functions were are watched too.
    settled: bool,
    /// See [`Self::abandoned`].
    abandoned: Vec<u32>,
    pub(crate) meter: Meter,
    /// The number of slots of each function, among the first so many.
    pub(crate) counted: (usize, Vec<u64>),
    /// Functions that are modules of WebAssembly.
    runs: Runs,
}

impl Engine {
    /// An engine that remembers nothing.
    pub fn new(config: &Config) -> Self {
        Self::with_memory(config, Rules::new(config), Restored::default())
    }

    /// Continues from a snapshot. When the functions are others than those it was
    /// taken under, this is as [`Self::reconfigure`].
    pub fn restore(config: &Config, snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let rules = Rules::new(config);
        let restored = snapshot::read(snapshot, &rules)?;
        Ok(Self::with_memory(config, rules, restored))
    }

    /// Another configuration for the messages to come. Functions are matched by
    /// name: one that is unchanged keeps its memory, a changed one what its kind
    /// can keep of it, a new one starts empty, and that of a removed one is dropped
    /// ([`Self::abandoned`] then has its slots). The catalog and all indexes of
    /// devices, series and slots stay.
    pub fn reconfigure(&mut self, config: &Config) {
        let rules = Rules::new(config);
        self.abandoned = if self.rules == rules {
            Vec::new()
        } else {
            let old: Vec<&Mark> = self.rules.marks().collect();
            numbers(&adopt(&mut self.tables, &old, &mut self.removed, &rules))
        };
        self.settled = false;
        self.remeter(config);
        self.runs.follow(&rules);
        self.rules = rules;
        self.routes = Routes::new(config);
        self.functions = functions(config);
    }

    /// The slots that the last [`Self::reconfigure`], or [`Self::restore`] under
    /// other functions, has left without their function, ascending: what they
    /// raised has to be cleared, no verdict will.
    pub fn abandoned(&self) -> &[u32] {
        &self.abandoned
    }

    pub(crate) fn with_memory(config: &Config, rules: Rules, restored: Restored) -> Self {
        let functions = functions(config);
        Self {
            meter: Meter::new(functions.len()),
            counted: (0, Vec::new()),
            routes: Routes::new(config),
            rights: None,
            functions,
            runs: Runs::new(&rules, restored.kept),
            rules,
            decoder: Decoder::with_memory(restored.memory),
            row_builder: RowBuilder::default(),
            tables: restored.tables,
            removed: restored.removed,
            clock: restored.clock,
            settled: false,
            abandoned: numbers(&restored.abandoned),
        }
    }

    /// From now on a message whose device only the payload names is refused
    /// unless its client may publish for that device.
    pub fn guard_by(&mut self, rights: impl PublishRights + 'static) {
        self.rights = Some(Box::new(rights));
    }

    /// Adds the outcome of one message to `out`. A tick has none but that time
    /// passes.
    pub fn on_message(&mut self, position: Position, message: &Message<'_>, out: &mut Batch) {
        if self.rules.watches.absence {
            self.pass_time(position, message.received, out);
        }
        if message.ingress == Ingress::Clock {
            return;
        }
        let began = self.meter.begin_message();
        if let Err(fault) = self.process_message(position, message, out) {
            out.quarantine(position, None, fault);
        }
        self.meter.end_message(began);
    }

    /// Adds a record that the journal could not read: one reading, quarantined.
    pub fn on_corrupt(&mut self, position: Position, detail: &str, out: &mut Batch) {
        out.corrupt(position, detail);
    }

    /// The memory, for [`Self::restore`]. The same messages give the same bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        self.write(&self.tables.parts(), &self.removed, &self.decoder.memory)
    }

    pub(crate) fn write(&self, parts: &Parts<'_>, removed: &Removed, memory: &Memory) -> Vec<u8> {
        let beside = Beside {
            rules: &self.rules,
            removed,
            clock: &self.clock,
            failing: &self.runs.kept(),
            memory,
        };
        snapshot::write(parts, beside)
    }

    /// Whether time has to pass when no message comes: somebody must journal a
    /// tick ([`weir_model::tick`]) every five seconds.
    pub fn wants_ticks(&self) -> bool {
        self.rules.watches.absence
    }
}

impl Engine {
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn clock_mut(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Before a message: what follows from the time that it brings.
    fn pass_time(&mut self, position: Position, received: Timestamp, out: &mut Batch) {
        if !self.settled {
            self.settled = true;
            self.expect_devices();
        }
        if self.clock.pass(received) {
            let functions = &self.functions;
            let delay = |function: FunctionIx| {
                let function = functions.get(function.index());
                function.map_or(0, |function| function.on_delay_ns)
            };
            let mut watch = Watch {
                tables: &mut self.tables,
                rules: &self.rules,
                meter: &mut self.meter,
                position,
                out,
            };
            watch.scan(&self.clock, &delay);
        }
    }

    /// Makes known who is expected, and has everyone watched who is known.
    fn expect_devices(&mut self) {
        let limits = &self.routes.limits;
        for (_, rule) in self.rules.iter() {
            let FunctionKind::Absence(settings) = &rule.kind else {
                continue;
            };
            for name in &settings.expect {
                let room = self.tables.devices.len() < limits.max_devices;
                if self.tables.find_device(name).is_none() && room {
                    self.tables.add_device(name, Timestamp(NEVER));
                }
            }
        }
        for device in 0..self.tables.devices.len() as u32 {
            let device = DeviceIx(device);
            self.tables.series_of_device(device, &self.rules, limits);
        }
    }

    fn process_message(
        &mut self,
        position: Position,
        message: &Message<'_>,
        out: &mut Batch,
    ) -> Result<(), Fault> {
        self.decoder.clear();
        let Self {
            routes,
            rights,
            rules,
            decoder,
            row_builder,
            tables,
            meter,
            runs,
            ..
        } = self;
        let decoded = routes.decode(message, decoder)?;
        out.absent[decoded.codec.index()] += decoder.absent;
        out.cleared += u64::from(decoder.cleared);
        row_builder.begin(position, &out.rows);
        let mut next_reading = 0;
        let single = decoder.events.len() == 1 && decoder.events[0].fault.is_none();
        for event in &decoder.events {
            let readings = &decoder.readings[event.first..event.end];
            let mut context = EventContext {
                position,
                message,
                captures: &decoded.captures,
                text: decoded.text,
                decoder,
                limits: &routes.limits,
                rights: rights.as_deref(),
                rules,
                tables,
                row_builder,
                meter,
                cells_before: out.rows.cells.len(),
                out,
                pending: &mut runs.pending,
            };
            match context.process(event, readings, next_reading) {
                Ok(indexes) => next_reading += indexes,
                Err(fault) if single && decoded.codec != RouteCodec::LineProtocol => {
                    return Err(fault);
                }
                Err(mut fault) => {
                    let is_line = decoded.codec == RouteCodec::LineProtocol;
                    if is_line && fault.reason == Reason::MissingDevice {
                        fault.detail.push_str(HINT);
                    }
                    out.quarantine(position, Some(next_reading), fault);
                    next_reading += 1;
                }
            }
        }
        row_builder.finish(&mut out.rows, &mut tables.series);
        if !runs.pending.is_empty() {
            runs.run(rules, &mut tables.slots, position, meter, out);
        }
        Ok(())
    }
}

/// For lines without a device.
const HINT: &str =
    "; name its tag in line_protocol.device_tags, or set line_protocol.default_device";

fn numbers(slots: &[SlotIx]) -> Vec<u32> {
    slots.iter().map(|slot| slot.0).collect()
}

#[cfg(test)]
mod tests;

//! The engine: messages in, rows, verdicts and quarantine out.
//!
//! It is pure: what it does follows from its configuration, its memory and the
//! messages, in their order. Time comes with them. So live, replay and backtest
//! are this one path, and the same journal gives the same effects twice.
//!
//! Per message it goes: route → decode ([`weir_codec`]) → device → per
//! reading: time, series, row, latest value, functions.

use std::sync::Arc;

use weir_codec::{Decoder, Fault, JsonSettings, LineSettings, Quoted};
use weir_config::{Captures, Config, Limits, LineProtocol, Precision, Route, RouteCodec};
use weir_model::{
    Catalog, DeviceIx, Door, Message, Position, PublishRights, QuarantineReason as Reason,
    Timestamp, Verdict, Why, parse_oversized_notice,
};

#[cfg(doc)]
use crate::REMOVED_FUNCTION;
use crate::absence::{self, Clock};
use crate::adopt::adopt;
use crate::batch::Batch;
use crate::kinds::Kind;
use crate::latest::{DeviceSummary, Latest};
use crate::memory::{Memory, NEVER};
use crate::meter::Meter;
use crate::reading::Step;
use crate::row_builder::RowBuilder;
use crate::rules::{Mark, Rule};
use crate::sequence::SequenceCounts;
use crate::snapshot::{self, Restored, SnapshotError};
use crate::threshold;
use crate::wasm::{ModuleReport, Runs};

/// Decodes, validates and detects; holds the memory of all series.
#[derive(Debug)]
pub struct Engine {
    routes: Vec<Route>,
    line_names: LineProtocol,
    limits: Limits,
    /// Who may publish for which device. `None`: everybody may for all.
    rights: Option<Box<dyn PublishRights>>,
    pub(crate) functions: Vec<FunctionInfo>,
    pub(crate) rules: Vec<Rule>,
    decoder: Decoder,
    row_builder: RowBuilder,
    pub(crate) memory: Memory,
    /// Names of functions that slots are left of, though they are configured no
    /// more: (slot, name), ascending.
    removed: Vec<(u32, String)>,
    /// How far time has come; it passes only while a function asks.
    clock: Clock,
    watches: Watches,
    /// See [`Self::abandoned`].
    abandoned: Vec<u32>,
    pub(crate) meter: Meter,
    /// How many slots there are of each function, among the first so many.
    pub(crate) counted: (usize, Vec<u64>),
    /// Functions that are modules of WebAssembly.
    runs: Runs,
}

/// What the alarm engine needs to know of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    pub name: Arc<str>,
    /// In event time.
    pub on_delay_ns: i64,
    pub off_delay_ns: i64,
    /// `threshold`, `ewma`, ...: as in the configuration.
    pub kind: &'static str,
    /// Its verdicts carry a score.
    pub gives_scores: bool,
    /// What it remembers of one series, in bytes.
    pub bytes_per_series: usize,
}

/// What the functions ask for besides readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watches {
    /// Some function notices absence.
    absence: bool,
    /// Some function watches devices as a whole.
    pub(crate) devices: bool,
    /// Some function computes new readings.
    pub(crate) derived: bool,
    /// Devices that were known before the functions were are watched too.
    settled: bool,
}

impl Watches {
    fn new(rules: &[Rule]) -> Self {
        let absence = |rule: &Rule| matches!(rule.kind, Kind::Absence(_));
        let derived = |rule: &Rule| matches!(rule.kind, Kind::Derived(_) | Kind::Multivariate(_));
        Self {
            absence: rules.iter().any(absence),
            devices: rules.iter().any(Rule::is_of_devices),
            derived: rules.iter().any(derived),
            settled: false,
        }
    }
}

/// What stands in a sensor's place when the device as a whole is meant.
const PRESENCE: &str = "presence";

/// The names behind a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot<'a> {
    pub device: &'a str,
    pub sensor: &'a str,
    /// Of the sensor's last reading.
    pub unit: Option<&'a str>,
    pub function: &'a str,
    /// [`REMOVED_FUNCTION`] when it is configured no more: no verdict will come.
    pub function_ix: u16,
}

impl Engine {
    /// An engine that remembers nothing.
    pub fn new(config: &Config) -> Self {
        let restored = Restored {
            memory: Memory::new(),
            removed: Vec::new(),
            abandoned: Vec::new(),
            clock: Clock::default(),
            kept: Vec::new(),
        };
        Self::with_memory(config, rules(config), restored)
    }

    /// Goes on from a snapshot. When the functions are others than those it was
    /// taken under, this is as [`Self::reconfigure`].
    pub fn restore(config: &Config, snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let rules = rules(config);
        let restored = snapshot::read(snapshot, &rules)?;
        Ok(Self::with_memory(config, rules, restored))
    }

    /// Takes on another configuration for the messages to come. Functions are
    /// matched by name: one that is unchanged keeps its memory, a changed one
    /// what its kind can keep of it, a new one starts empty, and that of a
    /// removed one is dropped ([`Self::abandoned`] then tells its slots). The
    /// catalog and all indexes of devices, series and slots stay.
    pub fn reconfigure(&mut self, config: &Config) {
        let rules = rules(config);
        self.abandoned = match self.rules == rules {
            true => Vec::new(),
            false => {
                let old: Vec<&Mark> = self.rules.iter().map(|rule| &rule.mark).collect();
                adopt(&mut self.memory, &old, &mut self.removed, &rules)
            }
        };
        self.watches = Watches::new(&rules);
        self.remeter(config);
        self.runs.follow(&rules);
        self.rules = rules;
        self.routes = config.routes.clone();
        self.line_names = config.line_protocol.clone();
        self.limits = config.limits.clone();
        self.functions = functions(config);
    }

    /// The slots that the last [`Self::reconfigure`], or [`Self::restore`] under
    /// other functions, has left without their function, ascending: what they
    /// raised has to be cleared, no verdict will.
    pub fn abandoned(&self) -> &[u32] {
        &self.abandoned
    }

    fn with_memory(config: &Config, rules: Vec<Rule>, restored: Restored) -> Self {
        let watches = Watches::new(&rules);
        let functions = functions(config);
        let runs = Runs::new(&rules, restored.kept);
        Self {
            meter: Meter::new(functions.len()),
            counted: (0, Vec::new()),
            routes: config.routes.clone(),
            line_names: config.line_protocol.clone(),
            limits: config.limits.clone(),
            rights: None,
            functions,
            rules,
            decoder: Decoder::default(),
            row_builder: RowBuilder::default(),
            memory: restored.memory,
            removed: restored.removed,
            clock: restored.clock,
            watches,
            abandoned: restored.abandoned,
            runs,
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
        if self.watches.absence {
            self.pass_time(position, message.received, out);
        }
        if message.door == Door::Clock {
            return;
        }
        let began = self.meter.begin_message();
        if let Err(fault) = self.take(position, message, out) {
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
        let kept = self.runs.kept();
        snapshot::write(&self.memory, &self.rules, &self.removed, &self.clock, &kept)
    }

    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.memory.catalog
    }

    /// The names behind a slot that a verdict brought. Panics for any other.
    pub fn slot(&self, slot: u32) -> Slot<'_> {
        let memory = &self.memory.slots[slot as usize];
        let series = &self.memory.series[memory.series as usize];
        let function = match self.functions.get(usize::from(memory.function)) {
            Some(function) => &*function.name,
            None => {
                let at = self.removed.binary_search_by_key(&slot, |(slot, _)| *slot);
                at.map_or("", |at| &self.removed[at].1)
            }
        };
        Slot {
            device: &self.memory.devices[series.device.index()].name,
            sensor: match &*series.sensor {
                "" => PRESENCE,
                sensor => sensor,
            },
            unit: self.memory.columns[series.column.index()].unit.as_deref(),
            function,
            function_ix: memory.function,
        }
    }

    /// How the functions that are modules of WebAssembly are doing, in their order.
    pub fn modules(&self) -> impl Iterator<Item = ModuleReport<'_>> {
        self.runs.reports()
    }

    /// What a function says of its verdict in words of its own, to follow "value is".
    pub fn said(&self, verdict: &Verdict) -> Option<&str> {
        let Why::Module { reason } = verdict.why else {
            return None;
        };
        let rule = self
            .rules
            .get(usize::from(verdict.function).checked_sub(1)?)?;
        let Kind::Wasm(settings) = &rule.kind else {
            return None;
        };
        let reason = settings.reasons.get(usize::from(reason).checked_sub(1)?)?;
        Some(reason)
    }

    /// How many slots there are: their indexes are below it.
    pub fn slot_count(&self) -> u32 {
        self.memory.slots.len() as u32
    }

    /// Index 0 is `payload`, the limits that come with a reading; then the
    /// `[[function]]`s in their order.
    pub fn functions(&self) -> &[FunctionInfo] {
        &self.functions
    }

    /// Visits the devices with a newer latest value since the last call, with
    /// the latest values of the sensors that changed. What is visited once is
    /// not visited again; what was not is part of the snapshot.
    pub fn changed_devices(&mut self, visit: &mut dyn FnMut(DeviceIx, &[Latest])) {
        self.memory.take_changed(visit);
    }

    /// Has [`Self::changed_devices`] visit a device although no reading came: what
    /// else is told of it has changed.
    pub fn mark_changed(&mut self, device: DeviceIx) {
        self.memory.mark_newest_changed(device);
    }

    /// The latest value of each sensor, in the order of their first appearance.
    pub fn latest(&self, device: DeviceIx) -> Vec<Latest> {
        self.memory.latest_of(device)
    }

    pub fn device_ix(&self, id: &str) -> Option<DeviceIx> {
        self.memory.find_device(id)
    }

    pub fn device_summary(&self, device: DeviceIx) -> DeviceSummary {
        self.memory.summary(device)
    }

    /// Gaps and repeats in the numbers that the device gives.
    pub fn sequence_counts(&self, device: DeviceIx) -> SequenceCounts {
        self.memory.devices[device.index()].sequences
    }

    /// Those of all devices together.
    pub fn sequence_totals(&self) -> SequenceCounts {
        self.memory.sequences
    }

    /// Whether time has to pass when no message comes: somebody must journal a
    /// tick ([`weir_model::tick`]) every five seconds.
    pub fn wants_ticks(&self) -> bool {
        self.watches.absence
    }

    /// Before a message: what the time that it brings has to say.
    fn pass_time(&mut self, position: Position, received: Timestamp, out: &mut Batch) {
        if !self.watches.settled {
            self.watches.settled = true;
            self.expect_devices();
        }
        if self.clock.pass(received) {
            let functions = &self.functions;
            let delays = |function: u16| {
                let function = functions.get(usize::from(function));
                function.map_or(0, |function| function.on_delay_ns)
            };
            let Self {
                memory,
                rules,
                clock,
                meter,
                ..
            } = self;
            absence::scan(memory, rules, &delays, clock, position, meter, out);
        }
    }

    /// Makes known who is expected, and has everyone watched who is known.
    fn expect_devices(&mut self) {
        let Self {
            memory,
            rules,
            limits,
            ..
        } = self;
        for rule in rules.iter() {
            let Kind::Absence(settings) = &rule.kind else {
                continue;
            };
            for name in &settings.expect {
                let room = memory.devices.len() < limits.max_devices;
                if memory.find_device(name).is_none() && room {
                    memory.add_device(name, Timestamp(NEVER));
                }
            }
        }
        for device in 0..memory.devices.len() as u32 {
            memory.series_of_device(DeviceIx(device), rules, limits);
        }
    }

    fn take(
        &mut self,
        position: Position,
        message: &Message<'_>,
        out: &mut Batch,
    ) -> Result<(), Fault> {
        let (captures, codec, precision) = self.route(message)?;
        let text = payload_text(message.payload, &self.limits)?;
        let max_readings = self.limits.max_readings_per_message;
        match codec {
            RouteCodec::Json => self.decoder.decode(
                text,
                JsonSettings {
                    sensor_in_topic: captures.sensor.is_some(),
                    max_readings,
                },
            )?,
            RouteCodec::LineProtocol => self.decoder.decode_lines(
                text,
                LineSettings {
                    names: &self.line_names,
                    precision,
                    max_readings,
                },
            )?,
        }

        let Self {
            decoder,
            memory,
            row_builder,
            limits,
            rights,
            rules,
            watches,
            meter,
            runs,
            ..
        } = self;
        let watches = *watches;
        row_builder.begin(position, &out.rows);
        let mut next_reading = 0;
        let single = decoder.events.len() == 1 && decoder.events[0].fault.is_none();
        for event in &decoder.events {
            let readings = &decoder.readings[event.first..event.end];
            let mut step = Step {
                position,
                message,
                captures: &captures,
                text,
                decoder,
                limits,
                rights: rights.as_deref(),
                rules,
                memory,
                row_builder,
                watches,
                meter,
                cells_before: out.rows.cells.len(),
                out,
                pending: &mut runs.pending,
            };
            match step.event(event, readings, next_reading) {
                Ok(indexes) => next_reading += indexes,
                Err(fault) if single && codec == RouteCodec::Json => return Err(fault),
                Err(mut fault) => {
                    if codec == RouteCodec::LineProtocol && fault.reason == Reason::MissingDevice {
                        fault.detail.push_str(HINT);
                    }
                    out.quarantine(position, Some(next_reading), fault);
                    next_reading += 1;
                }
            }
        }
        row_builder.finish(&mut out.rows, &mut memory.series);
        if !runs.pending.is_empty() {
            runs.run(rules, memory, position, meter, out);
        }
        Ok(())
    }
}

impl Engine {
    /// What the topic says, and how the payload is encoded.
    fn route<'m>(
        &self,
        message: &Message<'m>,
    ) -> Result<(Captures<'m>, RouteCodec, Precision), Fault> {
        for route in &self.routes {
            if let Some(captures) = route.topic.captures(message.topic) {
                return Ok((captures, route.codec, route.precision));
            }
        }
        // A write by HTTP has no topic of its own.
        if message.door == Door::Http
            && let Some(precision) = Precision::of_write_topic(message.topic)
        {
            return Ok((Captures::default(), RouteCodec::LineProtocol, precision));
        }
        let detail = format!("no route takes the topic {}", Quoted(message.topic));
        Err(Fault::new(Reason::NoRoute, detail))
    }
}

/// For lines without a device.
const HINT: &str =
    "; name its tag in line_protocol.device_tags, or set line_protocol.default_device";

fn rules(config: &Config) -> Vec<Rule> {
    config.functions.iter().map(Rule::new).collect()
}

/// `payload`, then those of the configuration in their order.
pub(crate) fn functions(config: &Config) -> Vec<FunctionInfo> {
    let payload = FunctionInfo {
        name: "payload".into(),
        on_delay_ns: 0,
        off_delay_ns: 0,
        kind: "threshold",
        gives_scores: false,
        bytes_per_series: Kind::Threshold(threshold::Limits::default()).memory_bytes(),
    };
    let nanos = |delay: std::time::Duration| i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX);
    let configured = config.functions.iter().map(|function| FunctionInfo {
        name: function.name.as_str().into(),
        on_delay_ns: nanos(function.on_delay),
        off_delay_ns: nanos(function.off_delay),
        kind: function.kind.name(),
        gives_scores: function.kind.gives_scores(),
        bytes_per_series: Kind::new(&function.kind).memory_bytes(),
    });
    std::iter::once(payload).chain(configured).collect()
}

/// The payload as text, when it may be one.
fn payload_text<'a>(payload: &'a [u8], limits: &Limits) -> Result<&'a str, Fault> {
    if payload.len() as u64 > limits.max_payload {
        let detail = format!(
            "the payload has {} bytes, more than {} (limits.max_payload)",
            payload.len(),
            limits.max_payload
        );
        return Err(Fault::new(Reason::TooLarge, detail));
    }
    if payload.first() == Some(&0)
        && let Some(notice) = parse_oversized_notice(payload)
    {
        let detail = format!("the door let it go, too large to keep: {notice}");
        return Err(Fault::new(Reason::TooLarge, detail));
    }
    if payload.is_empty() {
        return Err(Fault::new(
            Reason::Empty,
            "the payload has no bytes".to_owned(),
        ));
    }
    std::str::from_utf8(payload).map_err(|error| {
        let detail = format!(
            "the payload is not UTF-8 from byte {} on",
            error.valid_up_to()
        );
        Fault::new(Reason::InvalidUtf8, detail)
    })
}

#[cfg(test)]
mod tests;

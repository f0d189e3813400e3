//! The alarm state machine, after ISA-18.2: pure, one memory per slot, where a
//! slot is one (series, function).
//!
//! ```text
//!            level ≥ warning              held ≥ on-delay: RAISED
//!   Normal ──────────────────▶ PendingRaise ──────────────────▶ Active
//!     ▲ ▲        level none         │            ESCALATED: critical ≥ on-delay
//!     │ └───────────────────────────┘          DEESCALATED: less ≥ off-delay
//!     │                                                         │  ▲
//!     │      held ≥ off-delay: CLEARED             level none   ▼  │ level ≥ warning
//!     └──────────────────────────────────────────────────── PendingClear
//! ```
//!
//! Delays are in event time. A condition "holds" from the first reading of an
//! unbroken run to the current reading. Only readings decide, so a device that
//! goes silent keeps its alarm. A delay of zero decides at once. Each severity has
//! its own on-delay: an alarm is raised as a warning when only the warning
//! condition has held, and escalates when the critical condition has held too.
//! At most one alarm is open per slot, and every raise has exactly one clear.
//!
//! A snapshot is its version (one byte, 1) and, in postcard, a list of (slot,
//! memory) in ascending order. [`AlarmEngine::device_snapshot`] writes the same
//! format for one device, whose slots are numbered from 0 and whose index is 0.

use ahash::RandomState;
use hashbrown::HashMap;
use thiserror::Error;
use weir_model::{Alert, AlertState, DeviceIx, Verdict};

use crate::delays::Delays;
use crate::slot_memory::{OpenAlarm, SlotMemory, Transition};
use crate::slot_names::SlotNames;

const SNAPSHOT_VERSION: u8 = 1;

/// Why a snapshot cannot be restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("the alarm snapshot has version {found}; this Weir reads version {SNAPSHOT_VERSION}")]
    Version { found: u8 },
    #[error("the alarm snapshot is malformed: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("the alarm snapshot contains slot {slot} twice")]
    Repeated { slot: u32 },
    #[error("the alarm snapshot of a device contains slot {slot}; the device has {slots} slots")]
    UnknownSlot { slot: u32, slots: usize },
}

/// Where one device is in an engine. The functions engine numbers slots and
/// devices; the alarm engine takes the numbers from it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceSlots<'a> {
    pub device: DeviceIx,
    /// `slots[n]` is the engine's slot of the device's own slot `n`. No slot
    /// belongs to two devices.
    pub slots: &'a [u32],
}

/// The memory of all slots.
#[derive(Debug)]
pub struct AlarmEngine {
    /// By `Verdict::function`.
    delays: Vec<Delays>,
    /// By `Verdict::slot`: 0 for a slot that never left Normal, else 1 + its
    /// index in `memories`. Nearly all slots are 0: four bytes each.
    index: Vec<u32>,
    memories: Vec<SlotMemory>,
    /// Slots with an open alarm, in ascending order.
    open: HashMap<DeviceIx, Vec<u32>, RandomState>,
    open_count: usize,
    /// The last cleared alert: [`AlarmEngine::on_verdict`] returns a reference.
    cleared: Option<Alert>,
}

impl AlarmEngine {
    /// `delays` by `Verdict::function`; a function beyond its end has no delays.
    pub fn new(delays: Vec<Delays>) -> Self {
        Self {
            delays,
            index: Vec::new(),
            memories: Vec::new(),
            open: HashMap::default(),
            open_count: 0,
            cleared: None,
        }
    }

    /// Processes one verdict; returns the transition that it decides, if any.
    ///
    /// `names` is called only for a transition. A verdict that is not newer than
    /// the last one of its slot is ignored.
    pub fn on_verdict<N: Into<SlotNames>>(
        &mut self,
        verdict: &Verdict,
        names: impl FnOnce() -> N,
    ) -> Option<&Alert> {
        let known = self.index.get(verdict.slot as usize).copied().unwrap_or(0);
        if known == 0 && verdict.level.is_none() {
            return None;
        }
        let at = if known == 0 {
            self.admit(verdict.slot)
        } else {
            known as usize - 1
        };
        let memory = &mut self.memories[at];
        if (verdict.level.is_none() && memory.is_normal()) || verdict.time <= memory.last {
            return None;
        }
        let delays = self
            .delays
            .get(usize::from(verdict.function))
            .copied()
            .unwrap_or_default();
        let transition = memory.step(verdict.level, verdict.time, delays);
        if let Some(open) = &mut memory.open {
            open.note_limit(verdict);
        }
        let transition = transition?;
        self.apply(at, verdict, transition, &names().into())
    }

    /// The last alert of each open alarm of a device, in the order of slots.
    pub fn active(&self, device: DeviceIx) -> impl Iterator<Item = &Alert> {
        let slots = self
            .open
            .get(&device)
            .map(Vec::as_slice)
            .unwrap_or_default();
        slots.iter().filter_map(|slot| {
            let at = self.index[*slot as usize] as usize - 1;
            self.memories[at].open.as_ref().map(|open| &open.alert)
        })
    }

    /// The last alert of each open alarm, in no particular order.
    pub fn all_active(&self) -> impl Iterator<Item = &Alert> {
        self.memories
            .iter()
            .filter_map(|memory| memory.open.as_ref().map(|open| &open.alert))
    }

    /// How many alarms are open.
    pub fn active_count(&self) -> usize {
        self.open_count
    }

    /// The state, for [`AlarmEngine::restore`].
    pub fn snapshot(&self) -> Vec<u8> {
        let slots: Vec<(u32, &SlotMemory)> = self.slots().collect();
        encode(&slots)
    }

    /// Restores the state from a snapshot.
    pub fn restore(delays: Vec<Delays>, snapshot: &[u8]) -> Result<Self, RestoreError> {
        let mut engine = Self::new(delays);
        for (slot, memory) in decode(snapshot)? {
            engine.restore_slot(slot, memory)?;
        }
        Ok(engine)
    }

    /// The state of one device on its own: [`AlarmEngine::restore`] makes an
    /// engine of this device alone from it, [`AlarmEngine::assemble`] an engine
    /// of several.
    pub fn device_snapshot(&self, device: DeviceSlots<'_>) -> Vec<u8> {
        let mut slots = Vec::new();
        for (own, slot) in (0u32..).zip(device.slots) {
            let known = self.index.get(*slot as usize).copied().unwrap_or(0);
            if let Some(at) = known.checked_sub(1) {
                let memory = self.memories[at as usize].clone();
                slots.push((own, memory.of_device(DeviceIx(0))));
            }
        }
        encode(&slots)
    }

    /// One engine from the [`AlarmEngine::device_snapshot`]s of several devices.
    /// It decides for each device what an engine of that device alone decides.
    pub fn assemble<'a>(
        delays: Vec<Delays>,
        devices: impl IntoIterator<Item = (DeviceSlots<'a>, &'a [u8])>,
    ) -> Result<Self, RestoreError> {
        let mut engine = Self::new(delays);
        for (device, snapshot) in devices {
            for (own, memory) in decode(snapshot)? {
                let slot = device.slots.get(own as usize);
                let slot = *slot.ok_or(RestoreError::UnknownSlot {
                    slot: own,
                    slots: device.slots.len(),
                })?;
                engine.restore_slot(slot, memory.of_device(device.device))?;
            }
        }
        Ok(engine)
    }

    /// Adapts to a changed set of functions: moves the memory of every slot to the
    /// slot that `new_slot` returns, and drops it where that is `None`. An open
    /// alarm that is dropped is cleared as of its last reading; these alerts are
    /// returned. `new_slot` must not return a slot twice.
    pub fn remap(
        &mut self,
        delays: Vec<Delays>,
        mut new_slot: impl FnMut(u32) -> Option<u32>,
    ) -> Vec<Alert> {
        let slots: Vec<u32> = self.slots().map(|(slot, _)| slot).collect();
        let mut old = std::mem::replace(self, Self::new(delays));
        let mut cleared = Vec::new();
        for slot in slots {
            let at = old.index[slot as usize] as usize - 1;
            let memory = std::mem::replace(&mut old.memories[at], SlotMemory::new());
            match (new_slot(slot), memory.open) {
                (Some(slot), open) => self.insert(slot, SlotMemory { open, ..memory }),
                (None, Some(open)) => cleared.push(open.abandon(memory.last)),
                (None, None) => {}
            }
        }
        cleared
    }

    fn slots(&self) -> impl Iterator<Item = (u32, &SlotMemory)> {
        let known = self.index.iter().enumerate().filter(|(_, at)| **at != 0);
        known.map(|(slot, at)| (slot as u32, &self.memories[*at as usize - 1]))
    }

    /// Makes the memory of a slot; returns its index in `memories`.
    fn admit(&mut self, slot: u32) -> usize {
        if self.index.len() <= slot as usize {
            self.index.resize(slot as usize + 1, 0);
        }
        self.memories.push(SlotMemory::new());
        let known = u32::try_from(self.memories.len()).expect("there are at most 2^32 - 1 slots");
        self.index[slot as usize] = known;
        known as usize - 1
    }

    fn restore_slot(&mut self, slot: u32, memory: SlotMemory) -> Result<(), RestoreError> {
        let known = self.index.get(slot as usize);
        if known.is_some_and(|known| *known != 0) {
            return Err(RestoreError::Repeated { slot });
        }
        self.insert(slot, memory);
        Ok(())
    }

    fn insert(&mut self, slot: u32, memory: SlotMemory) {
        let at = self.admit(slot);
        if let Some(open) = &memory.open {
            self.opened(open.device, slot);
        }
        self.memories[at] = memory;
    }

    fn opened(&mut self, device: DeviceIx, slot: u32) {
        let slots = self.open.entry(device).or_default();
        if let Err(place) = slots.binary_search(&slot) {
            slots.insert(place, slot);
            self.open_count += 1;
        }
    }

    fn closed(&mut self, device: DeviceIx, slot: u32) {
        let Some(slots) = self.open.get_mut(&device) else {
            return;
        };
        if let Ok(place) = slots.binary_search(&slot) {
            slots.remove(place);
            self.open_count -= 1;
        }
        if slots.is_empty() {
            self.open.remove(&device);
        }
    }

    fn apply(
        &mut self,
        at: usize,
        verdict: &Verdict,
        transition: Transition,
        names: &SlotNames,
    ) -> Option<&Alert> {
        let open = self.memories[at].open.take();
        let mut open = open.unwrap_or_else(|| Box::new(OpenAlarm::raised(verdict, names)));
        open.alert = open.alert_of(verdict, transition, names);
        match transition.state {
            AlertState::Cleared => {
                self.closed(open.device, verdict.slot);
                self.cleared = Some(open.alert);
                self.cleared.as_ref()
            }
            AlertState::Raised | AlertState::Escalated | AlertState::Deescalated => {
                self.opened(open.device, verdict.slot);
                let open = self.memories[at].open.insert(open);
                Some(&open.alert)
            }
        }
    }
}

fn encode<M: serde::Serialize>(slots: &[(u32, M)]) -> Vec<u8> {
    postcard::to_stdvec(&(SNAPSHOT_VERSION, slots))
        .expect("the snapshot is plain values, serialised into memory")
}

fn decode(snapshot: &[u8]) -> Result<Vec<(u32, SlotMemory)>, RestoreError> {
    match snapshot.first() {
        Some(&SNAPSHOT_VERSION) => Ok(postcard::from_bytes(&snapshot[1..])?),
        Some(&found) => Err(RestoreError::Version { found }),
        None => Err(postcard::Error::DeserializeUnexpectedEnd.into()),
    }
}

#[cfg(test)]
mod tests;

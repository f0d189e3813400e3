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
//! Delays are in event time: a condition "holds" from the first reading of an
//! unbroken run to the present reading, and only readings decide, so a device
//! that falls silent keeps the alarm it has. A delay of zero decides at once. A
//! severity needs its on-delay for itself: an alarm is raised as a warning when
//! only the lesser condition has held, and escalates once the critical one has.
//! At most one alarm is open per slot, and every raise has exactly one clear.

use ahash::RandomState;
use hashbrown::HashMap;
use thiserror::Error;
use weir_model::{Alert, AlertState, DeviceIx, Verdict};

use crate::slot_memory::{Memory, Open, Transition};

const SNAPSHOT_VERSION: u8 = 1;

/// How long a condition holds before it counts, in event time, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    pub on_delay_ns: i64,
    pub off_delay_ns: i64,
}

/// The names behind a slot, as an alert prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotNames {
    pub device: String,
    pub sensor: String,
    pub unit: Option<String>,
    pub function: String,
    /// `None` or empty: unknown.
    pub location: Option<String>,
    /// What the function says of this verdict in words of its own, to follow
    /// "sensor value is".
    pub said: Option<String>,
}

/// Why a snapshot was not taken.
#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("the alarm snapshot has version {found}; this Weir reads {SNAPSHOT_VERSION}")]
    Version { found: u8 },
    #[error("the alarm snapshot is malformed: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("the alarm snapshot names slot {slot} twice")]
    Repeated { slot: u32 },
}

/// The memory of all slots.
#[derive(Debug)]
pub struct AlarmEngine {
    /// By `Verdict::function`.
    delays: Vec<Delays>,
    /// By `Verdict::slot`: 0 for a slot that never left Normal, else 1 + its
    /// index in `memories`. Nearly all slots are 0: four bytes each.
    index: Vec<u32>,
    memories: Vec<Memory>,
    /// Slots with an open alarm, in ascending order.
    open: HashMap<DeviceIx, Vec<u32>, RandomState>,
    open_count: usize,
    /// The last cleared alert, kept to lend it out.
    cleared: Option<Alert>,
}

impl AlarmEngine {
    /// `delays` by `Verdict::function`; a function beyond its end has none.
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

    /// Takes one verdict in; returns the transition that it decides, if any.
    ///
    /// `names` is called only then. A verdict that is not newer than the last
    /// one of its slot is ignored.
    pub fn on_verdict(
        &mut self,
        verdict: &Verdict,
        names: impl FnOnce() -> SlotNames,
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
        self.apply(at, verdict, transition, &names())
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

    /// Everything that [`AlarmEngine::restore`] needs to go on from here.
    pub fn snapshot(&self) -> Vec<u8> {
        let slots: Vec<(u32, &Memory)> = self.slots().collect();
        postcard::to_stdvec(&(SNAPSHOT_VERSION, slots))
            .expect("the snapshot is plain values, serialised into memory")
    }

    /// Goes on from a snapshot.
    pub fn restore(delays: Vec<Delays>, snapshot: &[u8]) -> Result<Self, RestoreError> {
        match snapshot.first() {
            Some(&SNAPSHOT_VERSION) => {}
            Some(&found) => return Err(RestoreError::Version { found }),
            None => return Err(postcard::Error::DeserializeUnexpectedEnd.into()),
        }
        let slots: Vec<(u32, Memory)> = postcard::from_bytes(&snapshot[1..])?;
        let mut engine = Self::new(delays);
        for (slot, memory) in slots {
            if engine
                .index
                .get(slot as usize)
                .is_some_and(|known| *known != 0)
            {
                return Err(RestoreError::Repeated { slot });
            }
            engine.insert(slot, memory);
        }
        Ok(engine)
    }

    /// For a changed set of functions: moves every slot's memory to the slot
    /// that `new_slot` gives it and drops those for which it gives `None`. An
    /// alarm that is dropped open is cleared, as of its last reading; these
    /// alerts are returned. Two slots must not become one.
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
            let memory = std::mem::replace(&mut old.memories[at], Memory::new());
            match (new_slot(slot), memory.open) {
                (Some(slot), open) => self.insert(slot, Memory { open, ..memory }),
                (None, Some(open)) => cleared.push(open.abandon(memory.last)),
                (None, None) => {}
            }
        }
        cleared
    }

    fn slots(&self) -> impl Iterator<Item = (u32, &Memory)> {
        let known = self.index.iter().enumerate().filter(|(_, at)| **at != 0);
        known.map(|(slot, at)| (slot as u32, &self.memories[*at as usize - 1]))
    }

    /// Gives a slot its memory; returns where.
    fn admit(&mut self, slot: u32) -> usize {
        if self.index.len() <= slot as usize {
            self.index.resize(slot as usize + 1, 0);
        }
        self.memories.push(Memory::new());
        let known = u32::try_from(self.memories.len()).expect("there are at most 2^32 - 1 slots");
        self.index[slot as usize] = known;
        known as usize - 1
    }

    fn insert(&mut self, slot: u32, memory: Memory) {
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
        let mut open = open.unwrap_or_else(|| Box::new(Open::raised(verdict, names)));
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

#[cfg(test)]
mod tests;

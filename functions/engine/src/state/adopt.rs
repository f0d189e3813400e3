//! What becomes of the memory when the functions change, at a reload or between
//! two runs.
//!
//! Functions are matched by name. One that is unchanged keeps its memory, bit
//! for bit; a changed one keeps what its kind can keep ([`Mark::keeps`]);
//! that of a removed one is dropped. Indexes of devices, series and slots stay.
//! What it promises: the same memory and the same two sets of rules give the same
//! outcome, so a reload can be replayed.

use crate::kinds::{self, State};
use crate::rules::{Mark, Rules};
use crate::state::index::{FunctionIx, SeriesIx, SlotIx};
use crate::state::tables::Tables;

/// Slots whose function is no longer configured, and its name, ascending.
pub(crate) type Removed = Vec<(SlotIx, String)>;

/// The name of the function that a slot has lost; empty when it has one.
pub(crate) fn removed_name(removed: &Removed, slot: SlotIx) -> &str {
    let at = removed.binary_search_by_key(&slot, |(slot, _)| *slot);
    at.map_or("", |at| &removed[at].1)
}

/// Gives the slots of the rules that `old` marks to the rules of the same name in `new`, and
/// the series the slots that the new rules select them for. `removed` names the
/// functions of slots that no rule has, before and after.
///
/// Returns the slots that lost their function, ascending: it is gone, no longer
/// selects the series, or is `payload` on a series that now has a rule. No
/// verdict will clear what they raised.
pub(crate) fn adopt(
    tables: &mut Tables,
    old: &[&Mark],
    removed: &mut Removed,
    new: &Rules,
) -> Vec<SlotIx> {
    let before = served(tables);
    hand_over(tables, old, removed, new);
    for series in 0..tables.series.len() as u32 {
        tables.resolve_rules(SeriesIx(series), new);
    }
    let after = served(tables);
    let lost: Vec<SlotIx> = (0..)
        .map(SlotIx)
        .zip(before.iter().zip(&after))
        .filter(|(_, (before, after))| **before && !**after)
        .map(|(slot, _)| slot)
        .collect();
    for slot in &lost {
        let slot = &mut tables.slots[slot.index()];
        slot.state = new.kind(slot.function).map_or(State::NOTHING, kinds::empty);
    }
    lost
}

/// By name: the slots of `old` to `new`.
fn hand_over(tables: &mut Tables, old: &[&Mark], removed: &mut Removed, new: &Rules) {
    let mut still_removed = Vec::new();
    for (ix, slot) in (0..).map(SlotIx).zip(&mut tables.slots) {
        if slot.function == FunctionIx::PAYLOAD {
            continue;
        }
        let before = old.get(slot.function.rule());
        let name = match before {
            Some(mark) => &mark.name,
            None => removed_name(removed, ix),
        };
        match new.named(name) {
            Some((function, rule)) => {
                slot.function = function;
                if !before.is_some_and(|before| before.keeps(&rule.mark)) {
                    slot.state = kinds::empty(&rule.kind);
                }
            }
            None => {
                still_removed.push((ix, name.to_owned()));
                slot.state = State::NOTHING;
                slot.function = FunctionIx::REMOVED;
                slot.active = false;
            }
        }
    }
    *removed = still_removed;
}

/// By slot: whether its function looks at the readings of its series.
fn served(tables: &Tables) -> Vec<bool> {
    let slots = tables.slots.iter();
    slots
        .map(|slot| match slot.function {
            FunctionIx::PAYLOAD => !tables.series[slot.series.index()].ruled,
            _ => slot.active,
        })
        .collect()
}

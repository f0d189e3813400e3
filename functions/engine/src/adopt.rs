//! What becomes of the memory when the functions change, at a reload or between
//! two runs.
//!
//! Functions are matched by name. One that is unchanged keeps its memory, bit
//! for bit; a changed one goes on with what its kind can keep ([`Mark::keeps`]);
//! that of a removed one is dropped. Indexes of devices, series and slots stay.
//! What it promises: the same memory and the same two sets of rules give the same
//! outcome, so a reload can be replayed.

use crate::kinds::State;
use crate::memory::{Memory, PAYLOAD, REMOVED_FUNCTION};
use crate::rules::{Mark, Rule};
use crate::threshold;

/// Gives the slots of the rules that `old` marks to the rules of the same name in `new`, and
/// the series the slots that the new rules select them for. `removed` names the
/// functions of slots that no rule has, before and after.
///
/// Returns the slots that lost their function, ascending: it is gone, selects
/// the series no more, or is `payload` on a series that now has a rule. No
/// verdict will clear what they raised.
pub(crate) fn adopt(
    memory: &mut Memory,
    old: &[&Mark],
    removed: &mut Vec<(u32, String)>,
    new: &[Rule],
) -> Vec<u32> {
    let served: Vec<bool> = served(memory);
    let mut still_removed = Vec::new();
    for (ix, slot) in (0..).zip(&mut memory.slots) {
        if slot.function == PAYLOAD {
            continue;
        }
        let before = old.get(usize::from(slot.function) - 1);
        let name = match before {
            Some(mark) => mark.name.clone(),
            None => {
                let at = removed.binary_search_by_key(&ix, |(slot, _)| *slot);
                at.map(|at| removed[at].1.clone()).unwrap_or_default()
            }
        };
        match new.iter().position(|rule| rule.name == name) {
            Some(after) => {
                slot.function = after as u16 + 1;
                let rule = &new[after];
                if !before.is_some_and(|before| before.keeps(&rule.mark)) {
                    slot.state = rule.kind.empty();
                }
            }
            None => {
                slot.state = State::Nothing;
                slot.function = REMOVED_FUNCTION;
                slot.active = false;
                still_removed.push((ix, name));
            }
        }
    }
    *removed = still_removed;
    for series in 0..memory.series.len() as u32 {
        memory.resolve_rules(series, new);
    }
    let after = self::served(memory);
    let lost = (0..).zip(served.iter().zip(&after));
    let lost: Vec<u32> = lost
        .filter(|(_, (before, after))| **before && !**after)
        .map(|(slot, _)| slot)
        .collect();
    for slot in &lost {
        let slot = &mut memory.slots[*slot as usize];
        slot.state = match usize::from(slot.function).checked_sub(1) {
            None => State::Threshold(threshold::Memory::EMPTY),
            Some(at) => new.get(at).map_or(State::Nothing, |rule| rule.kind.empty()),
        };
    }
    lost
}

/// By slot: whether its function looks at the readings of its series.
fn served(memory: &Memory) -> Vec<bool> {
    let slots = memory.slots.iter();
    slots
        .map(|slot| match slot.function {
            PAYLOAD => !memory.series[slot.series as usize].ruled,
            _ => slot.active,
        })
        .collect()
}

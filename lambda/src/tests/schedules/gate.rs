//! One invocation runs at a time, from one call to its next: which one is chance,
//! the same for the same seed. So is what becomes of a call.

use std::sync::{Condvar, Mutex, MutexGuard};

/// Faults that one invocation meets at most: then it works.
const MAX_FAULTS: u32 = 3;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Works,
    /// It has no effect.
    FailsBefore,
    /// It has its effect, and the caller does not hear of it.
    FailsAfter,
}

#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Debug)]
struct State {
    random: super::Random,
    /// By invocation.
    at_gate: Vec<bool>,
    is_gone: Vec<bool>,
    crashed: Vec<bool>,
    faults: Vec<u32>,
    turn: Option<usize>,
}

impl State {
    /// When everybody who is left waits, one of them is next.
    fn choose(&mut self) {
        let waiting = |nth: &usize| self.at_gate[*nth];
        let left: Vec<usize> = (0..self.at_gate.len())
            .filter(|nth| !self.is_gone[*nth])
            .collect();
        if self.turn.is_none() && !left.is_empty() && left.iter().all(waiting) {
            let nth = self.random.below(left.len() as u64) as usize;
            self.turn = Some(left[nth]);
        }
    }

    fn fate(&mut self, nth: usize) -> Fate {
        if self.crashed[nth] {
            return Fate::FailsBefore;
        }
        if self.faults[nth] >= MAX_FAULTS || self.random.below(6) > 0 {
            return Fate::Works;
        }
        self.faults[nth] += 1;
        self.crashed[nth] = self.random.below(2) == 0;
        match self.random.below(2) {
            0 => Fate::FailsBefore,
            _ => Fate::FailsAfter,
        }
    }
}

impl Gate {
    pub(super) fn new(seed: u64, invocations: usize) -> Self {
        Self {
            state: Mutex::new(State {
                random: super::Random(seed | 1),
                at_gate: vec![false; invocations],
                is_gone: vec![false; invocations],
                crashed: vec![false; invocations],
                faults: vec![0; invocations],
                turn: None,
            }),
            turned: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits for the turn of this invocation; what becomes of its call.
    pub(super) fn enter(&self, nth: usize) -> Fate {
        let mut state = self.lock();
        if state.turn == Some(nth) {
            state.turn = None;
        }
        state.at_gate[nth] = true;
        state.choose();
        self.turned.notify_all();
        while state.turn != Some(nth) {
            state = self.turned.wait(state).unwrap();
        }
        state.at_gate[nth] = false;
        state.fate(nth)
    }

    /// The invocation has nothing left to do.
    pub(super) fn leave(&self, nth: usize) {
        let mut state = self.lock();
        if state.turn == Some(nth) {
            state.turn = None;
        }
        state.is_gone[nth] = true;
        state.choose();
        self.turned.notify_all();
    }

    /// Whether the invocation crashed; the next one has not.
    pub(super) fn take_crash(&self, nth: usize) -> bool {
        std::mem::take(&mut self.lock().crashed[nth])
    }

    /// Faults of all invocations so far.
    pub(super) fn faults(&self) -> u64 {
        self.lock()
            .faults
            .iter()
            .map(|count| u64::from(*count))
            .sum()
    }

    /// How often its source delivers everything once more.
    pub(super) fn repeats(&self, nth: usize) -> u32 {
        u32::from(nth == 0)
    }
}

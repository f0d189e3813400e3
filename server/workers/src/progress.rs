//! How far a worker's durable state has come, as a position that others can
//! wait for.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use weir_model::Position;

/// Shared by a worker, which advances it, and those that wait for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    position: Position,
    closed: bool,
}

impl Progress {
    /// Everything before `position` is durable. Without effect once it is closed.
    pub(crate) fn advance(&self, position: Position) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        if !state.closed {
            state.position = state.position.max(position);
        }
        changed.notify_all();
    }

    /// The worker has ended or has abandoned something: the position does not
    /// advance any further, and nobody waits for it.
    pub(crate) fn close(&self) {
        let (state, changed) = &*self.0;
        state.lock().closed = true;
        changed.notify_all();
    }

    /// Blocks until everything before `position` is durable; false when the
    /// worker ended without getting there.
    pub(crate) fn wait(&self, position: Position) -> bool {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        while state.position < position && !state.closed {
            changed.wait(&mut state);
        }
        state.position >= position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_never_passed() {
        let progress = Progress::default();
        progress.advance(Position(5));
        progress.close();
        progress.advance(Position(9));
        assert!(progress.wait(Position(5)));
        assert!(!progress.wait(Position(6)));
    }
}

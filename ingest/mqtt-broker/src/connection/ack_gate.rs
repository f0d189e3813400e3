//! Acknowledgements that wait for the log, in the order of the publishes.

use std::collections::VecDeque;

use crate::broker::Gauge;

/// Acknowledgements of one append.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// They may leave when everything before it is committed and routed.
    end: u64,
    bytes: usize,
    counts: Released,
}

/// What leaves, or may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) packets: u64,
    /// Publishes that the client may send instead.
    pub(super) returned: usize,
}

impl Released {
    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.returned += other.returned;
    }
}

#[derive(Debug, Default)]
pub(super) struct AckGate {
    /// Acknowledgements in order: those of `held`, then the open ones.
    bytes: Vec<u8>,
    held: VecDeque<Held>,
    open_bytes: usize,
    open: Released,
}

impl AckGate {
    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether acknowledgements wait for the next append.
    pub(super) fn has_open(&self) -> bool {
        self.open_bytes > 0
    }

    /// Adds an acknowledgement, to be written by `put`, to the next append. Once
    /// it has left, the client may send `returned` publishes more.
    pub(super) fn add(&mut self, returned: usize, put: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        put(&mut self.bytes);
        self.open_bytes += self.bytes.len() - before;
        self.open.add(Released {
            packets: 1,
            returned,
        });
    }

    /// The open acknowledgements belong to an append that ends at `end`.
    pub(super) fn seal(&mut self, end: u64, gauge: &Gauge) {
        let bytes = std::mem::take(&mut self.open_bytes);
        let counts = std::mem::take(&mut self.open);
        gauge.change(0, bytes);
        match self.held.back_mut() {
            Some(last) if last.end == end => {
                last.bytes += bytes;
                last.counts.add(counts);
            }
            _ => self.held.push_back(Held { end, bytes, counts }),
        }
    }

    /// Forgets the open acknowledgements.
    pub(super) fn forget_open(&mut self) {
        self.bytes.truncate(self.bytes.len() - self.open_bytes);
        self.open_bytes = 0;
        self.open = Released::default();
    }

    pub(super) fn forget_all(&mut self, gauge: &Gauge) {
        self.forget_open();
        gauge.change(self.bytes.len(), 0);
        *self = Self::default();
    }

    /// Moves what may leave to `out`.
    pub(super) fn release(&mut self, released: u64, out: &mut Vec<u8>, gauge: &Gauge) -> Released {
        let (mut bytes, mut counts) = (0, Released::default());
        while let Some(front) = self.held.front()
            && front.end <= released
        {
            bytes += front.bytes;
            counts.add(front.counts);
            self.held.pop_front();
        }
        if bytes == 0 {
            return counts;
        }
        out.extend_from_slice(&self.bytes[..bytes]);
        gauge.change(bytes, 0);
        if bytes == self.bytes.len() && bytes > 512 {
            // An idle connection keeps nothing.
            self.bytes = Vec::new();
            self.held = VecDeque::new();
        } else {
            self.bytes.drain(..bytes);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_leave_in_order_when_their_append_is_released() {
        let (mut gate, gauge, mut out) = (AckGate::default(), Gauge::default(), Vec::new());
        gate.add(1, |bytes| bytes.push(1));
        gate.add(1, |bytes| bytes.push(2));
        gate.seal(10, &gauge);
        gate.add(0, |bytes| bytes.push(3));
        assert_eq!(gate.release(9, &mut out, &gauge), Released::default());
        let both = Released {
            packets: 2,
            returned: 2,
        };
        assert_eq!(gate.release(10, &mut out, &gauge), both);
        assert_eq!(out, [1, 2]);
        assert!(gate.has_open());
        gate.seal(20, &gauge);
        gate.add(1, |bytes| bytes.push(4));
        gate.forget_open();
        let last = Released {
            packets: 1,
            returned: 0,
        };
        assert_eq!(gate.release(u64::MAX, &mut out, &gauge), last);
        assert_eq!((out, gate.len(), gauge.get()), (vec![1, 2, 3], 0, 0));
    }
}

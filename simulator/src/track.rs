//! A fault that repeats for ever: it affects one device, or every n-th one, for a
//! while, and after its period the next. Its state is a function of the time since
//! the fleet's start, so the plan is known in advance.

use crate::FaultKind;

/// The length of a fault that does not end, in seconds: 30,000 years.
pub(crate) const FOREVER_S: f64 = 1e12;

/// A repeating fault.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) kind: FaultKind,
    whom: Whom,
    first_ms: i64,
    length_ms: i64,
    /// From begin to begin; not shorter than `length_ms`.
    every_ms: i64,
}

#[derive(Debug)]
pub(crate) enum Whom {
    /// One after the other.
    OneOf(Vec<usize>),
    /// Every n-th of the fleet, different ones each time.
    Every { nth: usize },
}

/// A fault that a device has right now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    pub(crate) kind: FaultKind,
    /// Which turn of its track, from 0.
    pub(crate) turn: i64,
    /// Since its begin.
    pub(crate) since_ms: i64,
    pub(crate) length_ms: i64,
}

impl Track {
    /// Times in seconds: first begin, length, and from begin to begin.
    pub(crate) fn new(kind: FaultKind, whom: Whom, [first, length, every]: [f64; 3]) -> Self {
        let ms = |seconds: f64| (seconds * 1_000.0) as i64;
        Self {
            kind,
            whom,
            first_ms: ms(first),
            length_ms: ms(length),
            every_ms: ms(every),
        }
    }

    pub(crate) fn active(&self, device: usize, elapsed_ms: i64) -> Option<Active> {
        let since_first = elapsed_ms - self.first_ms;
        if since_first < 0 {
            return None;
        }
        let (turn, since_ms) = (since_first / self.every_ms, since_first % self.every_ms);
        if since_ms >= self.length_ms || !self.whom.includes(device, turn) {
            return None;
        }
        Some(Active {
            kind: self.kind,
            turn,
            since_ms,
            length_ms: self.length_ms,
        })
    }

    /// The turns that overlap a span, as (turn, begin, end) in milliseconds.
    pub(crate) fn turns(
        &self,
        from_ms: i64,
        to_ms: i64,
    ) -> impl Iterator<Item = (i64, i64, i64)> + '_ {
        let first = ((from_ms - self.first_ms - self.length_ms) / self.every_ms).max(0);
        (first..)
            .map(|turn| {
                let begin = self.first_ms + turn * self.every_ms;
                (turn, begin, begin + self.length_ms)
            })
            .skip_while(move |(_, _, end)| *end <= from_ms)
            .take_while(move |(_, begin, _)| *begin < to_ms)
    }

    pub(crate) fn hit(&self, turn: i64, fleet: usize) -> Vec<usize> {
        match &self.whom {
            Whom::OneOf(pool) => vec![pool[pick(turn, pool.len())]],
            Whom::Every { .. } => (0..fleet)
                .filter(|device| self.whom.includes(*device, turn))
                .collect(),
        }
    }
}

impl Whom {
    fn includes(&self, device: usize, turn: i64) -> bool {
        match self {
            Self::OneOf(pool) => pool[pick(turn, pool.len())] == device,
            Self::Every { nth } => (device + pick(turn, *nth)).is_multiple_of(*nth),
        }
    }
}

/// Steps through 0 to `count` - 1 and meets each, with neighbours far apart
/// unless `count` is a multiple of 7.
fn pick(turn: i64, count: usize) -> usize {
    let turn = usize::try_from(turn).unwrap_or(0);
    if count.is_multiple_of(7) {
        turn % count
    } else {
        (turn % count) * 7 % count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_its_turn() {
        for count in 1..40 {
            let mut met: Vec<usize> = (0..count as i64).map(|turn| pick(turn, count)).collect();
            met.sort_unstable();
            assert_eq!(met, (0..count).collect::<Vec<_>>());
        }
    }
}

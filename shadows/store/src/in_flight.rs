//! The number of calls in progress for each thing. MQTT requests are counted per
//! batch; this is for callers that wait for their answer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_shadow_document::Rejected;

/// The calls in progress; a thing without calls has no entry.
#[derive(Debug)]
pub(crate) struct InFlight {
    max: usize,
    calls: Mutex<HashMap<String, usize>>,
}

/// One call in progress, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    in_flight: &'a InFlight,
    thing: &'a str,
}

impl InFlight {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            calls: Mutex::default(),
        }
    }

    pub(crate) fn enter<'a>(&'a self, thing: &'a str) -> Result<Slot<'a>, Rejected> {
        let mut calls = self.calls();
        let count = calls.entry(thing.to_owned()).or_default();
        if *count == self.max {
            return Err(Rejected::TooManyRequests { max: self.max });
        }
        *count += 1;
        Ok(Slot {
            in_flight: self,
            thing,
        })
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // Counting cannot leave the map half-changed.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut calls = self.in_flight.calls();
        if let Some(count) = calls.get_mut(self.thing) {
            *count -= 1;
            if *count == 0 {
                calls.remove(self.thing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_has_so_many_calls_under_way_and_no_more() {
        let in_flight = InFlight::new(2);
        let first = in_flight.enter("p").unwrap();
        let _second = in_flight.enter("p").unwrap();
        let refused = in_flight.enter("p").map(drop);
        assert_eq!(refused, Err(Rejected::TooManyRequests { max: 2 }));
        let _other = in_flight.enter("q").unwrap();
        drop(first);
        let third = in_flight.enter("p").map(drop);
        assert_eq!(third, Ok(()));
    }

    #[test]
    fn nothing_is_kept_of_a_thing_that_is_done() {
        let in_flight = InFlight::new(1);
        drop(in_flight.enter("p").unwrap());
        assert!(in_flight.calls().is_empty());
    }
}

//! Readings that were sent against those that are stored.

use std::ops::Range;

use super::held::{NANOS_PER_MILLI, Stored};
use crate::LoadReport;

/// Every breach of: acknowledged ⊆ stored ⊆ sent, with equal values, for a slice
/// of a load. Adds to `taken` whether each of its messages is there.
pub(super) fn compare(
    stored: &Stored,
    load: &LoadReport,
    slice: Range<usize>,
    taken: &mut Vec<bool>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known = 0;
    for message in slice {
        let device = load.spec.device(message);
        let time = load.spec.time_ms(message) * NANOS_PER_MILLI;
        taken.push(false);
        for (sensor, value) in load.spec.good_readings(message) {
            let what = || format!("message {message}, {device} {sensor} {time}");
            match stored.get(&(device.clone(), sensor.to_owned(), time)) {
                Some(found) => {
                    known += 1;
                    *taken.last_mut().expect("it was just pushed") = true;
                    if *found != value {
                        faults.push(format!("{found} instead of {value}: {}", what()));
                    }
                }
                None if load.acknowledged[message] => {
                    faults.push(format!("acknowledged and lost: {}", what()));
                }
                None => {}
            }
        }
    }
    if known < stored.len() {
        let strange = stored.len() - known;
        faults.push(format!("{strange} are stored that were never sent"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::held::Key;
    use super::*;
    use crate::LoadSpec;

    /// Four messages, of which the last was not acknowledged.
    fn load() -> LoadReport {
        LoadReport {
            spec: LoadSpec::new("x", 4),
            sent: 4,
            acknowledged: vec![true, true, true, false],
            reconnects: 0,
        }
    }

    fn keys(load: &LoadReport, message: usize) -> impl Iterator<Item = (Key, f64)> {
        let (device, time) = (load.spec.device(message), load.spec.time_ms(message));
        let readings = load.spec.good_readings(message);
        readings.map(move |(sensor, value)| {
            let key = (device.clone(), sensor.to_owned(), time * NANOS_PER_MILLI);
            (key, value)
        })
    }

    /// What a store holds that has taken all of it.
    fn complete(load: &LoadReport) -> Stored {
        let messages = 0..load.sent;
        messages.flat_map(|message| keys(load, message)).collect()
    }

    fn key(load: &LoadReport, message: usize) -> Key {
        keys(load, message).next().unwrap().0
    }

    fn faults(stored: &Stored, load: &LoadReport) -> Vec<String> {
        compare(stored, load, 0..load.sent, &mut Vec::new())
    }

    #[test]
    fn a_comparison_finds_what_is_lost_changed_or_invented() {
        let load = load();
        let good = complete(&load);
        assert_eq!(faults(&good, &load), [""; 0]);

        let mut lost = good.clone();
        lost.remove(&key(&load, 2));
        assert!(faults(&lost, &load)[0].contains("lost"));

        let mut unacknowledged = good.clone();
        unacknowledged.remove(&key(&load, 3));
        assert_eq!(faults(&unacknowledged, &load), [""; 0]);

        let mut changed = good.clone();
        changed.insert(key(&load, 0), -1.0);
        assert!(faults(&changed, &load)[0].contains("instead of"));

        let mut invented = good;
        invented.insert(("y".to_owned(), "temperature".to_owned(), 0), 1.0);
        assert!(faults(&invented, &load)[0].contains("never sent"));
    }
}

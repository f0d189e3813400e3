//! The alarms of a load against those that its readings give when they are
//! taken one after the other: what was lost, done twice or taken in another
//! order shows here.

use std::collections::{BTreeMap, HashSet};

use super::held::{NANOS_PER_MILLI, parse_time, text};
use crate::{DEADLINE, LoadReport, Weir, wait_until};

/// State and time in milliseconds, in the order in which they were decided.
type Transitions = Vec<(&'static str, i64)>;

/// Every device whose alarms are not those of its readings. `taken` says of
/// each message whether its temperature is stored.
#[track_caller]
pub(super) fn compare(weir: &Weir, load: &LoadReport, taken: &[bool]) -> Vec<String> {
    if load.spec.critical.is_none() {
        return Vec::new();
    }
    let expected = expected(load, taken);
    let count = expected.values().map(Vec::len).sum::<usize>() as u64;
    let of_load = format!("FROM alerts WHERE device LIKE '{}-%'", load.spec.name);
    wait_until("every alarm is recorded", DEADLINE, || {
        weir.count(&format!("SELECT count(*) {of_load}")) >= count
    });
    let (mut found, mut ids) = (BTreeMap::<String, Transitions>::new(), HashSet::new());
    let mut faults = Vec::new();
    for row in weir.sql(&format!(
        // A large table comes in the order in which its parts are ready.
        "SELECT device, state, time, id {of_load} ORDER BY time"
    )) {
        let state = match text(&row, "state") {
            "raised" => "raised",
            "cleared" => "cleared",
            other => panic!("an alarm of one limit is {other}: {row}"),
        };
        let time = parse_time(text(&row, "time")) / NANOS_PER_MILLI;
        let device = text(&row, "device").to_owned();
        found.entry(device).or_default().push((state, time));
        if !ids.insert(text(&row, "id").to_owned()) {
            faults.push(format!("an alert's id is there twice: {row}"));
        }
    }
    if found != expected {
        let differs = expected.iter().find(|(device, transitions)| {
            found.get(*device).map(Vec::as_slice) != Some(transitions.as_slice())
        });
        faults.push(format!(
            "alarms are not those of the readings in their order: {differs:?}, found {:?}",
            differs.map(|(device, _)| found.get(device))
        ));
    }
    faults
}

/// By device.
fn expected(load: &LoadReport, taken: &[bool]) -> BTreeMap<String, Transitions> {
    let spec = &load.spec;
    let critical = spec.critical.unwrap_or(f64::INFINITY);
    let mut expected = BTreeMap::<String, Transitions>::new();
    let mut raised = vec![false; spec.devices];
    for message in (0..load.sent).filter(|message| taken[*message]) {
        let Some((_, value)) = spec.good_readings(message).next() else {
            continue;
        };
        let was = &mut raised[message % spec.devices];
        if (value > critical) == *was {
            continue;
        }
        *was = !*was;
        let state = if *was { "raised" } else { "cleared" };
        let transitions = expected.entry(spec.device(message)).or_default();
        transitions.push((state, spec.time_ms(message)));
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoadSpec;

    #[test]
    fn a_ramp_raises_once_and_clears_once() {
        let mut spec = LoadSpec::new("x", 1_300);
        (spec.devices, spec.critical, spec.start_ms) = (1, Some(70.05), 0);
        let load = LoadReport {
            sent: 1_300,
            acknowledged: vec![true; 1_300],
            reconnects: 0,
            spec,
        };
        let all = expected(&load, &[true; 1_300]);
        let cycle = [("raised", 501), ("cleared", 600)];
        let twice = [cycle, cycle.map(|(state, time)| (state, time + 600))].concat();
        assert_eq!(all["x-000"], twice);
    }
}

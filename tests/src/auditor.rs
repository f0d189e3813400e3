//! What was acknowledged against what Weir holds, after any fault.
//!
//! - acknowledged ⊆ stored ∪ quarantined; both ⊆ sent, with equal values;
//! - each reading is stored once, and the counters conserve;
//! - order per device: its alarms are those of its readings taken one after the
//!   other, each raise and clear once;
//! - the journal is below its cap, and memory below [`MEMORY_CAP`].
//!
//! Large loads are compared in slices, so that an audit needs little memory.

mod alarms;
mod held;
mod readings;

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};
use std::{cmp, env};

use crate::{Flow, LoadReport, Weir, wait_until};

/// How long an audit waits while nothing moves.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages that are compared at once.
const SLICE: usize = 100_000;
/// What a Weir may have had in memory at most, with the default limits.
pub const MEMORY_CAP: u64 = 1 << 30;
/// Headers of segments, which the cap does not count, in bytes.
const JOURNAL_SLACK: f64 = 64.0 * 1024.0;
/// A file to which every audit adds a line, for a table of many.
const TALLY: &str = "WEIR_AUDIT_TALLY";

/// What an audit has found to be right.
#[derive(Clone, Copy, Debug)]
pub struct Audited {
    /// Messages.
    pub acknowledged: usize,
    /// Readings.
    pub stored: u64,
    /// Readings, or messages that could not be decoded.
    pub quarantined: u64,
}

/// Waits until nothing is in flight, then compares.
#[track_caller]
pub fn audit(weir: &Weir, loads: &[&LoadReport]) -> Audited {
    let flow = settle(weir, loads);
    flow.assert_conserved();
    let mut faults = held::quarantine(weir, &flow, loads);
    let mut known = 0;
    for load in loads {
        let mut taken = Vec::with_capacity(load.sent);
        for slice in slices(load.sent) {
            let stored = held::stored(weir, &load.spec, &slice);
            known += stored.len() as u64;
            faults.extend(readings::compare(&stored, load, slice, &mut taken));
        }
        faults.extend(alarms::compare(weir, load, &taken));
    }
    let stored = weir.count("SELECT count(*) FROM readings");
    if known != stored {
        faults.push(format!("{stored} are stored, {known} of them were sent"));
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}\n{flow:#?}",
        faults.len(),
        faults[..faults.len().min(10)].join("\n")
    );
    assert_eq!(
        flow.readings.stored, stored,
        "the counter and SQL differ: {flow:#?}"
    );
    assert_bounded(weir);
    let audited = Audited {
        acknowledged: loads.iter().map(|load| load.acknowledged_count()).sum(),
        stored,
        quarantined: flow.quarantined(),
    };
    record(&audited);
    audited
}

/// As [`audit`], for Weirs that share a load: what was acknowledged is in one of
/// them. The broker may give to one what it gave to another that died.
#[track_caller]
pub fn audit_shared(weirs: &[&Weir], load: &LoadReport) {
    let mut stored = held::Stored::new();
    wait_until("what was acknowledged is in one of them", PATIENCE, || {
        stored.clear();
        for weir in weirs {
            stored.extend(held::stored(weir, &load.spec, &(0..load.sent)));
        }
        readings::compare(&stored, load, 0..load.sent, &mut Vec::new()).is_empty()
            && weirs.iter().all(|weir| weir.flow().is_settled())
    });
    for weir in weirs {
        weir.flow().assert_conserved();
        assert_bounded(weir);
    }
    record(&Audited {
        acknowledged: load.acknowledged_count(),
        stored: stored.len() as u64,
        quarantined: 0,
    });
}

fn slices(messages: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = (0..messages).step_by(SLICE);
    starts.map(move |start| start..cmp::min(start + SLICE, messages))
}

/// Waits until everything that was acknowledged is stored or quarantined and
/// nothing is in flight. When that does not come, the comparison says what is
/// missing.
fn settle(weir: &Weir, loads: &[&LoadReport]) -> Flow {
    let mut expected = 0;
    for load in loads {
        let acknowledged = (0..load.sent).filter(|message| load.acknowledged[*message]);
        expected += acknowledged
            .map(|message| load.spec.good_readings(message).count() as u64)
            .sum::<u64>();
    }
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let flow = weir.flow();
        let is_settled = flow.readings.stored >= expected && flow.is_settled();
        if is_settled || since.elapsed() > PATIENCE {
            return flow;
        }
        if flow.readings.received != last {
            (last, since) = (flow.readings.received, Instant::now());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn assert_bounded(weir: &Weir) {
    let (used, limit) = (
        weir.metric("weir_journal_bytes"),
        weir.metric("weir_journal_limit_bytes"),
    );
    let limit = limit + JOURNAL_SLACK;
    assert!(used <= limit, "the journal has {used} bytes of {limit}");
    let memory = weir.peak_memory();
    assert!(memory <= MEMORY_CAP, "{memory} bytes of memory were used");
}

fn record(audited: &Audited) {
    let Some(file) = env::var_os(TALLY) else {
        return;
    };
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(file)
        .expect("the tally can be written");
    let Audited {
        acknowledged,
        stored,
        quarantined,
    } = audited;
    // In one write: tests run side by side.
    let line = format!("{acknowledged} {stored} {quarantined}\n");
    file.write_all(line.as_bytes())
        .expect("the tally can be written");
}

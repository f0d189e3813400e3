use std::cell::Cell;

use super::*;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// Moves on by 10 ns with every look.
fn clock() -> u64 {
    NOW.with(|now| {
        now.set(now.get() + 10);
        now.get()
    })
}

fn pass(nanos: u64) {
    NOW.with(|now| now.set(now.get() + nanos));
}

#[test]
fn quantiles_are_right_to_an_eighth() {
    let mut times = Times::default();
    assert_eq!((times.mean_ns(), times.quantile_ns(0.5)), (None, None));
    for nanos in 1..=10_000 {
        times.record(nanos);
    }
    for (part, expect) in [(0.5, 5_000.0), (0.9, 9_000.0), (0.99, 9_900.0)] {
        let found = times.quantile_ns(part).unwrap();
        assert!(
            (found - expect).abs() < expect / 8.0,
            "{part}: {found} for {expect}"
        );
    }
    assert_eq!(times.mean_ns(), Some(5_000.5));
}

#[test]
fn every_time_has_a_bucket_that_it_lies_in() {
    for nanos in (0..100).chain([1_000, 65_535, 65_536, 1 << 39, (1 << 41) - 1]) {
        let found = middle(bucket(nanos));
        let apart = (found - nanos as f64).abs();
        assert!(apart <= nanos as f64 / 16.0 + 0.01, "{nanos}: {found}");
    }
    assert_eq!(bucket((1 << 41) - 1), BUCKETS - 1);
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
}

#[test]
fn a_millisecond_that_is_begun_is_billed() {
    let mut times = Times::default();
    assert_eq!(times.billed_ms(), 1.0);
    for nanos in [0, 400, 1_000_000, 1_000_001, 2_500_000] {
        times.record(nanos);
    }
    assert_eq!(times.billed_ms(), f64::from(1 + 1 + 1 + 2 + 3) / 5.0);
}

#[test]
fn an_invocation_in_so_many_is_timed_and_all_are_counted() {
    let mut meter = Meter::new(2);
    meter.measure_by(clock);
    let rounds = 100 * EVERY;
    for _ in 0..rounds {
        let began = meter.begin(FunctionIx(1));
        pass(500);
        meter.end(FunctionIx(1), began);
    }
    assert_eq!(meter.tally(1).invocations, rounds);
    assert_eq!(meter.tally(0), Tally::default());
    let times = meter.times(1);
    assert!((80..120).contains(&times.count()), "{times:?}");
    // The clock's own ten are taken off.
    assert_eq!(times.mean_ns(), Some(500.0));
}

#[test]
fn the_first_invocation_is_timed_also_after_a_restart() {
    let mut meter = Meter::new(1);
    let tally = Tally {
        invocations: 1_000,
        ..Tally::default()
    };
    meter.resume(7, std::iter::once(tally));
    meter.measure_by(clock);
    let began = meter.begin(FunctionIx(0));
    meter.end(FunctionIx(0), began);
    assert_eq!(
        (meter.tally(0).invocations, meter.times(0).count()),
        (1_001, 1)
    );
    assert_eq!(meter.messages().0, 7);
}

#[test]
fn without_a_clock_nothing_is_timed() {
    let mut meter = Meter::new(1);
    for _ in 0..1_000 {
        let began = meter.begin(FunctionIx(0));
        meter.end(FunctionIx(0), began);
    }
    assert_eq!(
        (meter.tally(0).invocations, meter.times(0).count()),
        (1_000, 0)
    );
}

#[test]
fn a_function_keeps_its_counts_wherever_it_stands() {
    let mut meter = Meter::new(3);
    meter.measure_by(clock);
    for function in [1, 2, 2].map(FunctionIx) {
        let began = meter.begin(function);
        meter.end(function, began);
    }
    meter.reorder([Some(0), Some(2), None].into_iter());
    assert_eq!(meter.tally(1).invocations, 2);
    assert_eq!(meter.times(1).count(), 1);
    let began = meter.begin(FunctionIx(2));
    meter.end(FunctionIx(2), began);
    assert_eq!((meter.tally(2).invocations, meter.times(2).count()), (1, 1));
}

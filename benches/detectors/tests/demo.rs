//! The promise of `weir up --demo`: every fault is found by the function that is
//! meant for it, and nothing else fires.

use weir_config::Config;
use weir_detector_benches::demo::{Report, Spec, run};
use weir_simulator::{DEMO_CONFIG, demo_configuration};

const DEVICES: usize = 120;
/// 2026-11-02T06:30:00Z, a Monday.
const MONDAY_MS: i64 = 1_793_601_000_000;
const HOUR_MS: i64 = 3_600_000;

fn config() -> Config {
    let loaded = demo_configuration(std::iter::empty());
    loaded.expect("it is a sound one").config
}

#[track_caller]
fn check(seed: u64, start_ms: i64, hours: i64) -> Report {
    let report = run(Spec {
        devices: DEVICES,
        seed,
        start_ms,
        hours,
    })
    .expect("the demo's configuration is a sound one");
    assert_eq!(report.missed, Vec::<String>::new(), "seed {seed}");
    assert!(
        report.most_others_per_hour() <= 1,
        "seed {seed}: {:?}",
        report.others
    );
    for (function, found) in &report.faults {
        assert!(
            found.faults > 0 && found.found == found.faults,
            "{function}"
        );
    }
    assert_eq!(
        report.converted.len(),
        1,
        "one pump speaks psi: {:?}",
        report.converted
    );
    assert!(report.undecoded > 0 && report.late > 0);
    report
}

#[test]
fn a_day_of_the_demo() {
    let report = check(1, MONDAY_MS, 24);
    let config = config();
    for function in &config.functions {
        assert!(
            report.faults.contains_key(&*function.name),
            "no fault shows what {} is for",
            function.name
        );
    }
}

#[test]
fn another_fleet_in_the_night_of_a_weekend() {
    check(2, MONDAY_MS - 32 * HOUR_MS, 3);
}

#[test]
fn a_third_fleet_around_noon() {
    check(3, MONDAY_MS + 5 * HOUR_MS, 3);
}

/// The kinds of functions, and whether the demo has one of each.
#[test]
fn the_demo_has_a_function_of_every_kind() {
    let config = config();
    let shown: Vec<&str> = config.functions.iter().map(|f| f.kind.name()).collect();
    for kind in [
        "threshold",
        "range",
        "clock",
        "rate_of_change",
        "flatline",
        "gap",
        "duplicate",
        "allowed",
        "unit",
        "ewma",
        "mad",
        "seasonal",
        "cusum",
        "absence",
        "adaptive",
        "derived",
        "multivariate",
        "wasm",
    ] {
        assert!(shown.contains(&kind), "{kind}");
    }
    // `stuck` is a `flatline` of another name.
    assert!(DEMO_CONFIG.contains("kind = \"stuck\""));
}

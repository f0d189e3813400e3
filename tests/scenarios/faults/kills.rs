//! Kill runs and the soak: a few here, a thousand and ten minutes' worth with
//! `cargo xtask faults`.

use std::time::Instant;

use weir_tests::{first_seed, kill_run, kill_runs, soak, soak_duration};

#[test]
#[ignore = "needs Mosquitto"]
fn seeded_kill_runs_lose_nothing() {
    let (first, runs, begun) = (first_seed(), kill_runs(), Instant::now());
    let (mut acknowledged, mut stored, mut quarantined) = (0, 0, 0);
    for run in 1..=runs {
        let audited = kill_run(first + run - 1);
        acknowledged += audited.acknowledged;
        stored += audited.stored;
        quarantined += audited.quarantined;
        if run.is_multiple_of(25) || run == runs {
            eprintln!(
                "kill runs: {run} of {runs} in {:.0?}; {acknowledged} messages acknowledged, \
                 {stored} readings stored, {quarantined} quarantined",
                begun.elapsed()
            );
        }
    }
}

#[test]
fn a_soak_with_a_kill_every_few_seconds_is_conserved_to_the_reading() {
    let soaked = soak(soak_duration(), first_seed());
    eprintln!("{soaked:?}");
    assert!(soaked.kills > 0);
}

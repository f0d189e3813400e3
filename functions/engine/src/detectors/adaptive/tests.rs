use std::mem::size_of;

use proptest::prelude::*;
use weir_config::Scores;
use weir_model::Severity;

use super::*;

const MINUTE: i64 = 60_000_000_000;
const FIVE: i64 = 5 * MINUTE;

/// The same everywhere: a linear congruential generator, in [-1, 1).
fn noise(state: &mut u64) -> f64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    (*state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// A day of `per_day` readings that swings by 10, with noise of 1.
fn days(readings: usize, every_ns: i64, seed: u64) -> Vec<(i64, f64)> {
    let mut state = seed;
    let reading = |at: usize| {
        let time = at as i64 * every_ns;
        let day = (time as f64 / 86_400e9 * std::f64::consts::TAU).sin();
        (time, 20.0 + 10.0 * day + noise(&mut state))
    };
    (0..readings).map(reading).collect()
}

fn run(readings: &[(i64, f64)]) -> Vec<Finding> {
    let mut detector = Adaptive::default();
    let readings = readings.iter();
    readings
        .map(|(time, value)| detector.step(*time, *value))
        .collect()
}

fn reports(findings: &[Finding]) -> Vec<usize> {
    let indexes = findings.iter().enumerate();
    indexes
        .filter(|(_, f)| f.reported)
        .map(|(at, _)| at)
        .collect()
}

#[test]
fn means_and_peaks_are_those_worked_out_by_hand() {
    // 200 readings that alternate between 9 and 11: every mean is near 10 and no
    // peak repeats the height of the first. Then 20 in the last.
    let mut readings: Vec<(i64, f64)> = (0..200)
        .map(|at| (at * FIVE, if at % 2 == 0 { 9.0 } else { 11.0 }))
        .collect();
    let quiet = run(&readings);
    assert!(reports(&quiet).is_empty());
    readings.push((200 * FIVE, 20.0));
    let last = run(&readings)[200];
    assert!(last.reported, "{last:?}");
    // At 16:40 the day's first time, so the profile has nothing to say; the mean
    // of 10 readings moves by a tenth of what is left of 10.5 deviations of 1
    // when those beyond 4 count by their logarithm: 4 (1 + ln 2.6) = 7.8.
    assert_eq!(last.statistic, Statistic::Change);
    assert!(last.above);
    assert!((last.usual - 10.0).abs() < 0.1, "{last:?}");
    // Some 0.8 over what rounding to steps of 2 leaves uncertain about a mean of 10:
    // 2 / sqrt(12) / sqrt(10) = 0.18. The peaks of an alternation lie below that.
    assert!(last.ratio > 4.2 && last.ratio < 4.7, "{last:?}");
}

#[test]
fn a_spike_a_step_and_a_missing_day_are_found_and_reported_once() {
    #[track_caller]
    fn check(
        change: impl Fn(usize, f64) -> f64,
        at: usize,
        within: usize,
        statistic: &[Statistic],
    ) {
        let mut readings = days(288 * 20, FIVE, 7);
        for (index, (_, value)) in readings.iter_mut().enumerate() {
            *value = change(index, *value);
        }
        let findings = run(&readings);
        let found = reports(&findings[at..at + 288]);
        let first = found.first().copied();
        assert!(first.is_some_and(|first| first <= within), "{found:?}");
        assert!(found.len() <= 3, "{found:?}");
        let said = findings[at + first.unwrap()].statistic;
        assert!(statistic.contains(&said), "{said:?}");
        // Elsewhere about one reading in a thousand, at most.
        let before = reports(&findings[..at]);
        assert!(before.len() <= at / 500, "{before:?}");
    }
    let at = 288 * 15 + 72;
    let spike = |index, value: f64| if index == at { value + 15.0 } else { value };
    check(spike, at, 0, &[Statistic::TimeOfDay]);
    let step = |index, value: f64| if index >= at { value + 12.0 } else { value };
    check(
        step,
        at,
        3,
        &[Statistic::TimeOfDay, Statistic::TimeOfDayLasting],
    );
    let flat = |index, value: f64| {
        if (at..at + 288).contains(&index) {
            20.0
        } else {
            value
        }
    };
    let any = [
        Statistic::Roughness,
        Statistic::TimeOfDay,
        Statistic::TimeOfDayLasting,
    ];
    check(flat, at, 100, &any);
}

#[test]
fn months_do_not_dull_it() {
    let year = 288 * 400;
    let mut readings = days(year, FIVE, 3);
    // The worst of all comes in the first week, and is forgotten.
    for (_, value) in &mut readings[1_500..1_600] {
        *value += 200.0;
    }
    let late = year - 500;
    for (_, value) in &mut readings[late..late + 40] {
        *value += 15.0;
    }
    let findings = run(&readings);
    let found = reports(&findings[late..late + 40]);
    assert!(found.first().is_some_and(|first| *first < 10), "{found:?}");
}

#[test]
fn an_event_is_one_alarm_and_critical_when_it_is_that_rare() {
    let settings = Settings {
        scores: Scores {
            warning: Some(0.5),
            critical: Some(0.9),
            ..Scores::default()
        },
        at_most_every: std::time::Duration::from_secs(8 * 3_600),
    };
    let mut readings = days(288 * 10, FIVE, 5);
    let at = 288 * 8;
    for (_, value) in &mut readings[at..at + 30] {
        *value += 40.0;
    }
    let mut memory = Memory::default();
    let levels: Vec<Level> = readings
        .iter()
        .map(|(time, value)| step(&mut memory, &settings, *time, *value).level)
        .collect();
    let during = &levels[at..at + 30];
    assert!(during.iter().all(Option::is_some), "{during:?}");
    assert_eq!(during[0], Some(Severity::Critical));
    let cleared = levels[at + 30..].iter().position(Option::is_none);
    assert!(cleared.is_some_and(|after| after < 240), "{cleared:?}");
}

#[test]
fn at_a_reading_a_second_nothing_common_alarms() {
    let mut settings = Settings {
        scores: Scores {
            warning: Some(0.5),
            ..Scores::default()
        },
        at_most_every: std::time::Duration::from_secs(8 * 3_600),
    };
    let count = |settings: &Settings| {
        let mut memory = Memory::default();
        let mut raised = 0;
        let mut before = None;
        for (time, value) in days(4 * 3_600, 1_000_000_000, 11) {
            let level = step(&mut memory, settings, time, value).level;
            raised += u32::from(level > before);
            before = level;
        }
        raised
    };
    assert!(count(&settings) <= 1);
    settings.at_most_every = std::time::Duration::ZERO;
    assert!(count(&settings) > 1);
}

#[test]
fn it_takes_what_a_double_can_hold() {
    let mut detector = Adaptive::default();
    let extremes = [
        0.0,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        -0.0,
        1e-300,
        5e299,
    ];
    for at in 0..2_000_i64 {
        let value = extremes[at as usize % extremes.len()];
        let finding = detector.step(at * FIVE, value);
        let score = finding.score();
        assert!((0.0..1.0).contains(&score), "{finding:?}");
    }
}

#[test]
fn it_counts_on_when_a_number_ends() {
    let mut detector = Adaptive::default();
    let readings = days(3_000, FIVE, 9);
    for (time, value) in &readings {
        detector.step(*time, *value);
    }
    detector.seen = u32::MAX - 100;
    for (at, (_, value)) in readings.iter().enumerate() {
        detector.step((3_000 + at as i64) * FIVE, *value);
    }
    assert!(detector.seen < u32::MAX / 2 + 4_000);
    let spike = detector.step(6_000 * FIVE, 200.0);
    assert!(spike.reported, "{spike:?}");
}

#[test]
fn memory_is_what_the_documentation_says() {
    assert!(size_of::<Memory>() <= 1_536, "{}", size_of::<Memory>());
}

proptest! {
    #[test]
    fn a_rarer_reading_has_a_higher_score(a in 0.0..2_000.0_f64, part in 1e-6..1.0_f64) {
        let finding = |rarity, reported| Finding {
            rarity,
            reported,
            statistic: Statistic::Level,
            usual: 0.0,
            ratio: 1.0,
            above: true,
        };
        let b = a * (1.0 + part) + 1e-6;
        prop_assert!(finding(a, false).score() < finding(b, false).score());
        prop_assert!(finding(b, false).score() < 0.25);
        let (a, b) = (a + REPORT, b + REPORT);
        prop_assert!(finding(a, true).score() < finding(b, true).score());
        prop_assert!(finding(a, true).score() >= 0.75 && finding(b, true).score() < 1.0);
    }

    #[test]
    fn a_snapshot_in_the_middle_changes_nothing(
        seed in 0..u64::MAX,
        cut in 0..1_500_usize,
        spike in 0..1_500_usize,
    ) {
        let mut readings = days(1_500, FIVE, seed);
        readings[spike].1 += 30.0;
        let whole = run(&readings);
        let mut detector = Adaptive::default();
        for (at, (time, value)) in readings.iter().enumerate() {
            if at == cut {
                let bytes = postcard::to_stdvec(&detector).unwrap();
                detector = postcard::from_bytes(&bytes).unwrap();
            }
            prop_assert_eq!(detector.step(*time, *value), whole[at]);
        }
    }

    #[test]
    fn units_do_not_matter(seed in 0..u64::MAX, exponent in -20..20_i32, offset in -5.0..5.0_f64) {
        let readings = days(1_200, FIVE, seed);
        let scale = 2.0_f64.powi(exponent);
        let other: Vec<_> = readings.iter().map(|(t, v)| (*t, (v + offset) * scale)).collect();
        for (at, (a, b)) in run(&readings).iter().zip(run(&other)).enumerate() {
            // The floor knows the size of the value, in its ninth digit.
            let near = (a.rarity - b.rarity).abs() < 1e-3;
            prop_assert!(near, "{at}: {} and {}", a.rarity, b.rarity);
        }
    }
}

#[test]
fn a_sensor_that_repeats_itself_is_not_unusual_when_its_last_digit_moves() {
    // 0.27 of noise at steps of 0.5: some 4 in 100 readings are a step beside the
    // others. Without regard to the resolution: 427 reports in the 500 readings after
    // learning began, of which the worst was one in ten thousand million.
    #[track_caller]
    fn check(spread: f64, step: f64, most: usize) {
        let (mut count, mut rarest) = (0, 0.0_f64);
        for seed in 0..200 {
            let mut state = seed * 77 + 13;
            let reading = |at: i64| {
                let value = 21.0 + spread * noise(&mut state);
                (at * FIVE, (value / step).round() * step)
            };
            let readings: Vec<(i64, f64)> = (0..500).map(reading).collect();
            let findings = run(&readings);
            for at in reports(&findings) {
                count += 1;
                rarest = rarest.max(findings[at].rarity);
            }
        }
        assert!(count <= most, "{count} reports, up to {rarest}");
        assert!(rarest < 2.0, "{rarest}");
    }
    check(0.27, 0.5, 20);
    check(0.31, 0.5, 20);
    check(0.5, 0.5, 20);
}

#[test]
fn what_never_moved_and_then_does_is_reported_however_coarse() {
    let mut readings: Vec<(i64, f64)> = (0..400).map(|at| (at * FIVE, 21.0)).collect();
    readings.push((400 * FIVE, 29.0));
    let last = run(&readings)[400];
    assert!(last.reported, "{last:?}");
}

#[test]
fn a_memory_of_before_the_smallest_step_is_read() {
    let mut memory = Memory::default();
    for (time, value) in days(700, FIVE, 4) {
        memory.detector.step(time, value);
    }
    let bytes = postcard::to_stdvec(&memory).unwrap();
    let without = |bytes: &[u8]| [&bytes[..Means::STEP_AT], &bytes[Means::STEP_AT + 8..]].concat();
    let old = without(&bytes);
    let read = Memory::without_step(&old).unwrap();
    assert_eq!(without(&postcard::to_stdvec(&read).unwrap()), old);
    assert_eq!(read.detector.means.rounding(1.0), 0.0);
    assert!(memory.detector.means.rounding(1.0) > 0.0);
    assert!(Memory::without_step(&bytes).is_none());
    assert!(Memory::without_step(&old[1..]).is_none());
}

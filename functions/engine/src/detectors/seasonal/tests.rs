use std::time::Duration;

use weir_config::Scores;

use super::*;

const HOUR_NS: i64 = 3_600_000_000_000;

fn settings(season: Season) -> Seasonal {
    Seasonal {
        season,
        bin: Duration::from_secs(3_600),
        utc_offset_minutes: 0,
        warmup: 3,
        min_spread: 0.0,
        scores: Scores {
            warning: Some(4.0),
            ..Scores::default()
        },
    }
}

#[test]
fn a_time_has_its_bin_and_day() {
    let at = |season, hours: f64, offset| {
        let settings = Seasonal {
            utc_offset_minutes: offset,
            ..settings(season)
        };
        let found = place(&settings, (hours * HOUR_NS as f64) as i64);
        (found.bin, found.day, found.within)
    };
    // Thursday, 1970-01-01.
    assert_eq!(at(Season::Day, 0.0, 0), (0, 0, 0.0));
    assert_eq!(at(Season::Week, 1.5, 0), (3 * 24 + 1, 0, 0.5));
    assert_eq!(at(Season::Workweek, 25.0, 0), (1, 1, 0.0));
    assert_eq!(at(Season::Workweek, 48.0 + 23.0, 0), (24 + 23, 2, 0.0));
    // It is Saturday already, one hour to the east.
    assert_eq!(at(Season::Workweek, 47.0, 60), (24, 2, 0.0));
    assert_eq!(at(Season::Day, -1.0, 0), (23, -1, 0.0));
}

#[test]
fn a_bin_learns_by_visits_as_worked_out_by_hand() {
    let settings = settings(Season::Day);
    let mut memory = Memory::new(&settings);
    // Two readings in the first hour of each day: means 11, 13, 15.
    for (day, low) in [(0, 10.0), (1, 12.0), (2, 14.0)] {
        for (minute, value) in [(0, low), (30, low + 2.0)] {
            let time = (day * 24 * 60 + minute) * 60_000_000_000;
            assert!(step(&mut memory, &settings, time, value).score.is_nan());
        }
    }
    let found = step(&mut memory, &settings, 3 * 24 * HOUR_NS, 21.0);
    // Visits folded: 11 with variance 1; 13: mean 12, 1/2 (1 + 2 * 1) + 1/2 * 1 = 2;
    // 15: mean 13, 2/3 (2 + 3 * 1) + 1/3 * 1 = 11/3.
    let Why::Deviation { usual, spread } = found.why else {
        panic!("{found:?}")
    };
    assert_eq!(usual, 13.0);
    assert!((spread - (11.0_f64 / 3.0).sqrt()).abs() < 1e-6, "{spread}");
    assert!((found.score - 8.0 / spread).abs() < 1e-9);
}

/// Warm by day and cool by night, for three weeks; then once warm at night.
#[test]
fn a_usual_value_at_an_unusual_time_is_found() {
    let settings = settings(Season::Day);
    let mut memory = Memory::new(&settings);
    let usual = |step: i64| {
        let hour = (step % 144) as f64 / 6.0;
        let noise = ((step * 7919) % 13) as f64 / 13.0 - 0.5;
        20.0 - 5.0 * (hour / 24.0 * std::f64::consts::TAU).cos() + noise
    };
    let mut worst = 0.0_f64;
    for nth in 0..21 * 144 {
        let found = step(&mut memory, &settings, nth * HOUR_NS / 6, usual(nth));
        if nth > 7 * 144 {
            worst = worst.max(found.score);
        }
    }
    assert!(worst < 4.0, "{worst}");
    let night = 21 * 144 * HOUR_NS / 6;
    let found = step(&mut memory, &settings, night, 25.0);
    assert!(found.level.is_some(), "{found:?}");
}

use weir_model::{AlertKind, Severity};

use super::*;

const MINUTE: i64 = MINUTE_MS;
const HOUR: i64 = 60 * MINUTE;

fn alert(device: &str, raised_at: i64, state: AlertState, timestamp: i64) -> Alert {
    Alert {
        id: format!("{device} {timestamp}"),
        alarm_id: format!("{device} {raised_at}"),
        kind: AlertKind::Alert,
        severity: Severity::Critical,
        state,
        device_id: device.to_owned(),
        sensor: "t".to_owned(),
        value: 0.0,
        threshold: None,
        function: "f".to_owned(),
        location: None,
        unit: None,
        timestamp,
        raised_at,
        reason: String::new(),
    }
}

/// A day, counted by hand: a chattering pump, a flood of twelve valves that
/// extends into the next period, a fan whose alarm is open since the day before.
#[test]
fn a_day_is_as_counted_by_hand() {
    let mut transitions = vec![alert("fan", -2 * HOUR, AlertState::Raised, -2 * HOUR)];
    // The pump: 4 times, 15 s apart, cleared 5 s after each.
    for n in 0..4 {
        let at = HOUR + n * 15_000;
        transitions.push(alert("pump", at, AlertState::Raised, at));
        transitions.push(alert("pump", at, AlertState::Cleared, at + 5_000));
    }
    // 12 valves within 10:00 to 10:10, 6 in the next period, 4 in the one after.
    for n in 0..22 {
        let minute = match n {
            0..12 => 0,
            12..18 => 10,
            _ => 20,
        };
        let at = 10 * HOUR + minute * MINUTE + n * 1_000;
        let valve = format!("valve-{n}");
        transitions.push(alert(&valve, at, AlertState::Raised, at));
        transitions.push(alert(&valve, at, AlertState::Cleared, at + HOUR));
    }
    let acknowledgements = [
        ("fan -7200000".to_owned(), HOUR),
        (format!("valve-0 {}", 10 * HOUR), 10 * HOUR + 60_000),
        (format!("valve-0 {}", 10 * HOUR), 10 * HOUR + 90_000),
        (format!("valve-1 {}", 10 * HOUR + 1_000), 10 * HOUR + 31_000),
    ];
    let input = KpiInput {
        transitions: &transitions,
        acknowledgements: &acknowledgements,
        from: 0,
        to: 24 * HOUR,
        operators: 1,
    };
    let kpi = kpi(&input);
    assert_eq!((kpi.raised, kpi.cleared, kpi.critical), (26, 26, 26));
    assert_eq!(kpi.per_hour, 26.0 / 24.0);
    assert_eq!(kpi.peak_per_ten_minutes, 12);
    let flood = Flood {
        from: 10 * HOUR,
        to: 10 * HOUR + 20 * MINUTE,
        alarms: 18,
    };
    assert_eq!(kpi.floods, [flood]);
    assert_eq!(kpi.percent_in_flood, 20.0 * 100.0 / (24.0 * 60.0));
    assert_eq!(
        (kpi.worst_actors[0].alarms, kpi.worst_actors.len()),
        (4, 10)
    );
    assert_eq!(kpi.chattering.len(), 1);
    assert_eq!(kpi.chattering[0].most_per_minute, 4);
    assert_eq!(kpi.standing, 1);
    assert_eq!(kpi.stale[0].source.device, "fan");
    assert_eq!(kpi.acknowledged, 2);
    let spread = kpi.time_to_acknowledge.unwrap();
    assert_eq!((spread.mean, spread.median, spread.max), (45.0, 30.0, 60.0));
    // Two operators have half each, and no flood.
    let two = super::kpi(&KpiInput {
        operators: 2,
        ..input
    });
    assert_eq!(two.per_hour_and_operator, 26.0 / 24.0 / 2.0);
    assert_eq!(two.floods, []);
}

#[test]
fn an_empty_history_has_figures_too() {
    let input = KpiInput {
        transitions: &[],
        acknowledgements: &[],
        from: 5,
        to: 5,
        operators: 1,
    };
    let kpi = kpi(&input);
    assert_eq!(
        (kpi.raised, kpi.per_hour, kpi.worst_actors_percent),
        (0, 0.0, 0.0)
    );
    assert_eq!(kpi.time_to_acknowledge, None);
}

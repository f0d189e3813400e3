use super::*;

const AFTER: Duration = Duration::from_secs(10);

fn severity(component: &str) -> Severity {
    match component {
        "journal" => Severity::Critical,
        _ => Severity::Warning,
    }
}

/// One look per second with these unhealthy components: the alerts.
#[track_caller]
fn check(
    alarms: &mut OperationalAlarms,
    seconds: std::ops::Range<u64>,
    bad: &[&str],
) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for second in seconds {
        let reasons = bad
            .iter()
            .map(|name| ((*name).to_owned(), format!("it is bad at {second}")))
            .collect();
        let now = Timestamp::from_millis(1_000_000 + second as i64 * 1_000).unwrap();
        alerts.extend(alarms.look(&reasons, severity, Duration::from_secs(second), now));
    }
    alerts
}

#[test]
fn what_lasts_is_raised_once_and_cleared_once() {
    let mut alarms = OperationalAlarms::new(AFTER, Vec::new());
    assert_eq!(check(&mut alarms, 0..5, &[]), []);
    let raised = check(&mut alarms, 5..60, &["journal", "source weir"]);
    let seen: Vec<_> = raised
        .iter()
        .map(|alert| (alert.sensor.as_str(), alert.severity, alert.topic()))
        .collect();
    assert_eq!(
        seen,
        [
            (
                "journal",
                Severity::Critical,
                "alerts/critical/$weir".to_owned()
            ),
            (
                "source weir",
                Severity::Warning,
                "alerts/warning/$weir".to_owned()
            ),
        ]
    );
    assert_eq!(raised[0].value, 10.0);
    assert_eq!(raised[0].reason, "journal: it is bad at 15");
    let cleared = check(&mut alarms, 60..90, &["source weir"]);
    let [cleared] = cleared.as_slice() else {
        panic!("{cleared:?}");
    };
    assert_eq!(cleared.alarm_id, raised[0].alarm_id);
    assert_eq!(cleared.state, AlertState::Cleared);
    assert_eq!(cleared.severity, Severity::Critical);
    assert_eq!(cleared.value, 55.0);
}

#[test]
fn what_flaps_is_neither_raised_nor_cleared() {
    let mut alarms = OperationalAlarms::new(AFTER, Vec::new());
    for round in 0..10 {
        let start = round * 12;
        assert_eq!(check(&mut alarms, start..start + 9, &["influxdb"]), []);
        assert_eq!(check(&mut alarms, start + 9..start + 12, &[]), []);
    }
    assert_eq!(check(&mut alarms, 200..220, &["influxdb"]).len(), 1);
    for round in 0..10 {
        let start = 220 + round * 12;
        assert_eq!(check(&mut alarms, start..start + 9, &[]), []);
        assert_eq!(check(&mut alarms, start + 9..start + 12, &["influxdb"]), []);
    }
}

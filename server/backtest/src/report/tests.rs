use weir_model::{AlertKind, Severity};

use super::*;

fn alert(id: &str, seconds: i64, state: AlertState, severity: Severity) -> Alert {
    Alert {
        id: format!("{id}-{seconds}"),
        alarm_id: id.to_owned(),
        kind: AlertKind::default(),
        severity,
        state,
        device_id: "pump-1".to_owned(),
        sensor: "t".to_owned(),
        value: 1.0,
        threshold: None,
        function: "f".to_owned(),
        location: None,
        unit: None,
        timestamp: seconds * 1_000,
        raised_at: seconds * 1_000,
        reason: "because".to_owned(),
    }
}

fn report(alerts: &[(&str, i64, AlertState, Severity)]) -> Report {
    Report {
        alerts: alerts
            .iter()
            .map(|(id, at, state, s)| alert(id, *at, *state, *s))
            .collect(),
        counts: Counts::default(),
    }
}

#[test]
fn two_configurations_differ_by_what_overlaps_with_nothing() {
    use AlertState::{Cleared, Raised};
    use Severity::{Critical, Warning};
    let new = report(&[
        ("a", 10, Raised, Warning),
        ("a", 20, Cleared, Warning),
        ("b", 50, Raised, Critical),
    ]);
    let old = report(&[
        ("c", 15, Raised, Warning),
        ("c", 30, Cleared, Warning),
        ("d", 60, Raised, Warning),
        ("d", 61, Cleared, Warning),
    ]);
    let (new_episodes, old_episodes) = (episodes(&new), episodes(&old));
    let (only_new, only_old) = differences(&new_episodes, &old_episodes);
    let ids = |list: &[&Episode<'_>]| -> Vec<String> {
        list.iter().map(|e| e.raised.alarm_id.clone()).collect()
    };
    assert_eq!(
        (ids(&only_new), ids(&only_old)),
        (vec!["b".into()], vec!["d".into()])
    );
    let alarms = new.alarms();
    assert_eq!((alarms.raised, alarms.cleared, alarms.critical), (2, 1, 1));
    assert!(new.summary().contains("1 still open"), "{}", new.summary());
    assert_eq!(
        line(&new.alerts[0]),
        "1970-01-01T00:00:10Z  pump-1  t  WARNING raised by f: because"
    );
}

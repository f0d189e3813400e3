//! Every kind of function in a running Weir: what a device sends over MQTT, the
//! alerts that come of it, what is quarantined and what is flagged.

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Subscriber, Weir, WeirSpec, now_ms, wait_until};

/// A device of the name of the function that watches it.
struct Case {
    kind: &'static str,
    keys: &'static str,
    /// Seconds since the begin, and the event's readings.
    events: Vec<(f64, Value)>,
    /// Readings that the function adds.
    derived: u64,
    /// States of its alerts, in their order.
    alerts: &'static [&'static str],
    /// Reason in the quarantine, or flag in the store, of one of the readings.
    mark: Mark,
}

enum Mark {
    None,
    Quarantined(&'static str),
    Flagged(&'static str),
}

const ONCE: &[&str] = &["raised", "cleared"];
const BEGIN: i64 = 3 * 86_400_000;

/// Readings of `x`, a second apart.
fn values(values: impl IntoIterator<Item = f64>) -> Vec<(f64, Value)> {
    let event = |(at, value)| (f64::from(at), json!([{"sensorId": "x", "value": value}]));
    (0..).zip(values).map(event).collect()
}

/// What swings a little, then one value, then as before.
fn calm_but(count: usize, odd: f64) -> Vec<(f64, Value)> {
    let calm = |at: usize| (at * 7_919 % 13) as f64;
    values((0..count).map(calm).chain([odd]).chain((0..40).map(calm)))
}

fn case(kind: &'static str, keys: &'static str, events: Vec<(f64, Value)>, mark: Mark) -> Case {
    Case {
        kind,
        keys,
        events,
        derived: 0,
        alerts: ONCE,
        mark,
    }
}

fn checks() -> Vec<Case> {
    let at = |times: &[(f64, f64)]| -> Vec<(f64, Value)> {
        let event = |(at, value): &(f64, f64)| (*at, json!([{"sensorId": "x", "value": value}]));
        times.iter().map(event).collect()
    };
    let units = [(50.0, "[degF]"), (3.0, "V"), (11.0, "Cel")];
    let units = units.map(|(value, unit)| json!([{"sensorId": "x", "value": value, "unit": unit}]));
    vec![
        case(
            "threshold",
            "warning_high = 80.0",
            values([70.0, 95.0, 60.0]),
            Mark::None,
        ),
        case(
            "range",
            "max = 100.0\nseverity = \"warning\"",
            values([20.0, 500.0, 21.0]),
            Mark::Quarantined("out_of_range"),
        ),
        case(
            "rate_of_change",
            "max_rise = 10.0\nper = \"1s\"\nseverity = \"warning\"",
            values([20.0, 21.0, 80.0, 21.0]),
            Mark::Flagged("jump"),
        ),
        case(
            "stuck",
            "after = \"3s\"\nseverity = \"warning\"",
            values([5.0, 5.0, 5.0, 5.0, 6.0]),
            Mark::Flagged("stuck"),
        ),
        case(
            "flatline",
            "after = \"3s\"",
            values([5.0, 5.0, 5.0, 5.0, 6.0]),
            Mark::None,
        ),
        case(
            "gap",
            "max_gap = \"10s\"\nseverity = \"warning\"",
            at(&[(0.0, 1.0), (1.0, 2.0), (60.0, 1.0), (61.0, 2.0)]),
            Mark::Flagged("gap"),
        ),
        case(
            "allowed",
            "values = [0, 1]\nseverity = \"warning\"",
            values([0.0, 7.0, 1.0]),
            Mark::Quarantined("not_allowed_value"),
        ),
        case(
            "unit",
            "unit = \"Cel\"\nseverity = \"warning\"",
            (0..).map(f64::from).zip(units).collect(),
            Mark::Quarantined("wrong_unit"),
        ),
        case(
            "duplicate",
            "interval = \"1s\"\nseverity = \"warning\"",
            at(&[(0.0, 5.0), (0.4, 5.0), (2.0, 6.0)]),
            Mark::Flagged("repeated"),
        ),
        Case {
            alerts: &["raised"],
            // Five minutes ahead of now; what is in time again would be late.
            events: at(&[(0.0, 1.0), (BEGIN as f64 / 1e3 + 300.0, 2.0)]),
            ..case(
                "clock",
                "max_ahead = \"1m\"\nseverity = \"warning\"",
                Vec::new(),
                Mark::Flagged("clock"),
            )
        },
    ]
}

fn detectors() -> Vec<Case> {
    // The same time of four days.
    let days = [(0.0, 20.0), (86_400.0, 20.5), (172_800.0, 20.0)];
    let today = [(259_200.0, 90.0), (259_201.0, 20.0)];
    let days = days.into_iter().chain(today);
    let days = days.map(|(at, value)| (at - 7_200.0, json!([{"sensorId": "x", "value": value}])));
    let level = |at: usize| if at < 60 { 5.0 } else { 6.0 } + 0.1 * (at % 5) as f64;
    let pair = |(at, other): (usize, f64)| {
        let a = (at * 7_919 % 13) as f64;
        let b = if other.is_nan() {
            2.0 * a + 0.01 * (at % 5) as f64
        } else {
            other
        };
        (
            at as f64,
            json!([{"sensorId": "a", "value": a}, {"sensorId": "b", "value": b}]),
        )
    };
    let pairs = (0..300).map(|at| (at, if at == 250 { 0.0 } else { f64::NAN }));
    let sums = [(1.0, 2.0), (9.0, 9.0), (1.0, 1.0)];
    let sums =
        sums.map(|(a, b)| json!([{"sensorId": "a", "value": a}, {"sensorId": "b", "value": b}]));
    vec![
        case(
            "ewma",
            "half_life = \"1m\"\nwarning_score = 6.0",
            calm_but(60, 90.0),
            Mark::None,
        ),
        case(
            "mad",
            "warning_score = 6.0\nquality = \"suspect\"",
            calm_but(60, 90.0),
            Mark::Flagged("unusual"),
        ),
        case(
            "seasonal",
            "season = \"day\"\nmin_spread = 1.0",
            days.collect(),
            Mark::None,
        ),
        case(
            "cusum",
            "warmup = 50",
            values((0..140).map(level)),
            Mark::None,
        ),
        case(
            "adaptive",
            "at_most_every = \"30d\"",
            calm_but(400, 60.0)
                .into_iter()
                .map(|(at, x)| (at * 300.0, x))
                .collect(),
            Mark::None,
        ),
        Case {
            derived: 3,
            ..case(
                "derived",
                "expression = \"a + b > 10.0\"\noutput = \"much\"\nseverity = \"warning\"",
                (0..).map(f64::from).zip(sums).collect(),
                Mark::Flagged("derived"),
            )
        },
        Case {
            derived: 300,
            ..case(
                "multivariate",
                "sensors = [\"a\", \"b\"]\noutput = \"together\"",
                pairs.map(pair).collect(),
                Mark::Flagged("derived"),
            )
        },
    ]
}

fn configuration(cases: &[Case]) -> String {
    let absence = "[[function]]\nname = \"absence\"\nkind = \"absence\"\ndevice = \"absence\"\n\
                   after = \"1s\"\n";
    let function = |case: &Case| {
        let Case { kind, keys, .. } = case;
        format!("[[function]]\nname = \"{kind}\"\nkind = \"{kind}\"\ndevice = \"{kind}\"\n{keys}\n")
    };
    cases
        .iter()
        .map(function)
        .chain([absence.to_owned()])
        .collect()
}

#[test]
fn every_kind_finds_its_fault_and_is_calm_again() {
    let cases: Vec<Case> = checks().into_iter().chain(detectors()).collect();
    let weir = Weir::start(WeirSpec::embedded().with(&configuration(&cases)));
    let operations = Subscriber::new(weir.mqtt(), &["alerts/#"]);
    let begin = now_ms() - BEGIN;
    let mut readings = 2;
    for case in &cases {
        let event = |(at, data): &(f64, Value)| {
            readings += data.as_array().map_or(0, Vec::len) as u64;
            json!({"timestamp": begin + (at * 1e3) as i64, "data": data})
        };
        let events: Vec<Value> = case.events.iter().map(event).collect();
        readings += case.derived;
        let topic = format!("devices/{}/telemetry", case.kind);
        operations.publish(&topic, &Value::from(events).to_string());
    }
    operations.publish("devices/absence/telemetry", "{\"x\": 1}");
    let absent = |state: &str| {
        let alerts = operations.json_on("alerts/");
        let of = |alert: &&Value| alert["function"] == "absence" && alert["state"] == *state;
        alerts.iter().filter(of).count() == 1
    };
    wait_until("the silence is reported", DEADLINE, || absent("raised"));
    operations.publish("devices/absence/telemetry", "{\"x\": 2}");
    wait_until("its end is reported", DEADLINE, || absent("cleared"));

    let expected = cases.iter().map(|case| case.alerts.len()).sum::<usize>() + 2;
    let alerts = operations.wait_json("alerts/", expected);
    weir.wait_received(readings);
    for case in &cases {
        let own = alerts.iter().filter(|alert| alert["function"] == case.kind);
        let states: Vec<&str> = own
            .clone()
            .filter_map(|alert| alert["state"].as_str())
            .collect();
        assert_eq!(states, case.alerts, "{}: {alerts:#?}", case.kind);
        for alert in own {
            assert_eq!(alert["deviceId"], case.kind, "{alert:#?}");
            let reason = alert["reason"].as_str().unwrap_or_default();
            assert!(reason.len() > 15, "{alert:#?}");
        }
        check_mark(&weir, case);
    }
    assert_eq!(alerts.len(), expected, "and nobody else: {alerts:#?}");
    let open = weir.wait_alarms("state=open", 1);
    assert_eq!(open[0]["function"], "clock");
    let converted =
        weir.sql("SELECT value, unit FROM readings WHERE device = 'unit' ORDER BY time");
    assert_eq!(converted[0], json!({"value": 10.0, "unit": "Cel"}));
}

#[track_caller]
fn check_mark(weir: &Weir, case: &Case) {
    let kind = case.kind;
    match case.mark {
        Mark::None => {}
        Mark::Quarantined(reason) => {
            let flow = weir.flow();
            assert_eq!(flow.quarantined_for(reason), 1, "{kind}: {flow:#?}");
        }
        Mark::Flagged(flag) => weir.wait_count(
            &format!(
                "SELECT count(*) FROM readings WHERE device = '{kind}' AND flags LIKE '%{flag}%'"
            ),
            case.derived.max(1),
        ),
    }
}

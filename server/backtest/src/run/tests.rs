use weir_model::Timestamp;

use super::*;

fn rules(text: &str) -> Rules {
    Rules::new(Config::from_toml(text).unwrap(), true)
}

fn readings(values: &[(i64, f64)]) -> Readings {
    let mut readings = Readings::default();
    let (device, sensor, none) = (
        readings.intern("pump-1"),
        readings.intern("value"),
        readings.intern(""),
    );
    for (second, value) in values {
        readings.rows.push(Reading {
            time: Timestamp(second * 1_000_000_000),
            device,
            sensor,
            unit: none,
            location: none,
            content: match value.is_nan() {
                true => Content::None,
                false => Content::Number(*value),
            },
        });
    }
    readings
}

fn outcome(text: &str, readings: &Readings) -> Outcome {
    let devices = readings.by_device();
    let mut outcomes = run(&[rules(text)], readings, &devices, &|_| {}).unwrap();
    outcomes.remove(0).remove(0)
}

#[test]
fn alarms_are_those_of_a_running_weir() {
    let text = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nwarning_high = 10.0\n";
    let readings = readings(&[(1, 5.0), (2, 11.0), (3, 12.0), (4, 9.0)]);
    let outcome = outcome(text, &readings);
    let reported: Vec<_> = outcome
        .alerts
        .iter()
        .map(|alert| (alert.timestamp, alert.state.as_str()))
        .collect();
    assert_eq!(reported, [(2_000, "raised"), (4_000, "cleared")]);
    assert!(outcome.scores.is_empty());
}

#[test]
fn every_reading_has_its_place_among_the_scores() {
    let text = "[[function]]\nname = \"odd\"\nkind = \"adaptive\"\n";
    // Late, twice at one time, without a value, before 2001.
    let mut values: Vec<(i64, f64)> = (0..300).map(|at| (at * 60, (at % 7) as f64)).collect();
    values[10] = (0, 3.0);
    values[11] = (values[9].0, 4.0);
    values[12].1 = f64::NAN;
    values[250].1 = 1_000.0;
    let readings = readings(&values);
    let outcome = outcome(text, &readings);
    let [odd] = &outcome.scores[..] else {
        panic!("{:?}", outcome.scores)
    };
    assert_eq!(odd.function, "odd");
    assert_eq!(odd.scores.len(), 300);
    assert!(odd.scores[250] >= 0.75, "{}", odd.scores[250]);
    let without: Vec<usize> = (0..300).filter(|at| odd.scores[*at].is_nan()).collect();
    assert_eq!(without, [10, 11, 12]);
    assert_eq!((outcome.counts.late, outcome.counts.empty), (2, 1));
    assert_eq!(outcome.counts.readings, 300);
    assert!(outcome.counts.quarantined.is_empty());
}

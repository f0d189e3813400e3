use super::*;
use weir_engine::FactValue;

const MINUTE: i64 = 60_000_000_000;
const T0: i64 = 1_700_000_000_000_000_000;

fn config() -> Config {
    let text = r#"
[[function]]
name = "hot"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
deadband = 2.0

[[function]]
name = "jump"
kind = "rate_of_change"
sensor = "temperature"
max_rise = 30.0
per = "1m"

[[function]]
name = "ratio"
kind = "derived"
expression = "temperature / load"
output = "ratio"
"#;
    Config::from_toml(text).unwrap()
}

/// Values of `temperature`, a minute apart.
fn readings(values: &[f64]) -> Readings {
    let mut readings = Readings::default();
    let [device, temperature, load, celsius, nothing] =
        ["boiler", "temperature", "load", "Cel", ""].map(|name| readings.intern(name));
    for (minute, value) in (0..).zip(values) {
        for (sensor, unit, value) in [(load, nothing, 2.0), (temperature, celsius, *value)] {
            readings.rows.push(Reading {
                time: Timestamp(T0 + minute * MINUTE),
                device,
                sensor,
                unit,
                location: nothing,
                content: Content::Number(value),
            });
        }
    }
    readings
}

fn at(minute: i64) -> Timestamp {
    Timestamp(T0 + minute * MINUTE)
}

fn explained(values: &[f64], sensor: &str) -> Past {
    let last = values.len() as i64 - 1;
    recompute(&config(), "boiler", &readings(values), sensor, at(last))
}

fn level(function: &Explained) -> String {
    let level = function.memory.iter().find(|fact| fact.name == "level");
    match level.map(|fact| &fact.value) {
        Some(FactValue::Text(level)) => level.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_before_and_after_conclusions_and_alarms_are_those_of_the_reading() {
    let past = explained(&[70.0, 75.0, 85.0], "temperature");
    assert_eq!(level(&past.before["hot"]), "none");
    assert_eq!(level(&past.after["hot"]), "warning");
    let hot = &past.conclusions["hot"];
    assert_eq!(hot.quality, Some("good"));
    assert_eq!(
        sentence("temperature", "85 Cel", Some("Cel"), hot),
        "temperature 85 Cel is above the warning limit 80 Cel"
    );
    let jump = &past.conclusions["jump"];
    assert_eq!(
        sentence("temperature", "85 Cel", Some("Cel"), jump),
        "temperature 85 Cel is 10.0 Cel more than 1 min before, where at most 30.0 Cel is expected"
    );
    assert_eq!(past.open.len(), 1);
    assert_eq!(past.open[0].function, "hot");
    assert!(!past.after.contains_key("ratio"), "it is of another sensor");
}

#[test]
fn a_flag_is_reported_and_what_is_within_its_limits() {
    let past = explained(&[20.0, 60.0], "temperature");
    assert_eq!(past.conclusions["jump"].quality, Some("suspect"));
    assert_eq!(
        sentence("temperature", "60", None, &past.conclusions["hot"]),
        "temperature 60 is within its limits; the next is 80"
    );
    assert!(past.open.is_empty());
}

#[test]
fn a_sensor_that_is_computed_is_explained_too() {
    let mut config = config();
    for function in &mut config.functions {
        if function.name == "hot" {
            function.sensor = Some("ratio".to_owned());
        }
    }
    let readings = readings(&[100.0, 190.0]);
    let past = recompute(&config, "boiler", &readings, "ratio", at(1));
    let hot = &past.conclusions["hot"];
    assert_eq!(
        (hot.verdict.value, hot.verdict.level.is_some()),
        (95.0, true)
    );
}

#[test]
fn readings_of_nobody_explain_nothing() {
    let past = recompute(
        &config(),
        "boiler",
        &Readings::default(),
        "temperature",
        at(0),
    );
    assert!(past.after.is_empty() && past.conclusions.is_empty());
}

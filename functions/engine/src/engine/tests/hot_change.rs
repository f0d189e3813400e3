//! What a kind keeps of its memory when its settings change, and that others do
//! not notice. `docs/reference/functions/README.md` has the table.

use super::*;

/// Two functions: `f`, and one beside it that stays as it is.
fn config(kind: &str, keys: &str) -> Config {
    let selects = match kind {
        "multivariate" => "",
        _ => "sensor = \"x\"\n",
    };
    let text = format!(
        "[[function]]\nname = \"f\"\nkind = \"{kind}\"\n{selects}{keys}\n\
         [[function]]\nname = \"beside\"\nkind = \"ewma\"\nhalf_life = \"1h\"\n"
    );
    Config::from_toml(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
}

fn feed(bench: &mut Bench, from: i64, readings: i64) {
    for nth in from..from + readings {
        let (x, y) = (10.0 + (nth % 7) as f64, 20.0 - (nth % 5) as f64);
        let time = T0 + nth * 1_000;
        bench.send(&format!(r#"{{"x":{x:?},"y":{y:?},"timestamp":{time}}}"#));
    }
}

/// The memory of a function, to the bit.
#[track_caller]
fn memory(bench: &Bench, sensor: &str, function: &str) -> Vec<u8> {
    let device = bench.engine.device_ix("p1").unwrap();
    let functions = bench.engine.explain(device, sensor).unwrap();
    let found = functions.into_iter().find(|f| *f.name == *function);
    found.unwrap().exact
}

#[track_caller]
fn check(kind: &str, before: &str, after: &str, kept: bool) {
    let sensor = match kind {
        "multivariate" => "m",
        _ => "x",
    };
    let mut bench = Bench::with(&config(kind, before));
    feed(&mut bench, 0, 40);
    let (own, other) = (memory(&bench, sensor, "f"), memory(&bench, "x", "beside"));
    assert!(!own.is_empty(), "{kind} remembers something");

    bench.engine.reconfigure(&config(kind, after));
    let changed = memory(&bench, sensor, "f");
    assert_eq!(changed == own, kept, "{kind}: {before} to {after}");
    assert_eq!(memory(&bench, "x", "beside"), other, "{kind}");
    // It goes on from what it has.
    feed(&mut bench, 40, 1);
    assert_ne!(memory(&bench, "x", "beside"), other, "{kind}");

    // Another kind under the same name starts with an empty memory.
    bench.engine.reconfigure(&config("range", "max = 5.0"));
    assert!(memory(&bench, "x", "f").is_empty(), "{kind}");
}

#[test]
fn settings_that_do_not_shape_the_memory_keep_it() {
    for (kind, before, after) in [
        (
            "threshold",
            "warning_high = 12.0",
            "warning_high = 14.0\ndeadband = 1.0",
        ),
        (
            "rate_of_change",
            "max_rise = 5.0\nper = \"1s\"",
            "max_fall = 9.0\nper = \"2s\"\nquality = \"suspect\"",
        ),
        (
            "stuck",
            "after = \"10m\"",
            "after = \"20m\"\ntolerance = 0.5",
        ),
        (
            "flatline",
            "after = \"10m\"",
            "after = \"20m\"\nmin_readings = 9",
        ),
        ("gap", "max_gap = \"1m\"", "max_gap = \"2m\""),
        ("duplicate", "interval = \"1s\"", "interval = \"2s\""),
        (
            "ewma",
            "half_life = \"1h\"\nwarmup = 3",
            "half_life = \"2h\"\nwarmup = 5\nwarning_score = 9.0\non_delay = \"10s\"",
        ),
        (
            "mad",
            "window = 9\nwarmup = 3",
            "window = 9\nwarmup = 5\nmin_spread = 0.5",
        ),
        (
            "seasonal",
            "bin = \"30m\"",
            "bin = \"30m\"\nwarmup = 5\nmin_spread = 0.1",
        ),
        ("cusum", "drift = 0.5", "drift = 1.0\nwarmup = 60"),
        ("adaptive", "", "at_most_every = \"2d\""),
        (
            "absence",
            "severity = \"warning\"",
            "after = \"10m\"\nseverity = \"critical\"",
        ),
        (
            "multivariate",
            "sensors = [\"x\", \"y\"]\noutput = \"m\"",
            "sensors = [\"x\", \"y\"]\noutput = \"m\"\nwarmup = 90\nexplained = 0.8",
        ),
    ] {
        check(kind, before, after, true);
    }
}

#[test]
fn settings_that_shape_the_memory_begin_it_anew() {
    for (kind, before, after) in [
        ("mad", "window = 9", "window = 7"),
        ("seasonal", "bin = \"30m\"", "bin = \"1h\""),
        ("seasonal", "season = \"day\"", "season = \"week\""),
        (
            "multivariate",
            "sensors = [\"x\", \"y\"]\noutput = \"m\"",
            "sensors = [\"y\", \"x\"]\noutput = \"m\"",
        ),
    ] {
        check(kind, before, after, false);
    }
}

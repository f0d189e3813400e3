//! Charts over roll-ups, and the store's files seen from outside.

use std::fs;

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Weir, WeirSpec, now_ms, python, wait_until};

const MINUTE_MS: i64 = 60_000;

/// Three hours of a device, a reading every 20 s, ending now.
fn filled(weir: &Weir) -> (i64, i64) {
    let end = now_ms();
    let begin = end - 180 * MINUTE_MS;
    for part in 0..9_i64 {
        let events: Vec<Value> = (0..60_i64)
            .map(|at| {
                let n = part * 60 + at;
                json!({"timestamp": begin + n * 20_000, "level": (n * 7 % 101) as f64 / 10.0})
            })
            .collect();
        for event in events {
            weir.ingest("tank", "", event.to_string()).expect(202);
        }
    }
    weir.wait_received(540);
    (begin, end)
}

#[test]
fn a_chart_is_the_same_with_roll_ups_and_without() {
    let weir = Weir::start(WeirSpec::embedded());
    let (begin, end) = filled(&weir);
    // Ends that cut a step, ends that do not, and steps of any length.
    let hour = 60 * MINUTE_MS;
    let whole = (begin / hour + 1) * hour;
    for (from, to, step) in [
        (begin, end, "1h"),
        (begin + 7 * MINUTE_MS + 3, end - 11 * MINUTE_MS - 1, "1h"),
        (whole, whole + hour, "1h"),
        (begin + 90_500, end - 1, "5m"),
        (begin + 30_000, begin + 50_000, "1m"),
        (begin, end, "90s"),
        (begin, end, "45m"),
    ] {
        let path =
            format!("/api/v1/devices/tank/readings?sensor=level&from={from}&to={to}&step={step}");
        let chart = weir.http().get(&path).expect(200).json();
        let seconds = match step {
            "1h" => 3_600,
            "5m" => 300,
            "1m" => 60,
            "90s" => 90,
            _ => 2_700,
        };
        let expect = weir.sql(&format!(
            "SELECT date_bin(interval '{seconds} seconds', time) AS time, min(value) AS min, \
             max(value) AS max, round(avg(value), 9) AS mean, count(value) AS count \
             FROM readings WHERE device = 'tank' AND time >= to_timestamp_millis({from}) \
             AND time < to_timestamp_millis({to}) GROUP BY 1 ORDER BY 1"
        ));
        let points: Vec<Value> = chart["readings"]
            .as_array()
            .expect("a list of points")
            .iter()
            .map(|point| {
                let mean = point["mean"].as_f64().expect("a mean");
                json!({"time": point["time"], "min": point["min"], "max": point["max"],
                    "mean": (mean * 1e9).round() / 1e9, "count": point["count"]})
            })
            .collect();
        assert!(!points.is_empty(), "{path}");
        assert_eq!(json!(points), json!(expect), "{path}");
    }
    let sum = weir.sql("SELECT CAST(sum(count) AS bigint) AS n FROM readings_1h");
    assert_eq!(sum[0]["n"], 540);
    let latest = weir.sql("SELECT device, sensor, value, quality FROM latest");
    assert_eq!(
        json!(latest),
        json!([{"device": "tank", "sensor": "level", "value": 3.6, "quality": "good"}])
    );
}

#[test]
fn files_are_counted_and_damage_is_found_from_outside() {
    let mut weir =
        Weir::start(WeirSpec::embedded().with("[store.embedded]\nflush_interval = \"100ms\"\n"));
    filled(&weir);
    let data = weir.data_dir().display().to_string();
    let stats = |weir: &Weir| -> Value {
        let output = weir.command(&["store", "stats", "--json", "--data-dir", &data]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    // Stopping writes what is still in memory.
    assert_eq!(weir.sigterm(), weir_tests::Exit::Code(0));
    let contents = stats(&weir)["contents"].clone();
    let readings: u64 = contents
        .as_array()
        .expect("a list")
        .iter()
        .map(|content| content["readings"].as_u64().expect("a count"))
        .sum();
    assert_eq!(readings, 540, "{contents}");
    let verify = |weir: &Weir| weir.command(&["store", "verify", "--data-dir", &data]);
    let sound = verify(&weir);
    assert!(sound.status.success(), "{sound:?}");
    assert!(String::from_utf8_lossy(&sound.stdout).contains(" 0 damaged"));

    let file = fs::read_dir(weir.data_dir().join("store"))
        .expect("the store's folder")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "parquet")
        })
        .expect("a file of rows");
    let mut bytes = fs::read(&file).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&file, bytes).expect("it can be written");
    let damaged = verify(&weir);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    let text = String::from_utf8_lossy(&damaged.stdout).into_owned();
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(text.contains(&name) && text.contains("checksum"), "{text}");
    assert!(file.exists(), "nothing is changed");
}

/// The files in `weir store stats`; null before there are any.
fn contents(weir: &Weir) -> Vec<Value> {
    let data = weir.data_dir().display().to_string();
    let output = weir.command(&["store", "stats", "--json", "--data-dir", &data]);
    let stats: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    stats["contents"].as_array().cloned().unwrap_or_default()
}

fn readings_in_files(weir: &Weir) -> u64 {
    let counts = contents(weir).into_iter();
    counts
        .filter_map(|content| content["readings"].as_u64())
        .sum()
}

/// Has DuckDB and pyarrow read the files, and compare them with what Weir says.
fn compare(weir: &Weir, hours: bool) {
    let (mut kinds, mut rare, mut rollups) = (Vec::new(), Vec::new(), Vec::new());
    for content in contents(weir) {
        let paths = content["paths"].as_array().expect("a list").clone();
        match content["content"].as_str() {
            Some("kind") => kinds.push(json!({"paths": paths, "sensors": content["sensors"]})),
            Some("rare") => rare.extend(paths),
            _ => rollups.extend(paths),
        }
    }
    assert_eq!(!rollups.is_empty(), hours, "{kinds:?}");
    let sums = |condition: &str| {
        let sql = format!(
            "SELECT sensor, count(*) AS n, coalesce(sum(value), 0.0) AS total FROM readings \
             WHERE {condition} GROUP BY sensor"
        );
        let rows = weir.sql(&sql).into_iter();
        let pairs = rows.map(|row| {
            let sensor = row["sensor"].as_str().expect("a name").to_owned();
            (sensor, json!([row["n"], row["total"]]))
        });
        Value::Object(pairs.collect())
    };
    let expected = json!({
        "kinds": kinds, "rare": rare, "rollups": rollups,
        "readings": sums("value IS NOT NULL OR text IS NOT NULL"),
        "hours": sums("device LIKE 'plant-%' AND value IS NOT NULL"),
    });
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("expected.json");
    fs::write(&file, expected.to_string()).expect("it is writable");
    python("store_files.py", &[&file.display().to_string()]);
}

#[test]
#[ignore = "needs python3 with duckdb and pyarrow"]
fn duckdb_and_pyarrow_read_the_files_as_they_lie() {
    // A checkpoint as soon as one message of the plant's is in, and no other. The
    // window of six hours is over at any time of the day: each of eight files is
    // merged with those before, with a roll-up once they are large enough.
    const EVENTS: usize = 3_000;
    let config = "[store.embedded]\nflush_interval = \"1d\"\nflush_readings = 6000\n\n\
         [limits]\nmax_payload = \"1MiB\"\n\n[[route]]\ntopic = \"plant\"\n\n\
         [[route]]\ntopic = \"devices/{device}/telemetry\"\n";
    // One device with all of the rare sensors has more than a shadow holds.
    let spec = WeirSpec::embedded().with(config);
    let weir = Weir::start(spec.allow("does not fit its shadow"));
    let window = 6 * 60 * MINUTE_MS;
    let begin = (now_ms() / window - 2) * window + 45 * MINUTE_MS;
    let mut sent = 0;
    // Kinds of their own, with texts, units, places, names that need care; and more
    // of them than have a file of their own.
    for (payload, readings) in [
        (json!({"timestamp": begin, "mode": "on", "x": 0.1}), 2),
        (
            json!({"timestamp": begin, "data": [
            {"sensorId": "time", "value": 1.5, "unit": "bar", "location": "hall 2"},
            {"sensorId": "a \"b\"", "value": 1e300}]}),
            2,
        ),
    ] {
        weir.ingest("other", "", payload.to_string()).expect(202);
        sent += readings;
    }
    for kind in 0..230 {
        let payload = json!({"timestamp": begin, (format!("rare-{kind}")): kind});
        weir.ingest("rare", "", payload.to_string()).expect(202);
        sent += 1;
    }
    weir.wait_received(sent);
    // The first of these comes when there are too many kinds: it is with the rare ones.
    for part in 0..9 {
        let name = if part == 0 { "early" } else { "plant" };
        let events: Vec<Value> = (0..EVENTS)
            .map(|at| {
                let device = at % 20;
                let time = begin + (part * EVENTS + at) as i64 / 20 * 1_000;
                json!({"deviceId": format!("{name}-{device:02}"), "timestamp": time, "data": [
                    {"sensorId": "level", "value": (at % 97) as f64 / 10.0},
                    {"sensorId": "flow", "value": (at % 89) as f64 / 8.0}]})
            })
            .collect();
        let body = json!(events).to_string();
        let answer = weir.http().post("/api/v1/ingest/plant", body);
        answer.expect(202);
        sent += EVENTS as u64 * 2;
        wait_until("the readings are in files", DEADLINE, || {
            readings_in_files(&weir) == sent
        });
        if part == 3 {
            compare(&weir, false);
        }
    }
    compare(&weir, true);
}

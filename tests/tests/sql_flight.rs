//! Flight SQL, by clients as they are: ADBC, InfluxDB 3's for Python, pyarrow, and
//! the statements of Grafana's InfluxDB source. What they check is in
//! `tests/python/sql_flight.py`. `cargo xtask test` installs them.

use serde_json::json;
use weir_tests::{
    DEADLINE, TIGHT_LIMITS, Weir, WeirSpec, python, python_process, wait_until, with_reader,
};

const FLIGHT: &str = "[flight]\nlisten = \"127.0.0.1:0\"\n";

#[test]
#[ignore = "needs python3 with adbc-driver-flightsql and influxdb3-python"]
fn adbc_influxdb_3_and_grafana_query() {
    let weir = start("");
    python("sql_flight.py", &[&address(&weir), "clients"]);
}

#[test]
#[ignore = "needs python3 with adbc-driver-flightsql and influxdb3-python"]
fn hostile_statements_are_refused_or_stopped() {
    let weir = start(TIGHT_LIMITS);
    python("sql_flight.py", &[&address(&weir), "hostile"]);
    wait_until("no query runs", DEADLINE, || weir.queries_running() == 0);
}

#[test]
#[ignore = "needs python3 with adbc-driver-flightsql and influxdb3-python"]
fn a_query_ends_when_its_client_leaves() {
    let weir = start("[query]\ntimeout = \"1h\"\n");
    let folder = tempfile::tempdir().unwrap();
    let args: [&str; 2] = [&address(&weir), "endless"];
    let mut client = python_process("sql_flight.py", &args, folder.path());
    wait_until("the query runs", DEADLINE, || weir.queries_running() == 1);
    client.kill9();
    wait_until("it has ended", DEADLINE, || weir.queries_running() == 0);
}

#[test]
#[ignore = "needs python3 with adbc-driver-flightsql and influxdb3-python"]
fn a_token_is_needed_where_there_is_authentication() {
    let folder = tempfile::tempdir().unwrap();
    let weir = Weir::start(
        WeirSpec::embedded()
            .with(FLIGHT)
            .with(&with_reader(folder.path())),
    );
    python("sql_flight.py", &[&address(&weir), "auth"]);
}

/// With the readings that the script expects.
fn start(sections: &str) -> Weir {
    let weir = Weir::start(WeirSpec::embedded().with(FLIGHT).with(sections));
    for device in ["pump-1", "pump-2"] {
        for minute in 0..3_u32 {
            let time = 1_790_000_000_000_i64 + i64::from(minute) * 60_000;
            let mut data = vec![json!({"sensorId": "x", "value": f64::from(minute) + 0.5})];
            if device == "pump-1" && minute == 0 {
                data.push(json!({"sensorId": "mode", "value": "on"}));
            }
            let event = json!({"deviceId": device, "timestamp": time, "data": data});
            weir.ingest(device, "?wait=processed", event.to_string())
                .expect(200);
        }
    }
    weir
}

fn address(weir: &Weir) -> String {
    weir.port("flight").to_string()
}

//! Flight SQL, by clients as they are: ADBC, InfluxDB 3's for Python, pyarrow, and
//! the statements of Grafana's InfluxDB source. What they check is in
//! `tests/python/sql_flight.py`. `cargo xtask test` installs them.

use weir_tests::{
    DEADLINE, TIGHT_LIMITS, Weir, WeirSpec, leaves_an_endless_query, python, wait_until,
    weir_with_readings, with_reader,
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
    leaves_an_endless_query(&weir, "sql_flight.py", &address(&weir));
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
    weir_with_readings(&format!("{FLIGHT}{sections}"))
}

fn address(weir: &Weir) -> String {
    weir.port("flight").to_string()
}

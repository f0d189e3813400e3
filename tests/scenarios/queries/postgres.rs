//! The Postgres wire protocol by clients as they are: psql, psycopg, SQLAlchemy, and
//! the statements of Grafana's Postgres source. What those in Python check is in
//! `tests/python/sql_postgres.py`. `cargo xtask test` installs them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use weir_tests::{
    DEADLINE, TIGHT_LIMITS, Weir, WeirSpec, leaves_an_endless_query, program, python, wait_until,
    weir_with_readings, with_reader,
};

/// From the package `libpostgresql-jdbc-java`.
const JDBC: &str = "/usr/share/java/postgresql.jar";
const POSTGRES: &str = "[postgres]\nlisten = \"127.0.0.1:0\"\n";

#[test]
#[ignore = "needs psql"]
fn psql_queries_and_lists() {
    let weir = start("");
    assert_eq!(
        psql(
            &weir,
            "SELECT device, value FROM readings WHERE sensor = 'x' ORDER BY time, device LIMIT 2"
        ),
        "pump-1|0.5\npump-2|0.5"
    );
    assert_eq!(
        psql(&weir, "SELECT time FROM readings ORDER BY time LIMIT 1"),
        "2026-09-21 14:13:20.000000+00"
    );
    let tables = psql(&weir, "\\dt");
    for table in ["alarms", "devices", "readings", "shadows"] {
        assert!(
            tables.contains(&format!("public|{table}|table|weir")),
            "{tables}"
        );
    }
    let columns = psql(&weir, "\\d readings");
    assert!(
        columns.contains("time|timestamp with time zone"),
        "{columns}"
    );
    assert!(columns.contains("value|double precision"), "{columns}");
    assert!(psql(&weir, "\\dn").contains("public"));
}

#[test]
#[ignore = "needs python3 with psycopg and SQLAlchemy"]
fn psycopg_sqlalchemy_and_grafana_query() {
    let weir = start("");
    python("sql_postgres.py", &[&address(&weir), "clients"]);
    wait_until("no query runs", DEADLINE, || weir.queries_running() == 0);
}

#[test]
#[ignore = "needs python3 with psycopg and asyncpg"]
fn an_open_cursor_does_not_keep_its_place() {
    let weir = start("[query]\ntimeout = \"1s\"\nmax_concurrent = 1\n");
    python("sql_postgres.py", &[&address(&weir), "places"]);
}

#[test]
#[ignore = "needs java with PostgreSQL's JDBC driver"]
fn jdbc_describes_and_queries() {
    let weir = start("");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/java/Metadata.java");
    let mut java = Command::new(program("java"));
    java.args(["-cp", JDBC, script, &address(&weir)]);
    let output = java.output().expect("it can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    wait_until("no query runs", DEADLINE, || weir.queries_running() == 0);
}

#[test]
#[ignore = "needs python3 with psycopg"]
fn hostile_statements_are_refused_or_stopped() {
    let weir = start(TIGHT_LIMITS);
    python("sql_postgres.py", &[&address(&weir), "hostile"]);
    wait_until("no query runs", DEADLINE, || weir.queries_running() == 0);
}

#[test]
#[ignore = "needs python3 with psycopg"]
fn a_query_ends_when_its_client_leaves() {
    let weir = start("[query]\ntimeout = \"1h\"\n");
    leaves_an_endless_query(&weir, "sql_postgres.py", &address(&weir));
}

#[test]
fn nonsense_ends_its_connection_and_nothing_else() {
    let weir = start("");
    let startup = [&[0, 0, 0, 8, 0, 3, 0, 0], b"user\0weir\0\0" as &[u8]].concat();
    let long = [&startup, b"Q\x7f\xff\xff\xff" as &[u8]].concat();
    for nonsense in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 64],
        vec![0; 64],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        long,
    ] {
        let mut client = TcpStream::connect(weir.port("postgres")).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        // It may be closed while we are still sending.
        let _ = client.write_all(&nonsense);
        let _ = client.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let ended = client.read_to_end(&mut answer);
        assert!(
            ended
                .as_ref()
                .err()
                .is_none_or(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            "{nonsense:?}: {ended:?}"
        );
    }
    assert_eq!(weir.count("SELECT count(*) AS n FROM readings"), 7);
}

#[test]
#[ignore = "needs psql"]
fn a_password_is_needed_where_there_is_authentication() {
    let folder = tempfile::tempdir().unwrap();
    let weir = Weir::start(
        WeirSpec::embedded()
            .with(POSTGRES)
            .with(&with_reader(folder.path())),
    );
    let try_password = |password: Option<&str>| {
        let mut psql = psql_command(&weir);
        psql.args(["-w", "-c", "SELECT 1"]).env_remove("PGPASSWORD");
        password.map(|password| psql.env("PGPASSWORD", password));
        psql.output().expect("it can be run").status.success()
    };
    assert!(try_password(Some("reader-token-0123456789")));
    assert!(!try_password(Some("wrong")));
    assert!(!try_password(None));
}

/// With the readings that the script expects.
fn start(sections: &str) -> Weir {
    weir_with_readings(&format!("{POSTGRES}{sections}"))
}

fn address(weir: &Weir) -> String {
    weir.port("postgres").to_string()
}

/// Unaligned, without headers.
#[track_caller]
fn psql(weir: &Weir, command: &str) -> String {
    let mut psql = psql_command(weir);
    psql.args(["-c", command]);
    let output = psql.output().expect("it can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

fn psql_command(weir: &Weir) -> Command {
    let address = weir.port("postgres");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut psql = Command::new(program("psql"));
    psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
    psql.args(["-U", "weir", "-d", "weir", "-h", &host, "-p", &port]);
    psql.env("PGCONNECT_TIMEOUT", "60");
    psql
}

//! SQL by HTTP: formats, limits, hostile statements, clients that leave.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Hostile, TIGHT_LIMITS, Weir, WeirSpec, python, wait_until};

#[test]
fn hostile_statements_are_refused_or_stopped() {
    let weir = Weir::start(WeirSpec::embedded().with(TIGHT_LIMITS));
    one_reading(&weir);
    let hostile = Hostile::read();
    let endpoints: [(&str, &str); 2] = [("/api/v1/query", "sql"), ("/api/v3/query_sql", "q")];
    for (path, member) in endpoints {
        let post = |sql: &str| weir.http().post(path, json!({ member: sql }).to_string());
        for sql in &hostile.refused {
            let answer = post(sql).expect(400);
            assert_eq!(answer.content_type, "application/problem+json", "{sql}");
        }
        let weir = &weir;
        thread::scope(|scope| {
            for sql in &hostile.stopped {
                scope.spawn(move || {
                    // An answer may have begun when the limit is met: then it is cut off.
                    let body = json!({ member: sql }).to_string();
                    let answer = weir.http().send("POST", path, "*/*", body.as_bytes());
                    let status = answer.map(|answer| answer.status);
                    assert!(
                        matches!(status, Err(_) | Ok(422 | 503 | 504)),
                        "{sql}: {status:?}"
                    );
                });
            }
        });
    }
    nothing_has_changed(&weir);
}

#[test]
fn a_query_ends_when_its_client_leaves() {
    let weir = Weir::start(WeirSpec::embedded().with("[query]\ntimeout = \"1h\"\n"));
    let body = json!({"sql": "SELECT sum(value) FROM generate_series(1, 1000000000000)"});
    let body = body.to_string();
    let mut client = TcpStream::connect(weir.http_address().get()).unwrap();
    write!(
        client,
        "POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    wait_until("the query runs", DEADLINE, || weir.queries_running() == 1);
    drop(client);
    wait_until("the query has ended", DEADLINE, || {
        weir.queries_running() == 0
    });
}

#[test]
fn influxdb_3_clients_query_by_http() {
    let weir = Weir::start(WeirSpec::embedded());
    one_reading(&weir);
    let select = "SELECT device, value FROM readings WHERE sensor = $sensor";
    let expect = json!([{"device": "pump-1", "value": 1.5}]);
    let body = json!({"db": "any", "q": select, "params": {"sensor": "x"}, "format": "json"});
    let answer = weir.http().post("/api/v3/query_sql", body.to_string());
    assert_eq!(answer.expect(200).json(), expect);
    let path = "/api/v3/query_sql?db=any&q=SELECT%20device,value%20FROM%20readings&format=";
    let get = |format: &str| weir.http().get(&format!("{path}{format}")).expect(200);
    assert_eq!(get("json").json(), expect);
    assert_eq!(
        get("jsonl").text(),
        "{\"device\":\"pump-1\",\"value\":1.5}\n"
    );
    assert_eq!(get("csv").text(), "device,value\npump-1,1.5\n");
    assert!(get("pretty").text().contains("| pump-1 | 1.5   |"));
    assert_eq!(&get("parquet").body[..4], b"PAR1");
    let answer = weir
        .http()
        .get("/api/v3/query_sql?db=any&q=SELEC")
        .expect(400);
    assert_eq!(answer.json()["error"], answer.json()["detail"]);
    weir.http().get(&format!("{path}xml")).expect(400);
    weir.http().get("/api/v3/query_sql?db=any").expect(400);
    // A parameter without a value.
    let body = json!({"db": "any", "q": select}).to_string();
    weir.http().post("/api/v3/query_sql", body).expect(400);
}

#[test]
fn charts_get_minimum_maximum_and_mean_per_step() {
    let weir = Weir::start(WeirSpec::embedded());
    for (at, value) in [(0, 1.0), (10, 3.0), (70, 5.0)] {
        let event = json!({"deviceId": "pump-1", "timestamp": 1_790_000_040_000_i64 + at * 1_000,
            "data": [{"sensorId": "x", "value": value}]});
        weir.ingest_and_wait("pump-1", event.to_string());
    }
    let path =
        "/api/v1/devices/pump-1/readings?sensor=x&from=1790000000000&to=1790001000000&step=1m";
    let answer = weir.http().get(path).expect(200).json();
    let points: Vec<(&Value, &Value, &Value, &Value)> = answer["readings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            (
                &point["min"],
                &point["max"],
                &point["mean"],
                &point["count"],
            )
        })
        .collect();
    assert_eq!(
        json!(points),
        json!([[1.0, 3.0, 2.0, 2], [5.0, 5.0, 5.0, 1]])
    );
    let csv = weir.http().get(&format!("{path}&format=csv")).expect(200);
    assert_eq!(csv.content_type, "text/csv; charset=utf-8");
    assert_eq!(
        csv.text(),
        "time,sensor,min,max,mean,count\n\
         2026-09-21T14:14:00.000000000Z,x,1.0,3.0,2.0,2\n\
         2026-09-21T14:15:00.000000000Z,x,5.0,5.0,5.0,1\n"
    );
    weir.http().get(&format!("{path}&format=xml")).expect(400);
}

/// Clocks in Brussels went back an hour on 25 October 2026.
#[test]
fn charts_have_local_days() {
    let weir = Weir::start(WeirSpec::embedded());
    let midnight = 1_792_879_200_000_i64; // 2026-10-24T22:00:00Z
    for hour in 0..26 {
        let event = json!({"deviceId": "pump-1", "timestamp": midnight + hour * 3_600_000,
            "data": [{"sensorId": "x", "value": hour}]});
        weir.ingest_and_wait("pump-1", event.to_string());
    }
    let path = format!(
        "/api/v1/devices/pump-1/readings?sensor=x&from={midnight}&to={}&tz=Europe/Brussels",
        midnight + 26 * 3_600_000
    );
    let answer = weir
        .http()
        .get(&format!("{path}&step=1d"))
        .expect(200)
        .json();
    assert_eq!(answer["tz"], "Europe/Brussels");
    let points = answer["readings"].as_array().unwrap();
    let days: Vec<_> = points
        .iter()
        .map(|point| (&point["time"], &point["max"], &point["count"]))
        .collect();
    assert_eq!(
        json!(days),
        json!([
            ["2026-10-25T00:00:00.000000000+02:00", 24.0, 25],
            ["2026-10-26T00:00:00.000000000+01:00", 25.0, 1]
        ])
    );
    let columns = weir
        .http()
        .get(&format!("{path}&points=2"))
        .expect(200)
        .json();
    assert_eq!(columns["step"], "86400s");
    assert_eq!(
        columns["sensors"]["x"]["t"],
        json!([midnight, midnight + 25 * 3_600_000])
    );
    for wrong in ["&step=1d&tz=Europe/Nowhere", "&tz=UTC"] {
        let path = format!("/api/v1/devices/pump-1/readings?sensor=x{wrong}");
        weir.http().get(&path).expect(400);
    }
}

#[test]
#[ignore = "needs python3 with pyarrow"]
fn pyarrow_reads_every_format() {
    let weir = Weir::start(WeirSpec::embedded());
    one_reading(&weir);
    python(
        "sql_http.py",
        &[&format!("http://{}", weir.http_address().get())],
    );
}

fn one_reading(weir: &Weir) {
    let payload = r#"{"deviceId":"pump-1","data":[{"sensorId":"x","value":1.5}]}"#;
    weir.ingest_and_wait("pump-1", payload);
}

fn nothing_has_changed(weir: &Weir) {
    assert_eq!(weir.count("SELECT count(*) AS n FROM readings"), 1);
    assert!(!std::path::Path::new("/tmp/weir-stolen.csv").exists());
    wait_until("no query runs", DEADLINE, || weir.queries_running() == 0);
}

//! Line protocol by HTTP: InfluxDB's own clients unmodified, what agents rely on
//! when something is wrong, and a crash in the middle of it.

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Weir, WeirSpec, python, wait_until};

/// A line per reading: device, sensor, location, value and seconds since the epoch.
fn readings(weir: &Weir, devices: &str) -> Vec<String> {
    let rows = weir.sql(&format!(
        "SELECT device, sensor, location, value, text, time FROM readings WHERE {devices} \
         ORDER BY device, sensor, time"
    ));
    let show = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let value = match &row["value"] {
            Value::Null => text("text"),
            value => value.to_string(),
        };
        let place = text("location");
        format!(
            "{} {} {place} {value} {}",
            text("device"),
            text("sensor"),
            text("time")
        )
    };
    rows.iter().map(show).collect()
}

#[test]
#[ignore = "needs python3 with influxdb-client and influxdb"]
fn clients_of_influxdb_1_and_2_write_unmodified() {
    let weir = Weir::start(WeirSpec::embedded());
    let url = format!("http://{}", weir.http_address().get());
    python("influx_write.py", &[&url]);
    // Per client of version 2: 4 times 4 fields, of which 3 have the same key, and 3.
    let flow = weir.wait_received(2 * (16 + 3) + 5_000 + 2 + 3);
    assert_eq!(flow.quarantined_for("invalid_line"), 1, "{flow:?}");

    let start = "2026-11-01T00:00:00";
    for device in ["v2", "v2-gzip"] {
        let found = readings(&weir, &format!("device = '{device}'"));
        let hall = "hall 2, left";
        let mut expect = vec![
            format!("{device} air_count {hall} 3.0 {start}"),
            format!("{device} air_door open {hall} 1.0 {start}"),
            format!("{device} air_state {hall} said \"on\" {start}"),
        ];
        for precision in ["ms", "ns", "s", "us"] {
            expect.push(format!(
                "{device} air_temperature_{precision} {hall} 21.5 {start}"
            ));
        }
        expect.push(format!("{device} at  1.0 {start}"));
        expect.push(format!("{device} dict_humidity  40.25 {start}"));
        expect.push(format!("{device} line  -1.0 {start}"));
        assert_eq!(found.len(), expect.len(), "{found:#?}");
        for (found, expect) in found.iter().zip(&expect) {
            assert!(found.starts_with(expect), "{found} is not {expect}");
        }
    }
    assert_eq!(
        weir.sql(
            "SELECT count(*) AS n, count(DISTINCT device) AS devices, sum(value) AS sum \
             FROM readings WHERE sensor = 'load'"
        ),
        [json!({"n": 5_000, "devices": 10, "sum": 12_497_500.0})]
    );
    let found = readings(&weir, "device = 'v1'");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with(&format!("v1 cpu_idle{{cpu=cpu0}}  90.5 {start}")));
    assert!(found[2].starts_with(&format!("v1 mem_used  1.0 {start}")));
    assert_eq!(readings(&weir, "device = 'mixed'").len(), 1);
}

#[test]
fn good_lines_are_taken_and_bad_ones_can_be_replayed_after_a_fix() {
    let mut weir = Weir::start(WeirSpec::embedded());
    let write = |weir: &Weir, query: &str, body: &str| {
        weir.http().post(&format!("/api/v2/write{query}"), body)
    };
    let body = "flow,host=p1 value=1 1795219200\nno line\nflow,host=p/2 value=2 1795219200\n\
                flow value=3 1795219200\nflow,host=p3 value=4 1795219200";
    assert_eq!(
        write(&weir, "?precision=s&org=o&bucket=b", body).status,
        204
    );
    let flow = weir.wait_received(5);
    for reason in ["invalid_line", "invalid_device", "missing_device"] {
        assert_eq!(flow.quarantined_for(reason), 1, "{flow:?}");
    }
    assert_eq!(readings(&weir, "true").len(), 2);
    let details = weir.sql("SELECT detail FROM quarantine WHERE reason = 'missing_device'");
    assert!(
        details[0]["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("default_device"))
    );

    let config = "[line_protocol]\ndefault_device = \"plant\"\n";
    let _ = weir.sigterm();
    weir.restart_with(WeirSpec::embedded().with(config).allow("security=true"));
    let replay = weir.command(&["replay", "--quarantine", "--json"]);
    assert!(replay.status.success(), "{replay:?}");
    wait_until("what was mended is stored", DEADLINE, || {
        readings(&weir, "device = 'plant'").len() == 1
    });
    assert_eq!(readings(&weir, "true").len(), 3);

    for (query, headers_body, status) in [
        ("?precision=fortnight", "m value=1", 400),
        ("?precision=n", "", 204),
    ] {
        assert_eq!(write(&weir, query, headers_body).status, status, "{query}");
    }
    assert_eq!(weir.http().get("/ping").status, 204);
    assert_eq!(
        weir.http().get("/health").expect(200).json()["status"],
        "pass"
    );
    assert_eq!(
        weir.http()
            .post("/query?q=CREATE%20DATABASE%20x", "")
            .status,
        200
    );
    assert_eq!(weir.http().post("/query?q=SELECT%201", "").status, 400);
}

#[test]
fn what_was_answered_with_204_survives_a_kill_and_what_is_too_large_is_refused() {
    let config =
        "[line_protocol]\nmax_body = \"1MiB\"\n\n[store.embedded]\nflush_interval = \"100ms\"\n";
    let mut weir = Weir::start(WeirSpec::embedded().with(config));
    let lines = |from: usize| -> String {
        let line = |n: usize| format!("flow,host=p{} value={n} {}\n", n % 7, 1_795_219_200 + n);
        (from..from + 10_000).map(line).collect()
    };
    for round in 0..3 {
        let body = lines(round * 10_000);
        assert_eq!(
            weir.http().post("/write?precision=s&db=x", &body).status,
            204
        );
        weir.kill9();
        weir.restart();
    }
    weir.wait_count("SELECT count(*) FROM readings", 30_000);
    // The same once more: an agent that did not see the answer.
    assert_eq!(
        weir.http().post("/write?precision=s&db=x", lines(0)).status,
        204
    );
    let flow = weir.wait_received(10_000);
    assert_eq!(
        weir.count("SELECT count(*) FROM readings"),
        30_000,
        "{flow:?}"
    );
    let large = lines(0).repeat(4);
    assert_eq!(weir.http().post("/write?precision=s", large).status, 413);
}

#[test]
fn a_route_may_carry_lines_by_mqtt() {
    let route =
        "[[route]]\ntopic = \"telegraf/{device}\"\ncodec = \"line-protocol\"\nprecision = \"ms\"\n";
    let weir = Weir::start(WeirSpec::embedded().with(route));
    let mut device =
        weir_tests::mqtt::Connection::connect(weir.mqtt().get(), "t").expect("it accepts");
    let lines = b"flow value=1 1795219200000\nflow value=2 1795219200001";
    device
        .publish(b"telegraf/p1", lines, 1)
        .expect("it is acknowledged");
    // No device publishes to the topic of writes.
    device
        .publish(b"$write/ns", b"flow,device=x value=1", 0)
        .expect("it is sent");
    weir.wait_received(2);
    assert_eq!(readings(&weir, "true").len(), 2);
}

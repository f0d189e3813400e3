//! What the web page asks of the real binary: its files, the overview, alarms that are
//! filtered and acted on together.

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Weir, WeirSpec, now_ms, wait_until};

fn send(weir: &Weir, device: &str, time: i64, value: f64) {
    let event = json!({"timestamp": time, "data": [{"sensorId": "pressure", "value": value,
        "warningThreshold": 5.0, "criticalThreshold": 9.0}]});
    weir.ingest_and_wait(device, event.to_string());
}

/// Three devices: one critical, one warning, one that returned.
fn plant() -> Weir {
    let weir = Weir::start(WeirSpec::embedded());
    let start = now_ms() - 60_000;
    send(&weir, "pump-1", start, 9.5);
    send(&weir, "pump-2", start, 6.0);
    send(&weir, "pump-3", start, 6.0);
    send(&weir, "pump-3", start + 1_000, 1.0);
    weir.wait_alarms("state=open", 3);
    weir.wait_alarms("state=active", 2);
    weir
}

#[test]
fn the_page_is_served_and_the_api_answers_it() {
    let weir = plant();
    let http = weir.http();
    let page = http
        .send("GET", "/ui/", "text/html", &[])
        .expect("it answers");
    assert_eq!(page.status, 200);
    assert!(page.content_type.starts_with("text/html"), "{page:?}");
    assert_eq!(http.get("/ui/js/missing.js").status, 404);
    assert_eq!(http.get("/").status, 404);

    let who = http.get("/api/v1/whoami").json();
    assert_eq!(
        (&who["name"], &who["role"], &who["auth"]),
        (&Value::Null, &json!("admin"), &json!(false))
    );
    let overview = http.get("/api/v1/overview").expect(200).json();
    assert_eq!(overview["alarms"]["critical"], 1);
    assert_eq!(overview["alarms"]["warning"], 1);
    assert_eq!(overview["alarms"]["unacknowledged"], 2);
    assert_eq!(overview["alarms"]["worst"][0]["deviceId"], "pump-1");
    assert_eq!(overview["devices"]["total"], 3);
    assert_eq!(overview["devices"]["states"]["normal"], 1);
    assert_eq!(overview["hour"].as_array().map(Vec::len), Some(60));
    assert_eq!(overview["recent"][0]["state"], "cleared");
    assert!(overview["recent"][0]["recordedAt"].is_i64());

    let devices = http.get("/api/v1/devices?sort=state&limit=1").json();
    assert_eq!(devices["devices"][0]["id"], "pump-1");
    assert_eq!(devices["devices"][0]["worst"]["severity"], "CRITICAL");
    assert_eq!(
        (&devices["next"], &devices["total"]),
        (&json!(1), &json!(3))
    );
    let mosaic = http.get("/api/v1/devices/mosaic").json();
    assert_eq!(mosaic["devices"][0], json!(["pump-1", 0, 0, 1]));
    assert_eq!(http.get("/api/v1/system").json()["sequence"]["gaps"], 0);
}

#[test]
fn alarms_that_fit_a_filter_are_acknowledged_together() {
    let weir = plant();
    let http = weir.http();
    let returned = http
        .get("/api/v1/alarms?lifecycle=returned-unacknowledged")
        .json();
    assert_eq!(returned["total"], 1);
    assert_eq!(returned["alarms"][0]["deviceId"], "pump-3");
    assert_eq!(returned["counts"]["lifecycle"]["unacknowledged"], 2);
    assert_eq!(http.get("/api/v1/alarms?lifecycle=gone").status, 400);

    let all = json!({"action": "ack", "filter": {"state": "open"}, "by": "ann"});
    let answer = http
        .post("/api/v1/alarms/actions", all.to_string())
        .expect(200)
        .json();
    assert_eq!(
        (&answer["done"], &answer["failed"]),
        (&json!(3), &json!([]))
    );
    weir.wait_alarms("state=open", 2);
    weir.wait_alarms("lifecycle=acknowledged", 2);

    let id = answer["ids"][0]
        .as_str()
        .expect("ids of a filter")
        .to_owned();
    let mixed = json!({"action": "comment", "note": "seen", "ids": [id, "missing"]});
    let answer = http
        .post("/api/v1/alarms/actions", mixed.to_string())
        .json();
    assert_eq!(answer["done"], 1);
    assert_eq!(answer["failed"][0]["id"], "missing");
    let alarm = http.get(&format!("/api/v1/alarms/{id}")).json();
    assert_eq!(alarm["transitions"][0]["state"], "raised");
    assert_eq!(alarm["audit"][0]["by"], "api");
    wait_until("the alarm has a comment", DEADLINE, || {
        http.get(&format!("/api/v1/alarms/{id}")).json()["comments"][0]["text"] == "seen"
    });
}

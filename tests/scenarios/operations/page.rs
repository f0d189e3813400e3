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

    // The limits came with the readings.
    let limits = http.get("/api/v1/devices/pump-1/limits?sensor=pressure");
    let limits = limits.expect(200).json();
    assert_eq!(limits[0]["function"], "payload");
    assert_eq!(
        (&limits[0]["side"], &limits[0]["value"]),
        (&json!("high"), &json!(9.0))
    );

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
    // The command lists what ISA-18.2 keeps in the list.
    let listed = weir.command(&["alarms", "list", "--json"]).stdout;
    let listed: Vec<Value> = serde_json::from_slice(&listed).expect("a list");
    let lifecycles: Vec<&Value> = listed.iter().map(|alarm| &alarm["lifecycle"]).collect();
    assert_eq!(lifecycles.len(), 3);
    assert!(
        lifecycles.contains(&&json!("returned-unacknowledged")),
        "{lifecycles:?}"
    );

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

#[test]
fn the_page_sees_the_configuration_in_force_and_why_a_file_was_refused() {
    let function = "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"pressure\"\nwarning_high = 5\n";
    let spec = WeirSpec::embedded().with(function).allow("configuration");
    let weir = Weir::start(spec);
    weir.ingest_and_wait("pump-1", json!({"pressure": 1.0}).to_string());
    let http = weir.http();
    let config = http.get("/api/v1/config").expect(200).json();
    let key = |name: &str| {
        let keys = config["keys"].as_array().expect("a list").iter();
        let mut found = keys.filter(|key| key["key"] == name);
        found.next().cloned().unwrap_or_default()
    };
    assert!(
        config["file"]
            .as_str()
            .is_some_and(|file| file.ends_with("weir.toml"))
    );
    assert_eq!(key("http.page")["origin"], "default");
    assert_eq!(key("function.hot.warning_high")["value"], 5);
    let origin = key("function.hot.warning_high")["origin"].clone();
    assert!(
        origin
            .as_str()
            .is_some_and(|origin| origin.starts_with("file:")),
        "{origin}"
    );

    let hot = http.get("/api/v1/functions/hot").expect(200).json();
    assert_eq!(hot["settings"]["sensor"], "pressure");
    assert_eq!(hot["stage"], "detect");
    assert_eq!(
        hot["series"],
        json!([{"device": "pump-1", "sensor": "pressure"}])
    );
    assert_eq!(
        (&hot["seriesTotal"], &hot["invocations"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(http.get("/api/v1/functions/cold").status, 404);
    // The first look at the counts was at the start.
    let listed = http.get("/api/v1/functions").json();
    assert!(
        listed["functions"][1]["ratePerSecond"].is_number(),
        "{listed}"
    );

    let wrong = "[http]\nlisen = \"127.0.0.1:0\"\n";
    std::fs::write(weir.config_file(), wrong).expect("the folder is ours");
    wait_until("the refused file is reported", DEADLINE, || {
        !http.get("/api/v1/system").json()["reloads"]["refused"].is_null()
    });
    let refused = http.get("/api/v1/system").json()["reloads"]["refused"].clone();
    let problem = &refused["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["key"]),
        (&json!(2), &json!("http.lisen"))
    );
    assert!(
        problem["message"]
            .as_str()
            .is_some_and(|text| text.contains("http.listen"))
    );
    let again = http.get("/api/v1/config").json();
    assert_eq!(again["keys"], config["keys"]);
}

#[test]
fn the_page_sees_rejected_messages_by_reason_and_device_and_replays_one() {
    let weir = Weir::start(WeirSpec::embedded());
    weir.ingest("a", "", "not json").expect(202);
    let half =
        json!({"data": [{"sensorId": "x"}, {"sensorId": "y"}, {"sensorId": "z", "value": 1}]});
    weir.ingest("b", "", half.to_string()).expect(202);
    weir.ingest("c", "", "{").expect(202);
    let http = weir.http();
    let reasons = || http.get("/api/v1/quarantine/reasons").expect(200).json();
    wait_until("all are in the quarantine", DEADLINE, || {
        let counts = reasons();
        let counts = counts.as_array().expect("a list").iter();
        counts
            .filter_map(|reason| reason["count"].as_u64())
            .sum::<u64>()
            == 4
    });
    let found = reasons();
    assert_eq!(found[0]["reason"], "invalid_json");
    assert_eq!(found[0]["means"], "The payload is not JSON");
    assert_eq!(
        (&found[0]["count"], &found[0]["replayed"]),
        (&json!(2), &json!(0))
    );

    let page = http.get("/api/v1/quarantine?group=message&limit=2").json();
    let topics: Vec<&Value> = page["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| &m["topic"])
        .collect();
    assert_eq!(topics, ["devices/c/telemetry", "devices/b/telemetry"]);
    assert_eq!(
        page["messages"][1]["entries"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(page["messages"][1]["payload"], half.to_string());
    let next = http
        .get(&format!(
            "/api/v1/quarantine?group=message&after={}",
            page["next"]
        ))
        .json();
    assert_eq!(next["messages"][0]["payload"], "not json");
    assert_eq!(next["next"], Value::Null);
    let of_b = http.get("/api/v1/quarantine?device=b").json();
    assert_eq!(of_b["entries"].as_array().map(Vec::len), Some(2));
    assert_eq!(http.get("/api/v1/quarantine?group=device").status, 400);

    let id = &page["messages"][1]["entries"][0]["id"];
    let replay = |body: Value| http.post("/api/v1/quarantine/replay", body.to_string());
    let dry = replay(json!({"ids": [id], "dryRun": true}))
        .expect(200)
        .json();
    assert_eq!((&dry["matched"], &dry["replayed"]), (&json!(1), &json!(1)));
    assert_eq!(replay(json!({"ids": [id]})).json()["replayed"], 1);
    assert_eq!(replay(json!({"ids": [id]})).json()["alreadyReplayed"], 1);
    assert_eq!(replay(json!({"ids": ["x"]})).status, 400);
    assert_eq!(replay(json!({"ids": [id], "reason": "empty"})).status, 400);
    wait_until("its entries are marked", DEADLINE, || {
        reasons()[1]["replayed"] == 2
    });

    // Every change is in the audit; a dry run and a refusal are not.
    let shadow = json!({"state": {"desired": {"on": 1}}});
    http.post("/things/a/shadow", shadow.to_string())
        .expect(200);
    let audit = http.get("/api/v1/audit").expect(200).json();
    let changes = audit["changes"].as_array().expect("a list");
    let actions: Vec<&Value> = changes.iter().map(|change| &change["action"]).collect();
    let replay = "replay-quarantine";
    assert_eq!(actions, ["update-shadow", replay, replay]);
    assert_eq!(changes[0]["target"], "/things/a/shadow");
    assert_eq!(
        (&changes[0]["by"], &changes[0]["from"]),
        (&json!("api"), &json!("127.0.0.1"))
    );
    assert_eq!(changes[2]["note"], "1 of 1 messages");
}

//! Device shadows as AWS IoT's clients expect them, by MQTT and by HTTP.

use std::thread;

use serde_json::{Value, json};
use weir_tests::{Broker, DEADLINE, Site, Subscriber, now_ms, wait_until};

const THING: &str = "$aws/things/lamp/shadow";

#[test]
fn shadows_with_the_embedded_broker() {
    shadows(Broker::Embedded);
}

#[test]
#[ignore = "needs Mosquitto"]
fn shadows_with_an_external_broker() {
    shadows(Broker::External);
}

fn shadows(broker: Broker) {
    let site = Site::start(broker, |spec| spec);
    let client = Subscriber::new(
        site.mqtt(),
        &[
            "$aws/things/lamp/shadow/get/+",
            "$aws/things/lamp/shadow/update/+",
            "$aws/things/lamp/shadow/delete/+",
        ],
    );
    let on = |tail: &str, count: usize| client.wait_json(&format!("{THING}/{tail}"), count);

    client.publish(&format!("{THING}/get"), r#"{"clientToken":"t0"}"#);
    let rejected = &on("get/rejected", 1)[0];
    assert_eq!(
        (&rejected["code"], &rejected["clientToken"]),
        (&json!(404), &json!("t0"))
    );

    let desired = json!({"state": {"desired": {"power": "on", "level": 3}}, "clientToken": "t1"});
    client.publish(&format!("{THING}/update"), &desired.to_string());
    let accepted = &on("update/accepted", 1)[0];
    assert_eq!(accepted["state"], desired["state"]);
    assert_eq!(
        (&accepted["version"], &accepted["clientToken"]),
        (&json!(1), &json!("t1"))
    );
    let delta = &on("update/delta", 1)[0];
    assert_eq!(delta["state"], json!({"power": "on", "level": 3}));
    let documents = &on("update/documents", 1)[0];
    assert_eq!(documents["current"]["version"], 1);

    // By HTTP, and the delta goes out by MQTT all the same.
    let reported = json!({"state": {"reported": {"power": "on", "level": 1}}, "version": 1});
    let answer = site
        .weir
        .http()
        .post("/things/lamp/shadow", reported.to_string())
        .expect(200);
    assert_eq!(answer.json()["version"], 2);
    assert_eq!(on("update/delta", 2)[1]["state"], json!({"level": 3}));

    // An old version is refused, by either way.
    let stale = json!({"state": {"reported": {"level": 2}}, "version": 1, "clientToken": "t2"});
    site.weir
        .http()
        .post("/things/lamp/shadow", stale.to_string())
        .expect(409);
    client.publish(&format!("{THING}/update"), &stale.to_string());
    let conflict = &on("update/rejected", 1)[0];
    assert_eq!(
        (&conflict["code"], &conflict["clientToken"]),
        (&json!(409), &json!("t2"))
    );

    refused(&site);
    let whole = site
        .weir
        .http()
        .get("/things/lamp/shadow")
        .expect(200)
        .json();
    assert_eq!(whole["version"], 2, "what was refused changed nothing");
    assert_eq!(whole["state"]["delta"], json!({"level": 3}));

    client.publish(&format!("{THING}/delete"), "");
    assert_eq!(on("delete/accepted", 1)[0]["version"], 2);
    site.weir.http().get("/things/lamp/shadow").expect(404);
}

fn refused(site: &Site) {
    let post = |body: &str| site.weir.http().post("/things/lamp/shadow", body).status;
    assert_eq!(post("not json"), 400);
    assert_eq!(post("{}"), 400);
    assert_eq!(post(r#"{"state":{"other":1}}"#), 400);
    let token = json!({"state": {}, "clientToken": "x".repeat(65)});
    assert_eq!(post(&token.to_string()), 400);
    let deep = (0..7).fold(json!(1), |inner: Value, _| json!({ "a": inner }));
    assert_eq!(post(&json!({"state": {"desired": deep}}).to_string()), 400);
    let large = json!({"state": {"desired": {"text": "x".repeat(8 * 1024 + 1)}}});
    assert_eq!(post(&large.to_string()), 413);
    assert_eq!(site.weir.http().get("/things/a%2Fb/shadow").status / 100, 4);
}

#[test]
fn what_is_no_text_is_refused_with_415_by_either_way() {
    let site = Site::start(Broker::Embedded, |spec| spec);
    let bytes = b"{\"state\": {\"desired\": {\"a\": \"\xff\"}}}";
    let answer = site.weir.http().post("/things/lamp/shadow", bytes);
    assert_eq!(answer.expect(415).json()["code"], 415);
    let client = Subscriber::new(site.mqtt(), &["$aws/things/lamp/shadow/update/+"]);
    let mut device = weir_tests::mqtt::Connection::connect(site.mqtt().get(), "device")
        .expect("the broker listens");
    device
        .publish(format!("{THING}/update").as_bytes(), bytes, 1)
        .expect("the broker takes it");
    let rejected = &client.wait_json(&format!("{THING}/update/rejected"), 1)[0];
    assert_eq!(rejected["code"], 415);
    site.weir.http().get("/things/lamp/shadow").expect(404);
}

#[test]
fn a_thing_with_too_many_requests_in_flight_gets_429() {
    let site = Site::start(Broker::Embedded, |spec| {
        spec.with("[shadows]\nmax_inflight = 1\n")
    });
    let body = r#"{"state": {"reported": {"a": 1}}}"#;
    // By HTTP: whether two meet is up to the machine, so until they do.
    wait_until("two requests by HTTP meet", DEADLINE, || {
        let post = || site.weir.http().post("/things/lamp/shadow", body).status;
        let statuses: Vec<u16> = thread::scope(|scope| {
            let posts: Vec<_> = (0..8).map(|_| scope.spawn(post)).collect();
            posts
                .into_iter()
                .map(|post| post.join().expect("it answers"))
                .collect()
        });
        assert!(
            statuses.iter().all(|status| [200, 429].contains(status)),
            "{statuses:?}"
        );
        statuses.contains(&429)
    });
    // By MQTT: those of one batch are in flight together.
    let client = Subscriber::new(site.mqtt(), &["$aws/things/fan/shadow/update/rejected"]);
    let topic = "$aws/things/fan/shadow/update";
    wait_until("two requests by MQTT meet", DEADLINE, || {
        (0..20).for_each(|_| client.publish(topic, body));
        !client.received().is_empty()
    });
    let rejected = &client.wait_json(&format!("{topic}/rejected"), 1)[0];
    assert_eq!(rejected["code"], 429);
}

/// Whoever could write the answers could forge another's state.
#[test]
fn of_the_reserved_topics_devices_may_publish_the_requests_only() {
    let site = Site::start(Broker::Embedded, |spec| spec.allow("it may not publish"));
    let watcher = Subscriber::new(site.mqtt(), &["$aws/#"]);
    let forged = br#"{"forged": true}"#;
    let mut forger = weir_tests::mqtt::Connection::connect(site.mqtt().get(), "forger")
        .expect("the broker listens");
    for tail in [
        "update/accepted",
        "update/rejected",
        "update/delta",
        "update/documents",
        "get/accepted",
        "delete/accepted",
        "name/a/update/delta",
        "unknown",
        "name/a/b/get",
    ] {
        forger
            .publish(format!("{THING}/{tail}").as_bytes(), forged, 0)
            .expect("the connection stays");
    }
    // Answered after all of them were looked at.
    forger.ping().expect("the connection stays");
    wait_until("the last one was refused", DEADLINE, || {
        site.weir.log().contains("it may not publish")
    });
    // A request comes through, and nothing of the above has before it.
    watcher.publish(&format!("{THING}/update"), r#"{"state": {}}"#);
    watcher.wait_json(&format!("{THING}/update/accepted"), 1);
    for message in watcher.received() {
        let text = format!("{message:?}");
        assert!(!text.contains("forged"), "{text}");
    }
}

#[test]
fn what_a_device_wrote_itself_yields_to_newer_readings_only() {
    let site = Site::start(Broker::Embedded, |spec| {
        spec.with("[shadows]\ninterval = \"10ms\"\n")
    });
    let http = || site.weir.http();
    let send = |time: i64, value: f64| {
        let event = json!({"timestamp": time, "data": [{"sensorId": "t", "value": value}]});
        site.weir.ingest_and_wait("pump", event.to_string());
    };
    let shown = |value: Value| {
        wait_until(&format!("the shadow shows {value}"), DEADLINE, || {
            let answer = http().get("/things/pump/shadow");
            answer.status == 200 && answer.json()["state"]["reported"]["readings"]["t"] == value
        });
    };
    let now = now_ms();
    send(now - 60_000, 1.0);
    shown(json!({"value": 1.0, "timestamp": now - 60_000}));
    // By its own account it measured something newer.
    let own = json!({"value": 7.5, "timestamp": now - 10_000});
    let body = json!({"state": {"reported": {"readings": {"t": own}, "firmware": "1.2"}}});
    http()
        .post("/things/pump/shadow", body.to_string())
        .expect(200);
    // Late against that; the other sensor shows that the report has been applied.
    let event = json!({"timestamp": now - 30_000, "data": [
        {"sensorId": "t", "value": 2.0}, {"sensorId": "h", "value": 50.0}]});
    site.weir.ingest_and_wait("pump", event.to_string());
    wait_until("the other sensor is reported", DEADLINE, || {
        let reported = &http().get("/things/pump/shadow").json()["state"]["reported"];
        reported["readings"]["h"]["timestamp"] == now - 30_000
    });
    shown(own);
    send(now - 5_000, 3.0);
    shown(json!({"value": 3.0, "timestamp": now - 5_000}));
    let reported = &http().get("/things/pump/shadow").json()["state"]["reported"];
    assert_eq!(reported["firmware"], "1.2");
}

#[test]
fn a_killed_weir_loses_no_update_that_it_accepted() {
    killed(Broker::Embedded);
}

#[test]
#[ignore = "needs Mosquitto"]
fn a_killed_weir_loses_no_update_that_it_accepted_with_an_external_broker() {
    killed(Broker::External);
}

/// Updates by MQTT and by HTTP, each of a key of its own, and in between kills.
fn killed(broker: Broker) {
    const ROUNDS: usize = 6;
    const UPDATES: usize = 8;
    let mut site = Site::start(broker, |spec| spec.with("[shadows]\nmax_inflight = 1000\n"));
    let mut last_version = 0;
    let mut accepted = Vec::new();
    for round in 0..ROUNDS {
        let client = Subscriber::new(site.mqtt(), &["$aws/things/lamp/shadow/update/accepted"]);
        for update in 0..UPDATES {
            let body = json!({"state": {"reported": {format!("m{round}-{update}"): update}}});
            client.publish(&format!("{THING}/update"), &body.to_string());
        }
        let key = format!("h{round}");
        let body = json!({"state": {"reported": {&key: round}}}).to_string();
        site.weir
            .http()
            .post("/things/lamp/shadow", body)
            .expect(200);
        accepted.push((key, json!(round)));
        // As soon as some are accepted, with others under way.
        let answers = client.wait_json(&format!("{THING}/update/accepted"), 1 + round);
        site.weir.kill9();
        for answer in answers {
            last_version = last_version.max(answer["version"].as_u64().unwrap_or_default());
            let reported = answer["state"]["reported"].as_object().cloned();
            accepted.extend(reported.into_iter().flatten());
        }
        site.weir.restart();
        let whole = site
            .weir
            .http()
            .get("/things/lamp/shadow")
            .expect(200)
            .json();
        let reported = &whole["state"]["reported"];
        for (key, value) in &accepted {
            assert_eq!(&reported[key], value, "round {round}, {key}: {whole}");
        }
        let version = whole["version"].as_u64().unwrap_or_default();
        assert!(version >= last_version, "{version} after {last_version}");
        last_version = version;
    }
}

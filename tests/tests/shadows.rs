//! Device shadows as AWS IoT's clients expect them, by MQTT and by HTTP.

use serde_json::{Value, json};
use weir_tests::{Door, Site, Subscriber};

const THING: &str = "$aws/things/lamp/shadow";

#[test]
fn shadows_with_the_embedded_broker() {
    shadows(Door::Embedded);
}

#[test]
#[ignore = "needs Mosquitto"]
fn shadows_with_an_external_broker() {
    shadows(Door::External);
}

fn shadows(door: Door) {
    let site = Site::start(door, |spec| spec);
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

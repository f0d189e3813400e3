//! Critical alarms first: they overtake the warnings that wait for a channel, have
//! room left under its limit, and wait for no other channel.

use serde_json::{Value, json};
use weir_tests::{DEADLINE, Hook, Weir, WeirSpec, wait_until};

const SECTIONS: &str = r#"
[[route]]
topic = "plant"
codec = "json"

[[function]]
name = "pressure"
kind = "threshold"
sensor = "pressure"
warning_high = 10.0
critical_high = 20.0

[watchdog]
alerts = false
"#;

/// So many devices of this name, each with a reading; decided when it returns.
#[track_caller]
fn read(weir: &Weir, name: &str, count: usize, value: f64) {
    let event = |n| {
        json!({"deviceId": format!("{name}-{n}"),
               "data": [{"sensorId": "pressure", "value": value}]})
    };
    let events: Vec<Value> = (0..count).map(event).collect();
    let path = "/api/v1/ingest/plant?wait=processed";
    weir.http()
        .post(path, json!(events).to_string())
        .expect(200);
}

/// What a hook took: true for a critical alarm.
fn criticals(hook: &Hook) -> Vec<bool> {
    let taken = hook.taken();
    let severity = |body: Value| body["data"]["alerts"][0]["severity"] == "CRITICAL";
    taken.iter().map(|one| severity(one.json())).collect()
}

#[track_caller]
fn wait_queued(weir: &Weir, name: &str, count: u64) {
    wait_until(&format!("{count} wait for {name}"), DEADLINE, || {
        let channels = weir.http().get("/api/v1/alarms/channels").json();
        let channels = channels["channels"].as_array().cloned();
        let found = channels.into_iter().flatten().find(|c| c["name"] == name);
        found.is_some_and(|channel| channel["queued"] == count)
    });
}

#[test]
fn critical_alarms_overtake_the_warnings_that_wait() {
    let (down, limited, hung, up) = (Hook::start(), Hook::start(), Hook::start(), Hook::start());
    let channels = [
        down.channel("down"),
        limited.channel("limited") + "max_per_minute = 10\n",
        hung.channel("hung") + "timeout = \"5m\"\n",
        up.channel("up"),
    ];
    let spec = WeirSpec::embedded()
        .with(SECTIONS)
        .with(&channels.concat())
        .allow("a channel does not deliver")
        .allow("a delivery was under way");
    let weir = Weir::start(spec);
    down.answer(503);
    hung.hang();
    read(&weir, "tank", 100, 11.0);
    // Of ten a minute, two are not for warnings.
    limited.wait_taken(8);
    down.wait(1);
    hung.wait(1);
    wait_queued(&weir, "down", 100);
    read(&weir, "boiler", 20, 25.0);
    wait_queued(&weir, "down", 120);
    down.answer(200);

    down.wait_taken(120);
    let order = criticals(&down);
    // One place in five is not theirs, and one warning may have been on its way.
    let first = &order[..26];
    let overtook = first.iter().filter(|critical| **critical);
    assert_eq!(overtook.count(), 20, "{order:?}");
    limited.wait_taken(10);
    assert_eq!(
        criticals(&limited)[..10],
        [[false; 8].as_slice(), &[true; 2]].concat()
    );
    up.wait_taken(120);
    assert_eq!(hung.hooked().len(), 1, "it still hangs");

    // Cleared, and notified as cleared: also those that overtook.
    read(&weir, "boiler", 20, 5.0);
    down.wait_taken(140);
}

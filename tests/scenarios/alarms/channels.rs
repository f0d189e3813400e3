//! Telling people: every notification reaches its channel at least once under
//! one id, whatever is down or killed meanwhile; and Alertmanager shows what
//! Weir shows.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use weir_tests::{Alertmanager, DEADLINE, Hook, Subscriber, Weir, WeirSpec, wait_until};

/// Alarms of `temperature` above 90, and channels.
fn spec(channels: &str) -> WeirSpec {
    WeirSpec::embedded()
        .with(
            "[[function]]\nname = \"hot\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
             warning_high = 80.0\ncritical_high = 90.0\n\n[watchdog]\nalerts = false\n",
        )
        .with(channels)
}

/// A reading; its effects are decided when it returns.
#[track_caller]
fn read(weir: &Weir, device: &str, value: f64) {
    let payload = json!({"data": [
        {"sensorId": "temperature", "value": value, "unit": "Cel", "location": "hall-2"}]});
    weir.ingest_and_wait(device, payload.to_string());
}

/// `state device` of the alerts that a hook took, by the notification's id.
fn notified(hook: &Hook) -> BTreeSet<(String, String)> {
    let of = |body: Value| {
        let id = body["data"]["id"]
            .as_str()
            .expect("it has an id")
            .to_owned();
        let alert = &body["data"]["alerts"][0];
        let text = |key: &str| alert[key].as_str().unwrap_or("?").to_owned();
        (id, format!("{} {}", text("state"), text("deviceId")))
    };
    hook.taken()
        .iter()
        .map(|hooked| of(hooked.json()))
        .collect()
}

#[test]
fn a_channel_that_is_down_is_notified_later_and_holds_up_nobody() {
    let (down, up) = (Hook::start(), Hook::start());
    down.answer(500);
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let secret = folder.path().join("hook.secret");
    fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("it is writable");
    let channels = format!(
        "{}secret_file = \"{}\"\n{}",
        down.channel("down"),
        secret.display(),
        up.channel("up")
    );
    let weir = Weir::start(spec(&channels).allow("a channel does not deliver"));
    read(&weir, "pump-1", 95.0);
    up.wait_taken(1);
    read(&weir, "pump-1", 20.0);
    up.wait_taken(2);
    down.wait(1);
    let unready = weir.http().get("/readyz");
    assert_eq!(unready.status, 503);
    assert!(
        unready.text().contains("channel down"),
        "{}",
        unready.text()
    );

    down.answer(200);
    down.wait_taken(2);
    assert_eq!(notified(&down).len(), 2, "{:?}", down.taken());
    // However often it was tried, it was the same notification, signed.
    let hooked = down.hooked();
    let first = |name| hooked[0].header(name);
    let taken = down.taken();
    assert_eq!(first("webhook-id"), taken[0].header("webhook-id"));
    assert!(first("webhook-signature").is_some_and(|s| s.starts_with("v1,")));
    assert_eq!(hooked[0].body, taken[0].body);
    weir.wait_recovered();
    let body = taken[0].json();
    assert_eq!(body["type"], "alarm.raised");
    let alert = &body["data"]["alerts"][0];
    assert_eq!(alert["priority"], "high");
    assert_eq!(alert["location"], "hall-2");
    let reason = alert["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("above the critical limit 90 Cel"),
        "{reason}"
    );
}

#[test]
fn a_kill_between_decision_send_and_mark_repeats_it_under_its_id() {
    let hook = Hook::start();
    let mut weir = Weir::start(spec(&hook.channel("hook")).allow("a channel does not deliver"));
    // Sent, and not yet marked.
    hook.hang();
    read(&weir, "pump-1", 95.0);
    let first = hook.wait(1)[0].header("webhook-id").map(str::to_owned);
    weir.kill9();
    hook.answer(503);
    weir.restart_unready();
    hook.wait(2);
    // Decided, and never sent.
    read(&weir, "pump-1", 20.0);
    read(&weir, "pump-2", 95.0);
    weir.wait_count("SELECT count(*) FROM alerts", 3);
    weir.kill9();
    hook.answer(200);
    weir.restart();
    let taken = hook.wait_taken(3);
    assert_eq!(taken[0].header("webhook-id").map(str::to_owned), first);
    let all: BTreeSet<String> = notified(&hook).into_iter().map(|(_, what)| what).collect();
    let expect = ["cleared pump-1", "raised pump-1", "raised pump-2"];
    assert_eq!(all, expect.map(str::to_owned).into());
    assert_eq!(notified(&hook).len(), 3, "one id each");
}

#[test]
fn what_a_channel_refuses_is_kept_and_can_be_sent_again() {
    let hook = Hook::start();
    hook.answer(422);
    let spec = spec(&hook.channel("hook")).allow("a notification goes to the dead letters");
    let weir = Weir::start(spec);
    read(&weir, "pump-1", 95.0);
    hook.wait(1);
    let mut letters = Value::Null;
    wait_until("it is a dead letter", DEADLINE, || {
        letters = weir.http().get("/api/v1/alarms/dead-letters").json();
        letters["deadLetters"]
            .as_array()
            .is_some_and(|l| l.len() == 1)
    });
    let letter = &letters["deadLetters"][0];
    assert_eq!(letter["reason"], "it answered 422: ok");
    hook.answer(200);
    let retried = weir.command(&["alarms", "retry", &letter["n"].to_string()]);
    assert!(retried.status.success(), "{retried:?}");
    hook.wait_taken(1);
    let empty = weir.command(&["alarms", "dead-letters"]);
    assert_eq!(String::from_utf8_lossy(&empty.stdout), "no dead letters\n");
}

#[test]
fn the_test_button_says_what_is_wrong() {
    let hook = Hook::start();
    let refused = hook.channel("inside").replace("allow_private = true\n", "");
    let weir = Weir::start(spec(&format!("{}{refused}", hook.channel("hook"))));
    let test = |name: &str| {
        let output = weir.command(&["alarms", "test-channel", name]);
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (worked, text) = test("hook");
    assert!(
        worked && text.contains("accepted the test notification"),
        "{text}"
    );
    assert_eq!(hook.wait_taken(1)[0].json()["type"], "alarm.test");
    // Alerts by MQTT need no channel, and can be tested like one.
    let operations = Subscriber::new(weir.mqtt(), &["alerts/#"]);
    let (worked, text) = test("mqtt");
    assert!(worked && text.contains("alerts/warning/weir"), "{text}");
    let alert = &operations.wait_json("alerts/warning/weir", 1)[0];
    assert_eq!(
        (&alert["function"], &alert["deviceId"]),
        (&json!("test"), &json!("weir"))
    );
    // What leads into this machine takes a word from whoever configures it.
    let (worked, text) = test("inside");
    assert!(!worked && text.contains("allow_private"), "{text}");
    let (worked, text) = test("fax");
    assert!(
        !worked && text.contains("there are: hook, inside, mqtt"),
        "{text}"
    );
    // Nor does a redirect lead anywhere.
    hook.answer(302);
    let (worked, text) = test("hook");
    assert!(!worked && text.contains("not followed"), "{text}");
    assert_eq!(hook.hooked().len(), 2);
}

/// Alertmanager and Weir show the same alarms.
#[track_caller]
fn check_same(weir: &Weir, alertmanager: &Alertmanager) {
    let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    let mut same = || {
        let open = weir.http().get("/api/v1/alarms?state=active").json();
        let alarms = open["alarms"].as_array().cloned().unwrap_or_default();
        let show = |alarm: &Value| {
            let text = |key: &str| alarm[key].as_str().unwrap_or("?").to_owned();
            let severity = text("severity").to_lowercase();
            format!("{} {} {severity}", text("deviceId"), text("sensor"))
        };
        ours = alarms.iter().map(show).collect();
        theirs = alertmanager.labels();
        ours == theirs
    };
    let begun = std::time::Instant::now();
    while !same() {
        assert!(
            begun.elapsed() < DEADLINE,
            "Weir {ours:?}, Alertmanager {theirs:?}"
        );
        std::thread::yield_now();
    }
}

#[test]
#[ignore = "needs prometheus-alertmanager"]
fn alertmanager_shows_the_alarms_that_weir_shows_at_every_step() {
    let mut alertmanager = Alertmanager::start();
    let url = alertmanager.url();
    let channel = format!(
        "[[channel]]\nname = \"am\"\nkind = \"alertmanager\"\nurl = \"{url}\"\nresend = \"1s\"\n\
         allow_private = true\n"
    );
    let spec = spec(&channel).allow("a channel does not deliver");
    let mut weir = Weir::start(spec);
    read(&weir, "pump-1", 85.0);
    read(&weir, "pump-2", 95.0);
    weir.wait_alarms("state=active", 2);
    check_same(&weir, &alertmanager);
    let active = alertmanager.active();
    let summary = active[0]["annotations"]["summary"]
        .as_str()
        .unwrap_or_default();
    assert!(summary.starts_with("pump-"), "{active:?}");

    // Another severity is another alert there; the one before it is resolved.
    read(&weir, "pump-1", 95.0);
    read(&weir, "pump-2", 20.0);
    weir.wait_alarms("state=active&severity=critical", 1);
    check_same(&weir, &alertmanager);

    // It loses everything, and is sent everything again.
    alertmanager.kill9();
    read(&weir, "pump-3", 95.0);
    alertmanager.resume();
    check_same(&weir, &alertmanager);

    // An alarm is over while Weir is down and while Alertmanager is.
    weir.kill9();
    weir.restart_unready();
    read(&weir, "pump-1", 20.0);
    check_same(&weir, &alertmanager);
    alertmanager.kill9();
    read(&weir, "pump-3", 20.0);
    weir.wait_alarms("state=active", 0);
    weir.kill9();
    alertmanager.resume();
    weir.restart();
    check_same(&weir, &alertmanager);
    assert_eq!(alertmanager.labels(), BTreeSet::new());
}

//! Shadows on a disk that fails, and in a process that dies at a chosen call.

use serde_json::{Value, json};
use weir_tests::{Broker, DEADLINE, Site, Subscriber, Weir, WeirSpec, wait_until};

const DATABASE: &str = "shadows.redb";
const UPDATES: usize = 24;

/// Updates by HTTP, each of a key of its own; what of them was accepted, and
/// the last version. Ends early when Weir does.
fn update(weir: &Weir, round: &str) -> (Vec<String>, u64) {
    let (mut accepted, mut version) = (Vec::new(), 0);
    for n in 0..UPDATES {
        let key = format!("{round}-{n}");
        let body = json!({"state": {"reported": {&key: n}}}).to_string();
        let sent = weir
            .http()
            .send("POST", "/things/lamp/shadow", "*/*", body.as_bytes());
        match sent {
            Ok(answer) if answer.status == 200 => {
                version = answer.json()["version"].as_u64().expect("it has a version");
                accepted.push(key);
            }
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => break,
        }
    }
    (accepted, version)
}

#[track_caller]
fn assert_kept(weir: &Weir, accepted: &[String], version: u64, what: &str) {
    if accepted.is_empty() {
        return;
    }
    let whole = weir.http().get("/things/lamp/shadow").expect(200).json();
    let reported = &whole["state"]["reported"];
    for key in accepted {
        assert_ne!(reported[key], Value::Null, "{what}: {key} is lost: {whole}");
    }
    assert!(
        whole["version"].as_u64() >= Some(version),
        "{what}: {whole}"
    );
}

/// Dies at the `nth` such call of a thread on the shadows' database, with
/// updates by HTTP and by MQTT under way.
fn dies_at(calls: &str, nth: u32) {
    let fault = format!("signal=SIGKILL:when={nth}");
    let faulty = WeirSpec::embedded().inject_into(DATABASE, calls, &fault);
    let mut weir = Weir::launch(faulty);
    let (mut accepted, mut version) = (Vec::new(), 0);
    if weir.ready_or_ended() {
        (accepted, version) = update(&weir, "a");
    }
    weir.kill9();
    weir.restart_with(WeirSpec::embedded());
    assert_kept(&weir, &accepted, version, &format!("{calls} {nth}"));
    // And it goes on from there.
    let (more, newest) = update(&weir, "b");
    assert_eq!(more.len(), UPDATES, "{calls} {nth}");
    assert!(newest >= version + UPDATES as u64, "{calls} {nth}");
    accepted.extend(more);
    assert_kept(&weir, &accepted, newest, &format!("{calls} {nth}"));
}

#[test]
#[ignore = "needs strace"]
fn a_death_at_any_sync_of_the_shadows_loses_no_accepted_update() {
    for nth in 1..=14 {
        dies_at("fsync,fdatasync", nth);
    }
}

#[test]
#[ignore = "needs strace"]
fn a_death_at_any_write_of_the_shadows_loses_no_accepted_update() {
    for nth in (1..=40).step_by(3) {
        dies_at("pwrite64,write,ftruncate", nth);
    }
}

#[test]
#[ignore = "needs strace"]
fn what_the_disk_refuses_is_answered_with_500_and_changes_nothing() {
    let allowed = |spec: WeirSpec| spec.allow("shadow").allow("EIO");
    let mut weir = Weir::start(allowed(WeirSpec::embedded()));
    let (accepted, version) = update(&weir, "good");
    assert_eq!(accepted.len(), UPDATES);
    assert_eq!(weir.sigterm(), weir_tests::Exit::Code(0));
    let faulty =
        WeirSpec::embedded().inject_into(DATABASE, "fsync,fdatasync", "error=EIO:when=30+");
    weir.restart_with(allowed(faulty));
    let body = r#"{"state": {"reported": {"bad": 1}}}"#;
    let mut refused = Value::Null;
    wait_until("the disk fails", DEADLINE, || {
        let answer = weir.http().post("/things/lamp/shadow", body);
        assert!([200, 500].contains(&answer.status), "{}", answer.text());
        refused = answer.json();
        answer.status == 500
    });
    assert_eq!(
        (&refused["code"], &refused["message"]),
        (&json!(500), &json!("Internal service failure"))
    );
    weir.kill9();
    weir.restart_with(allowed(WeirSpec::embedded()));
    assert_kept(&weir, &accepted, version, "after a failed sync");
}

/// Numbered updates by MQTT from several clients; each one that was accepted is
/// present after the kill, at whichever call that was.
#[test]
#[ignore = "needs strace"]
fn a_death_amid_updates_by_mqtt_loses_no_accepted_one() {
    const TOPIC: &str = "$aws/things/lamp/shadow/update";
    for nth in [9, 12, 15] {
        let fault = format!("signal=SIGKILL:when={nth}");
        let mut site = Site::start(Broker::Embedded, |spec| {
            spec.with("[shadows]\nmax_inflight = 1000\n").inject_into(
                DATABASE,
                "fsync,fdatasync",
                &fault,
            )
        });
        let client = Subscriber::new(site.mqtt(), &["$aws/things/lamp/shadow/update/accepted"]);
        let mut sent = 0;
        wait_until("it dies", DEADLINE, || {
            let body = json!({"state": {"reported": {format!("k{sent}"): sent}}});
            client.publish(TOPIC, &body.to_string());
            sent += 1;
            site.weir.process().ended().is_some()
        });
        let accepted = client.received();
        drop(client);
        site.weir.kill9();
        site.weir.restart_with(WeirSpec::embedded());
        let keys: Vec<String> = accepted
            .iter()
            .flat_map(|message| {
                let state = message.json()["state"]["reported"].clone();
                let members = state.as_object().cloned().unwrap_or_default();
                members.into_iter().map(|(key, _)| key)
            })
            .collect();
        assert_kept(&site.weir, &keys, keys.len() as u64, &format!("MQTT {nth}"));
    }
}

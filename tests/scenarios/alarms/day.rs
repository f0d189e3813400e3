//! A day of alarms in seconds: chatter, a flood, a gateway that is down, channels
//! that are down, kills, and clocks that jump, Weir's and a device's. Weir's clock
//! is that of the day. It ends with every episode raised once and cleared once,
//! everybody notified at least once under one id, Alertmanager showing at every step
//! what Weir shows, and figures equal to a count by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_model::Timestamp;
use weir_tests::{Alertmanager, Clock, DEADLINE, Hook, Weir, WeirSpec, effort, now_ms, wait_until};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Alarms of the flood; one in `EVERY` is critical.
const VALVES: usize = 5_000;
const EVERY: usize = 50;
/// Events in one request.
const PART: usize = 2_500;

const SECTIONS: &str = r#"
[[route]]
topic = "plant"
codec = "json"

[[function]]
name = "hot"
kind = "threshold"
sensor = "temperature"
warning_high = 80.0
critical_high = 90.0
deadband = 5.0
on_delay = "1m"

[[function]]
name = "offline"
kind = "threshold"
device = "gateway-*"
sensor = "down"
critical_high = 0.5

[[function]]
name = "pressure"
kind = "threshold"
sensor = "pressure"
warning_high = 10.0
critical_high = 20.0

[[function]]
name = "contact"
kind = "threshold"
sensor = "contact"
warning_high = 0.5

[[inhibit]]
by_function = "offline"
same = ["location"]

[alarms]
operators = 2

[watchdog]
alerts = false
"#;

struct Day {
    weir: Weir,
    alertmanager: Alertmanager,
    hook: Hook,
    clock: Clock,
    /// 00:00 of yesterday, UTC.
    midnight: i64,
    transitions: u64,
    /// When the parts of the flood were sent.
    flooded: Vec<Instant>,
}

impl Day {
    #[track_caller]
    fn start() -> Self {
        let (alertmanager, hook, clock) = (Alertmanager::start(), Hook::start(), Clock::start());
        let channels = format!(
            "{}[[channel]]\nname = \"am\"\nkind = \"alertmanager\"\nurl = \"{}\"\nresend = \"1s\"\n\
             allow_private = true\n",
            hook.channel("hook"),
            alertmanager.url()
        );
        let spec = WeirSpec::embedded().with(SECTIONS).with(&channels);
        let spec = spec.allow("a channel does not deliver");
        let day = 24 * HOUR;
        let midnight = now_ms() / day * day - day;
        clock.set(&clock_text(midnight - 30 * MINUTE));
        Self {
            weir: Weir::start(clock.apply(spec)),
            alertmanager,
            hook,
            clock,
            midnight,
            transitions: 0,
            flooded: Vec::new(),
        }
    }

    /// Weir's clock stands at so many minutes after midnight.
    fn at(&self, minute: i64) {
        self.clock.set(&clock_text(self.midnight + minute * MINUTE));
    }

    /// Readings of one sensor: (device, place, seconds after midnight, value).
    #[track_caller]
    fn send_seconds(&self, sensor: &str, readings: &[(&str, &str, i64, f64)]) {
        let event = |(device, place, second, value): &(&str, &str, i64, f64)| {
            json!({"deviceId": device, "timestamp": self.midnight + second * 1_000,
                   "data": [{"sensorId": sensor, "value": value, "location": place}]})
        };
        let events: Vec<Value> = readings.iter().map(event).collect();
        let path = "/api/v1/ingest/plant?wait=processed";
        let answer = self.weir.http().post(path, json!(events).to_string());
        answer.expect(200);
    }

    /// The same in minutes.
    #[track_caller]
    fn send(&self, sensor: &str, readings: &[(&str, &str, i64, f64)]) {
        let seconds = readings
            .iter()
            .map(|(d, p, minute, v)| (*d, *p, minute * 60, *v));
        self.send_seconds(sensor, &seconds.collect::<Vec<_>>());
    }

    /// So many more transitions than before, and none besides.
    #[track_caller]
    fn expect(&mut self, more: u64) {
        self.transitions += more;
        let count = "SELECT count(*) FROM alerts";
        self.weir.wait_count(count, self.transitions);
    }

    /// Alertmanager has as many as Weir shows open and not held back.
    #[track_caller]
    fn check_same(&self, expect: usize) {
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        wait_until(&format!("both show {expect}"), DEADLINE, || {
            let open = "/api/v1/alarms?state=open&limit=100000";
            let open = self.weir.http().get(open).json();
            let open = open["alarms"].as_array().cloned().unwrap_or_default();
            let silent = ["shelved", "suppressed", "out-of-service"];
            let shown = open
                .iter()
                .filter(|alarm| !silent.contains(&alarm["lifecycle"].as_str().unwrap_or("?")));
            let name = |device: &Value, severity: &Value| {
                let text = |value: &Value| value.as_str().unwrap_or("?").to_lowercase();
                format!("{} {}", text(device), text(severity))
            };
            ours = shown
                .map(|alarm| name(&alarm["deviceId"], &alarm["severity"]))
                .collect();
            let alerts = self.alertmanager.active();
            theirs = alerts
                .iter()
                .map(|alert| name(&alert["labels"]["device"], &alert["labels"]["severity"]))
                .collect();
            ours.len() == expect && ours == theirs
        });
    }

    /// The id of the open alarm of a device.
    #[track_caller]
    fn open_alarm(&self, device: &str) -> String {
        let open = format!("state=open&device={device}");
        let alarm = self.weir.wait_alarms(&open, 1).remove(0);
        alarm["alarmId"].as_str().expect("it has an id").to_owned()
    }

    /// `weir alarms …`, which must work.
    #[track_caller]
    fn operator(&self, args: &[&str]) {
        let args = [&["alarms"], args, &["--by", "ann"]].concat();
        let output = self.weir.command(&args);
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
}

/// As [`Clock::set`] takes it.
fn clock_text(millis: i64) -> String {
    let time = Timestamp::from_millis(millis).expect("it is in this century");
    time.to_rfc3339()[..19].replace('T', " ")
}

#[test]
#[ignore = "needs prometheus-alertmanager and libfaketime"]
fn a_day_of_alarms_ends_with_each_episode_told_once() {
    let mut day = Day::start();
    // The evening before: it stands all day.
    day.send("pressure", &[("fan-1", "hall-1", -60, 25.0)]);
    day.expect(1);
    day.check_same(1);
    chatter(&mut day);
    gateway(&mut day);
    shelved_and_silenced(&mut day);
    channels_down(&mut day);
    clocks_jump(&mut day);
    flood(&mut day);
    check_notified(&day);
    check_prompt(&day);
    check_figures(&day);
}

/// 01:00 to 02:40: chatter that the deadband and the on-delay take, and some that
/// nothing takes; acknowledged, escalated, delivered twice and late.
fn chatter(day: &mut Day) {
    day.at(66);
    let swing = |nth: i64| {
        let value = if nth % 2 == 0 { 81.0 } else { 78.0 };
        ("pump-1", "hall-1", 60 + nth, value)
    };
    let swings: Vec<_> = (0..20).map(swing).collect();
    day.send("temperature", &swings);
    day.expect(1);
    day.check_same(2);
    day.operator(&["ack", &day.open_alarm("pump-1")]);
    day.at(90);
    day.send("temperature", &swings[..10]);
    day.send("temperature", &[("pump-1", "hall-1", 30, 99.0)]);
    day.expect(0);
    day.send("temperature", &[("pump-1", "hall-1", 90, 50.0)]);
    day.expect(1);
    day.check_same(1);

    // A door bangs: four times in forty seconds.
    day.at(120);
    let bang = |nth: i64| ("door-1", "hall-2", 7_200 + 5 * nth, f64::from(nth % 2 == 0));
    day.send_seconds("contact", &(0..8).map(bang).collect::<Vec<_>>());
    day.expect(8);
    day.check_same(1);

    // From warning to critical is another alert there.
    let hot = |minute: i64, value: f64| ("pump-2", "hall-1", minute, value);
    day.at(152);
    day.send("temperature", &[hot(150, 85.0), hot(152, 85.0)]);
    day.expect(1);
    day.check_same(2);
    day.send("temperature", &[hot(153, 95.0), hot(155, 95.0)]);
    day.expect(1);
    day.check_same(2);
    day.at(162);
    day.operator(&["ack", &day.open_alarm("pump-2")]);
    day.send("temperature", &[hot(163, 20.0)]);
    day.expect(1);
    day.check_same(1);
}

/// 03:00: a gateway is down and so are its devices: one notification.
fn gateway(day: &mut Day) {
    day.at(180);
    day.send("down", &[("gateway-1", "hall-3", 180, 1.0)]);
    day.expect(1);
    let devices: Vec<String> = (0..20).map(|n| format!("tank-{n}")).collect();
    let all = |minute: i64, value: f64| -> Vec<(&str, &str, i64, f64)> {
        let devices = devices.iter();
        devices
            .map(|d| (d.as_str(), "hall-3", minute, value))
            .collect()
    };
    day.send("pressure", &all(181, 25.0));
    day.expect(20);
    day.check_same(2);
    day.at(200);
    day.send("pressure", &all(200, 5.0));
    day.send("down", &[("gateway-1", "hall-3", 201, 0.0)]);
    day.expect(21);
    day.check_same(1);
}

/// 04:00: shelved in Weir for an hour, then silenced in Alertmanager.
fn shelved_and_silenced(day: &mut Day) {
    day.at(240);
    day.send("pressure", &[("press-2", "hall-4", 240, 25.0)]);
    day.expect(1);
    day.check_same(2);
    day.operator(&["shelve", &day.open_alarm("press-2"), "--duration", "1h"]);
    day.check_same(1);
    day.at(301);
    day.check_same(2);
    day.alertmanager.silence("press-2");
    wait_until("it is silenced there", DEADLINE, || {
        day.alertmanager.state("press-2").as_deref() == Some("suppressed")
    });
    day.check_same(2);
    day.send("pressure", &[("press-2", "hall-4", 310, 5.0)]);
    day.expect(1);
    day.check_same(1);
}

/// 06:00: all channels are down for hours, and Weir is killed meanwhile: after the
/// decision, and while a delivery is under way.
fn channels_down(day: &mut Day) {
    day.at(360);
    day.hook.answer(503);
    day.alertmanager.kill9();
    day.send("pressure", &[("press-1", "hall-4", 360, 25.0)]);
    day.expect(1);
    day.weir.kill9();
    day.weir.restart_unready();
    wait_until("both channels are said to be down", DEADLINE, || {
        let text = day.weir.http().get("/readyz").text();
        text.contains("channel hook") && text.contains("channel am")
    });
    day.hook.hang();
    day.at(420);
    day.send("pressure", &[("press-1", "hall-4", 420, 5.0)]);
    day.expect(1);
    let hung = day.hook.hooked().len();
    day.hook.wait(hung + 1);
    day.weir.kill9();
    day.hook.answer(200);
    day.alertmanager.resume();
    day.weir.restart();
    day.check_same(1);
}

/// 08:00: Weir's clock is an hour ahead, then an hour behind; then a device's is two
/// hours ahead, and set right.
fn clocks_jump(day: &mut Day) {
    day.at(540);
    day.send("pressure", &[("press-4", "hall-4", 480, 25.0)]);
    day.expect(1);
    day.check_same(2);
    day.at(420);
    day.check_same(2);
    day.send("pressure", &[("press-5", "hall-4", 481, 25.0)]);
    day.expect(1);
    day.check_same(3);
    day.weir.kill9();
    day.weir.restart();
    day.check_same(3);
    day.send("pressure", &[("press-4", "hall-4", 485, 5.0)]);
    day.at(490);
    day.send("pressure", &[("press-5", "hall-4", 490, 5.0)]);
    day.expect(2);
    day.check_same(1);

    let hot = |minute: i64, value: f64| ("pump-5", "hall-1", minute, value);
    day.send("temperature", &[hot(620, 85.0), hot(622, 85.0)]);
    day.expect(1);
    day.check_same(2);
    day.send("temperature", &[hot(625, 20.0)]);
    day.expect(1);
    // What it says until it is as late again was before: it is stored, and no alarm.
    day.send(
        "temperature",
        &[hot(510, 85.0), hot(512, 85.0), hot(513, 20.0)],
    );
    // A reading too far ahead is refused, and clears nothing.
    day.send("temperature", &[hot(515 + 48 * 60, 20.0)]);
    day.expect(0);
    day.check_same(1);
    day.at(630);
    day.send("temperature", &[hot(630, 85.0), hot(632, 85.0)]);
    day.expect(1);
    day.check_same(2);
    day.send("temperature", &[hot(640, 20.0)]);
    day.expect(1);
    day.check_same(1);
}

/// 12:00: 5,000 alarms in a minute, a hundred of them critical; an hour later they
/// are over.
fn flood(day: &mut Day) {
    let valves: Vec<String> = (0..VALVES).map(|n| format!("valve-{n}")).collect();
    for minute in [720, 780] {
        day.at(minute);
        for (part, valves) in valves.chunks(PART).enumerate() {
            let reading = |(nth, valve)| {
                let second = 60 * minute + (60 * (PART * part + nth) / VALVES) as i64;
                let value = match (minute, nth % EVERY) {
                    (720, 0) => 25.0,
                    (720, _) => 11.0,
                    _ => 5.0,
                };
                (valve, "hall-5", second, value)
            };
            let valves = valves.iter().map(String::as_str).enumerate();
            let readings: Vec<_> = valves.map(reading).collect();
            if minute == 720 {
                day.flooded.push(Instant::now());
            }
            day.send_seconds("pressure", &readings);
        }
        day.expect(VALVES as u64);
        day.check_same(if minute == 720 { VALVES + 1 } else { 1 });
    }
}

/// Every episode once, each notified under one id.
#[track_caller]
fn check_notified(day: &Day) {
    // fan-1, pump-1, the door, pump-2, the gateway, its tanks, press-2, -1, -4 and
    // -5, pump-5 twice, the valves. All but the fan's are over.
    let episodes = 1 + 1 + 4 + 1 + 1 + 20 + 4 + 2 + VALVES as u64;
    for (state, expect) in [("raised", episodes), ("cleared", episodes - 1)] {
        let count = "SELECT count(DISTINCT alarm_id) FROM alerts WHERE state = ";
        let found = day.weir.count(&format!("{count}'{state}'"));
        assert_eq!(found, expect, "{state}");
    }
    // One escalation; the tanks behind the gateway were not notified.
    assert_eq!(day.transitions, 2 * episodes - 1 + 1);
    let notified = day.transitions as usize - 40;
    let mut by_alert: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut acknowledged = BTreeSet::new();
    wait_until("everything is delivered", 4 * DEADLINE, || {
        by_alert.clear();
        for one in day.hook.taken() {
            let body = one.json();
            let id = one.header("webhook-id").unwrap_or_default().to_owned();
            if body["type"] == "alarm.acknowledged" {
                acknowledged.insert(id);
                continue;
            }
            let alert = body["data"]["alerts"][0]["id"].to_string();
            by_alert.entry(alert).or_default().insert(id);
        }
        by_alert.len() >= notified
    });
    assert_eq!((by_alert.len(), acknowledged.len()), (notified, 2));
    assert!(by_alert.values().all(|ids| ids.len() == 1), "one id each");
}

/// How long critical alarms of the flood took from their reading to the receiver.
/// That it is 2 s at p99 is asserted at full effort: another machine's load is no
/// fault of what is tested here, where the order is (`alarm_priority.rs`).
#[track_caller]
fn check_prompt(day: &Day) {
    let mut took: Vec<Duration> = Vec::new();
    for one in day.hook.taken() {
        let alert = &one.json()["data"]["alerts"][0];
        let valve = alert["deviceId"].as_str().unwrap_or_default();
        let Some(nth) = valve.strip_prefix("valve-") else {
            continue;
        };
        if alert["state"] == "raised" && alert["severity"] == "CRITICAL" {
            let nth: usize = nth.parse().expect("valves have numbers");
            took.push(one.at - day.flooded[nth / PART]);
        }
    }
    took.sort_unstable();
    assert_eq!(took.len(), VALVES / EVERY);
    let p99 = took[(took.len() * 99).div_ceil(100) - 1];
    eprintln!(
        "critical alarms in a flood of {VALVES}: p50 {:.2?}, p99 {p99:.2?}, all {:.2?}",
        took[took.len() / 2],
        took[took.len() - 1]
    );
    assert!(
        p99 <= effort(2 * DEADLINE, Duration::from_secs(2)),
        "{p99:?}"
    );
}

/// The figures of the day, as counted by hand.
#[track_caller]
fn check_figures(day: &Day) {
    let time = |hours: i64| {
        let time = Timestamp::from_millis(day.midnight + hours * HOUR);
        time.expect("it is in this century").to_rfc3339()
    };
    let (from, to) = (time(0), time(24));
    let args = ["alarms", "kpi", "--from", &from, "--to", &to, "--json"];
    let output = day.weir.command(&args);
    assert!(output.status.success(), "{output:?}");
    let kpi: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    // As in `check_notified`, without the fan's of the evening before.
    let raised = 33 + VALVES;
    assert_eq!(kpi["raised"], json!(raised));
    assert_eq!(kpi["cleared"], json!(raised));
    // The gateway, its tanks, four presses, and one valve in fifty.
    assert_eq!(kpi["critical"], json!(1 + 20 + 4 + VALVES / EVERY));
    let close = |key: &str, expect: f64| {
        let found = kpi[key].as_f64().unwrap_or_default();
        assert!(
            (found - expect).abs() < 1e-9,
            "{key}: {found}, not {expect}"
        );
    };
    close("perHour", raised as f64 / 24.0);
    close("perHourAndOperator", raised as f64 / 24.0 / 2.0);
    assert_eq!(kpi["peakPerTenMinutes"], json!(VALVES));

    // More than ten per operator in ten minutes: the gateway with its tanks, and
    // the valves; ten minutes each.
    let minute = |minute: i64| json!(day.midnight + minute * MINUTE);
    let flood = |from: i64, alarms: usize| json!({"from": minute(from), "to": minute(from + 10), "alarms": alarms});
    assert_eq!(kpi["floods"], json!([flood(180, 21), flood(720, VALVES)]));
    close("percentInFlood", 20.0 * 100.0 / (24.0 * 60.0));

    let actors = kpi["worstActors"].as_array().expect("there are some");
    let counts: Vec<&Value> = actors.iter().map(|actor| &actor["alarms"]).collect();
    assert_eq!(json!(counts), json!([4, 2, 1, 1, 1, 1, 1, 1, 1, 1]));
    assert_eq!(
        (&actors[0]["device"], &actors[1]["device"]),
        (&json!("door-1"), &json!("pump-5"))
    );
    close("worstActorsPercent", 14.0 * 100.0 / raised as f64);
    let door = json!([{"device": "door-1", "sensor": "contact", "function": "contact",
                       "mostPerMinute": 4}]);
    assert_eq!(kpi["chattering"], door);

    assert_eq!(kpi["standing"], json!(1));
    let stale = kpi["stale"].as_array().expect("it is a list");
    let stale: Vec<_> = stale
        .iter()
        .map(|a| (&a["device"], &a["raisedAt"]))
        .collect();
    assert_eq!(stale, [(&json!("fan-1"), &minute(-60))]);

    // pump-1: raised at 01:01, acknowledged at 01:06; pump-2: 02:32 and 02:42.
    assert_eq!(kpi["acknowledged"], json!(2));
    let spread = json!({"mean": 450.0, "median": 300.0, "p90": 600.0, "max": 600.0});
    assert_eq!(kpi["timeToAcknowledge"], spread);
}

//! A day of alarms in seconds: chatter, a flood, a gateway that is down, channels
//! that are down, kills, and clocks that jump, Weir's and a device's. Weir's clock
//! is that of the day. It ends with every episode raised once and cleared once,
//! everybody notified at least once under one id, Alertmanager showing at every step
//! what Weir shows, and figures equal to a count by hand.

mod checks;
mod hours;

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};
use weir_model::Timestamp;
use weir_tests::{Alertmanager, Clock, DEADLINE, Hook, Weir, WeirSpec, now_ms, wait_until};

use checks::{check_figures, check_notified, check_prompt};
use hours::{channels_down, chatter, clocks_jump, flood, gateway, shelved_and_silenced};

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
longest_gap = "10m"

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
            let open = "/api/v1/alarms?state=active&limit=100000";
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
        let open = format!("state=active&device={device}");
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
fn a_day_of_alarms_ends_with_each_episode_notified_once() {
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

//! Silence on a host without ticks: a schedule calls once a minute.

use serde_json::json;
use weir_model::AlertState;

use super::*;
use crate::state::in_memory::InMemory;

const CONFIG: &str = "[[function]]\nname = \"offline\"\nkind = \"absence\"\nafter = \"2m\"\n\
                      expect = [\"ghost\"]\n\
                      [[function]]\nname = \"slow\"\nkind = \"absence\"\nafter = \"2m\"\n\
                      device = \"p1\"\non_delay = \"90s\"\n";
const SECOND: i64 = 1_000_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp(START.0 + seconds * SECOND)
}

struct Bench {
    recorded: Arc<Recorded>,
    handler: Handler,
    sent: u64,
}

impl Bench {
    fn new() -> Self {
        let settings = settings(CONFIG);
        let recorded = recorded(&settings);
        let store = Arc::new(InMemory::default());
        Self {
            handler: handler(&settings, &recorded, Some(store)),
            recorded,
            sent: 0,
        }
    }

    fn send(&mut self, device: &str, seconds: i64) {
        self.sent += 1;
        let wrapped = json!({"topic": format!("devices/{device}/telemetry"),
            "payload": "eyJ0IjogMX0=", "received": at(seconds).millis()});
        result(&self.handler, &wrapped, &format!("m-{}", self.sent));
    }

    fn tick(&self, seconds: i64) {
        let event = json!({"weir": "tick", "time": at(seconds).to_rfc3339()});
        assert_eq!(result(&self.handler, &event, "tick")["failed"], 0);
    }

    /// Function, device, state, and seconds since the start, of what was published.
    fn alerts(&self) -> Vec<(String, String, AlertState, i64)> {
        let alerts = self.recorded.take().alerts.into_iter();
        let mut alerts: Vec<_> = alerts
            .map(|alert| {
                let seconds = (alert.timestamp - START.millis()) / 1_000;
                (alert.function, alert.device_id, alert.state, seconds)
            })
            .collect();
        alerts.sort_by(|a, b| (a.3, &a.0).cmp(&(b.3, &b.0)));
        alerts
    }
}

fn alert(
    function: &str,
    device: &str,
    state: AlertState,
    s: i64,
) -> (String, String, AlertState, i64) {
    (function.to_owned(), device.to_owned(), state, s)
}

#[test]
fn a_device_that_stops_is_raised_when_it_is_due_and_cleared_when_it_sends() {
    let mut bench = Bench::new();
    for seconds in (0..=100).step_by(10) {
        bench.send("p1", seconds);
    }
    for minute in 2..60 {
        bench.tick(minute * 60 + 7);
    }
    bench.send("p1", 3_600);
    for minute in 61..63 {
        bench.tick(minute * 60);
    }
    let (raised, cleared) = (AlertState::Raised, AlertState::Cleared);
    let found: Vec<_> = bench
        .alerts()
        .into_iter()
        .filter(|(_, device, ..)| device == "p1")
        .collect();
    assert_eq!(
        found,
        [
            alert("offline", "p1", raised, 220),
            alert("slow", "p1", raised, 310),
            alert("offline", "p1", cleared, 3_600),
            alert("slow", "p1", cleared, 3_600),
        ]
    );
}

#[test]
fn a_message_that_comes_before_the_sweep_does_not_hide_the_silence() {
    let mut bench = Bench::new();
    bench.send("p2", 0);
    bench.send("p2", 600);
    let found = bench.alerts();
    assert_eq!(
        found,
        [
            alert("offline", "p2", AlertState::Raised, 120),
            alert("offline", "p2", AlertState::Cleared, 600),
        ]
    );
}

#[test]
fn a_device_that_is_expected_and_never_sends_is_raised_once() {
    let bench = Bench::new();
    for minute in 0..10 {
        bench.tick(minute * 60);
    }
    assert_eq!(
        bench.alerts(),
        [alert("offline", "ghost", AlertState::Raised, 120)]
    );
}

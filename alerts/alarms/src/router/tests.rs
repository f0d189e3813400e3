use proptest::prelude::*;
use weir_config::Config;
use weir_model::{AlertKind, Severity};

use super::*;
use crate::stored_alert::StoredAlert;

const CHANNELS: &str = r#"
[[channel]]
name = "a"
kind = "webhook"
url = "https://a.example"

[[channel]]
name = "b"
kind = "webhook"
url = "https://b.example"

[[channel]]
name = "am"
kind = "alertmanager"
url = "https://am.example"
"#;

/// A router and its clock, in seconds.
struct Bench {
    router: Router,
    now: i64,
}

impl Bench {
    fn new(config: &str) -> Self {
        let config = Config::from_toml(&format!("{CHANNELS}{config}"))
            .unwrap_or_else(|problems| panic!("{problems:#?}"));
        let router = Router::new(Policy::new(&config));
        Self { router, now: 0 }
    }

    fn now(&self) -> Now {
        let wall_ms = 1_790_000_000_000 + self.now * 1_000;
        Now {
            steady_ms: wall_ms,
            wall_ms,
        }
    }

    /// `raised warning pump-1/temperature hall` and so on; the alarm's id is the
    /// device, the sensor and the function.
    fn alert(&mut self, text: &str) -> &mut Self {
        let alert = alert(text, self.now);
        self.router.on_alert(&alert, 0, self.now());
        self
    }

    fn at(&mut self, seconds: i64) -> &mut Self {
        while self.now < seconds {
            self.now += 1;
            self.router.advance(self.now());
        }
        self
    }

    /// `channel cause: state severity device/sensor, …`, sorted.
    #[track_caller]
    fn check(&mut self, expect: &[&str]) -> &mut Self {
        let decisions = self.router.take_decisions();
        let mut found: Vec<String> = decisions.notifications.iter().map(show).collect();
        found.sort();
        assert_eq!(found, expect, "at {} s", self.now);
        self
    }

    #[track_caller]
    fn shown(&self, expect: &[&str]) {
        let shown = self.router.shown_by("am");
        let ids: Vec<&str> = shown.iter().map(|t| t.alert.device_id.as_str()).collect();
        assert_eq!(ids, expect);
    }
}

fn show(notification: &Notification) -> String {
    let alerts = notification.alerts.iter().map(|notified| {
        let alert = &notified.alert;
        format!(
            "{} {} {}",
            alert.state.as_str(),
            alert.severity,
            alert.device_id
        )
    });
    let alerts: Vec<String> = alerts.collect();
    let more = match notification.more {
        0 => String::new(),
        more => format!(" +{more}"),
    };
    let (channel, cause) = (&notification.channel, notification.cause.as_str());
    format!("{channel} {cause}: {}{more}", alerts.join(", "))
}

fn alert(text: &str, now: i64) -> Alert {
    let words: Vec<&str> = text.split(' ').collect();
    let state = match words[0] {
        "raised" => AlertState::Raised,
        "escalated" => AlertState::Escalated,
        "deescalated" => AlertState::Deescalated,
        _ => AlertState::Cleared,
    };
    let severity = match words[1] {
        "critical" => Severity::Critical,
        _ => Severity::Warning,
    };
    let function = words.get(4).copied().unwrap_or("overheat");
    let timestamp = now * 1_000;
    Alert {
        id: format!("{text} {timestamp}"),
        alarm_id: format!("{} {function}", words[2]),
        kind: AlertKind::Alert,
        severity,
        state,
        device_id: words[2].to_owned(),
        sensor: "temperature".to_owned(),
        value: 1.0,
        text: None,
        threshold: None,
        function: function.to_owned(),
        location: words.get(3).map(|place| (*place).to_owned()),
        unit: None,
        timestamp,
        raised_at: timestamp,
        recorded_at: None,
        reason: text.to_owned(),
    }
}

#[test]
fn without_rules_every_channel_is_notified_of_everything_once() {
    let mut bench = Bench::new("");
    bench
        .alert("raised warning p1 hall")
        .check(&["a alerts: raised warning p1", "b alerts: raised warning p1"])
        .at(3_600)
        .check(&[])
        .alert("escalated critical p1 hall")
        .check(&[
            "a alerts: escalated critical p1",
            "b alerts: escalated critical p1",
        ]);
    bench.shown(&["p1"]);
    bench.alert("cleared critical p1 hall").check(&[
        "a alerts: cleared critical p1",
        "b alerts: cleared critical p1",
    ]);
    bench.shown(&[]);
}

#[test]
fn the_first_rule_that_selects_counts_and_the_next_if_it_says_so() {
    let rules = r#"
        [[notify]]
        severity = "critical"
        channels = ["a"]
        and_next = true
        [[notify]]
        location = "hall-*"
        channels = ["a", "b"]
        [[notify]]
        channels = []
    "#;
    Bench::new(rules)
        .alert("raised critical p1 hall-1")
        .check(&[
            "a alerts: raised critical p1",
            "b alerts: raised critical p1",
        ])
        .alert("raised critical p2 yard")
        .check(&["a alerts: raised critical p2"])
        .alert("raised warning p3 yard")
        .check(&[])
        .alert("cleared warning p3 yard")
        .check(&[])
        .alert("cleared critical p2 yard")
        .check(&["a alerts: cleared critical p2"]);
}

#[test]
fn alarms_of_one_place_are_notified_together_and_cleared_together() {
    let rules = r#"
        [[notify]]
        channels = ["a"]
        group_by = ["location"]
        group_wait = "10s"
    "#;
    Bench::new(rules)
        .alert("raised warning p1 hall")
        .at(5)
        .alert("raised critical p2 hall")
        .alert("raised warning p3 yard")
        .at(9)
        .check(&[])
        .at(11)
        .check(&["a alerts: raised warning p1, raised critical p2"])
        .at(20)
        .check(&["a alerts: raised warning p3"])
        .alert("cleared warning p1 hall")
        .alert("cleared critical p2 hall")
        .at(40)
        .check(&["a alerts: cleared warning p1, cleared critical p2"])
        // Raised and cleared during the group wait: no notification.
        .alert("raised warning p4 hall")
        .alert("cleared warning p4 hall")
        .at(60)
        .check(&[]);
}

#[test]
fn repeats_and_escalations_end_with_the_acknowledgement() {
    let rules = r#"
        [[notify]]
        channels = ["a"]
        repeat = "1h"
        escalate_after = "10m"
        escalate_to = ["b"]
    "#;
    let mut bench = Bench::new(rules);
    bench
        .alert("raised critical p1")
        .check(&["a alerts: raised critical p1"])
        .at(599)
        .check(&[])
        .at(601)
        .check(&["b escalation: raised critical p1"])
        .at(3_601)
        .check(&["a repeat: raised critical p1"]);
    let now = bench.now();
    bench
        .router
        .on_acknowledged("p1 overheat", Some("ann"), now);
    bench
        .check(&[
            "a acknowledged: raised critical p1",
            "b acknowledged: raised critical p1",
        ])
        .at(20_000)
        .check(&[])
        .alert("cleared critical p1")
        .check(&[
            "a alerts: cleared critical p1",
            "b alerts: cleared critical p1",
        ]);
}

#[test]
fn an_acknowledgement_that_is_taken_back_asks_again() {
    let mut bench = Bench::new("[[notify]]\nchannels = [\"a\"]\nrepeat = \"1m\"\n");
    bench.alert("raised critical p1");
    let now = bench.now();
    bench
        .router
        .on_acknowledged("p1 overheat", Some("ann"), now);
    bench.router.take_decisions();
    bench.at(100).check(&[]);
    bench.router.on_acknowledged("p1 overheat", None, now);
    bench.at(102).check(&["a repeat: raised critical p1"]);
}

#[test]
fn a_gateway_that_is_down_hides_its_devices_until_it_is_back() {
    let rules = r#"
        [[notify]]
        channels = ["a", "am"]
        [[inhibit]]
        by_function = "offline"
        same = ["location"]
    "#;
    let mut bench = Bench::new(rules);
    bench
        .alert("raised warning p0 hall")
        .alert("raised critical gw hall offline")
        .alert("raised critical p1 hall")
        .alert("raised critical p2 yard")
        .check(&[
            "a alerts: raised critical gw",
            "a alerts: raised critical p2",
            "a alerts: raised warning p0",
        ]);
    assert_eq!(
        bench.router.suppression("p1 overheat"),
        Some(Suppression::Inhibited)
    );
    // Alarms on the rule's own side are not inhibited by it.
    bench
        .alert("raised critical gw2 hall offline")
        .check(&["a alerts: raised critical gw2"])
        .at(5);
    bench.shown(
        &["gw2", "gw", "p2"]
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>(),
    );
    bench
        .alert("cleared critical gw2 hall offline")
        .alert("cleared warning p0 hall")
        .check(&[
            "a alerts: cleared critical gw2",
            "a alerts: cleared warning p0",
        ])
        .alert("cleared critical gw hall offline")
        .at(7)
        .check(&[
            "a alerts: cleared critical gw",
            "a alerts: raised critical p1",
        ]);
}

#[test]
fn a_critical_alarm_hides_warnings_of_the_same_sensor() {
    Bench::new("[[notify]]\nchannels = [\"a\"]\n")
        .alert("raised critical p1 hall overheat")
        .alert("raised warning p1 hall drift")
        .check(&["a alerts: raised critical p1"])
        .alert("deescalated warning p1 hall overheat")
        .at(2)
        .check(&[
            "a alerts: deescalated warning p1",
            "a alerts: raised warning p1",
        ]);
}

#[test]
fn what_is_shelved_or_in_maintenance_is_notified_when_it_is_still_open_afterwards() {
    // 1,790,000,000 s is 2026-09-21T14:13:20Z.
    let rules = r#"
        [[notify]]
        channels = ["a"]
        [[maintenance]]
        location = "hall"
        from = 2026-09-21T14:13:30Z
        to = 2026-09-21T14:13:40Z
    "#;
    let mut bench = Bench::new(rules);
    bench
        .at(10)
        .alert("raised warning p1 hall")
        .alert("raised warning p2 hall")
        .alert("cleared warning p2 hall")
        .at(19)
        .check(&[])
        .at(20)
        .check(&["a alerts: raised warning p1"]);
    let (now, p1) = (bench.now(), alert("raised warning p1 hall", 10));
    bench.router.on_shelved(&p1, now.wall_ms + 60_000, now);
    assert_eq!(
        bench.router.suppression("p1 overheat"),
        Some(Suppression::Shelved)
    );
    // A channel that was notified of it is notified of its clear.
    bench
        .alert("cleared warning p1 hall")
        .check(&["a alerts: cleared warning p1"]);
}

#[test]
fn a_flood_becomes_summaries_and_critical_ones_still_come_by_name() {
    let mut bench = Bench::new(
        "[[notify]]\nchannels = [\"s\"]\n[[channel]]\nname = \"s\"\nkind = \"slack\"\nurl = \"https://s.example\"\nstorm_above = 3\n",
    );
    for n in 0..3 {
        bench.alert(&format!("raised warning p{n}"));
    }
    bench.check(&[
        "s alerts: raised warning p0",
        "s alerts: raised warning p1",
        "s alerts: raised warning p2",
    ]);
    for n in 3..20 {
        bench.alert(&format!("raised warning p{n}"));
    }
    bench
        .alert("raised critical c1")
        .check(&["s alerts: raised critical c1"]);
    bench.at(1);
    let summary = bench.router.take_decisions().notifications;
    assert_eq!(summary.len(), 1);
    assert_eq!(
        (summary[0].cause, summary[0].alerts.len(), summary[0].more),
        (Cause::Storm, 10, 7)
    );
    // The clears of the summary's alarms are not notified.
    bench
        .alert("cleared warning p7")
        .alert("cleared warning p0")
        .check(&["s alerts: cleared warning p0"])
        .at(62)
        .check(&["s storm: "])
        .alert("raised warning p30")
        .check(&["s alerts: raised warning p30"]);
}

#[test]
fn a_storm_is_one_however_often_weir_is_restarted() {
    let rules = "[[notify]]\nchannels = [\"s\"]\n[[channel]]\nname = \"s\"\nkind = \"slack\"\nurl = \"https://s.example\"\nstorm_above = 3\n";
    let mut bench = Bench::new(rules);
    let config = Config::from_toml(&format!("{CHANNELS}{rules}")).unwrap();
    let restart = |bench: &mut Bench| {
        let storms = bench.router.storms();
        let policy = Policy::new(&config);
        bench.router = Router::restore(policy, Vec::new(), Some(&storms)).unwrap();
    };
    for n in 0..3 {
        let expect = format!("s alerts: raised warning p{n}");
        bench
            .alert(&format!("raised warning p{n}"))
            .check(&[&expect]);
        restart(&mut bench);
    }
    // The fourth within the minute, of four processes.
    bench.alert("raised warning p3").check(&[]);
    restart(&mut bench);
    bench.at(1).check(&["s storm: raised warning p3"]);
}

#[test]
fn what_is_stored_continues_where_it_was() {
    let rules = "[[notify]]\nchannels = [\"a\"]\ngroup_by = [\"location\"]\ngroup_wait = \"10s\"\n\
                 escalate_after = \"1m\"\nescalate_to = [\"b\"]\n";
    let mut bench = Bench::new(rules);
    bench
        .alert("raised warning p1 hall")
        .at(11)
        .check(&["a alerts: raised warning p1"]);
    bench.alert("raised warning p2 hall").at(15);
    bench.alert("cleared warning p1 hall");
    let config = Config::from_toml(&format!("{CHANNELS}{rules}")).unwrap();
    let stored = postcard::to_stdvec(bench.router.routed("p2 overheat").unwrap()).unwrap();
    assert_eq!(bench.router.routed("p1 overheat"), None);
    let routed = vec![postcard::from_bytes(&stored).unwrap()];
    let storms = bench.router.storms();
    bench.router = Router::restore(Policy::new(&config), routed, Some(&storms)).unwrap();
    bench
        .at(26)
        .check(&[
            "a alerts: cleared warning p1",
            "a alerts: raised warning p2",
        ])
        .at(90)
        .check(&["b escalation: raised warning p2"]);
}

/// Databases of earlier versions hold a clear that waits as a tuple.
#[test]
fn a_clear_that_waits_is_stored_in_the_layout_of_version_1() {
    type Clear = (i64, String, Vec<String>, StoredAlert);
    let mut bench = Bench::new(
        "[[notify]]\nchannels = [\"a\"]\ngroup_by = [\"location\"]\ngroup_wait = \"10s\"\n",
    );
    bench.alert("raised warning p1 hall").at(11);
    bench.alert("cleared warning p1 hall");
    let (_, clears): (BTreeMap<String, Storm>, Vec<Clear>) =
        postcard::from_bytes(&bench.router.storms()).unwrap();
    let [(due, channel, group, StoredAlert(alert))] = clears.as_slice() else {
        panic!("{clears:?}");
    };
    assert_eq!(*due, bench.now().steady_ms + 10_000);
    assert_eq!((&**channel, &**group), ("a", &["hall".to_owned()][..]));
    assert_eq!(*alert, super::tests::alert("cleared warning p1 hall", 11));
}

proptest! {
    /// Against a model: a channel that is notified of an alarm by name is notified of
    /// its clear, exactly once each, whatever is shelved in between.
    #[test]
    fn every_raise_that_is_notified_has_one_clear(
        steps in prop::collection::vec((0u8..4, 0u8..5, 1i64..30), 1..200),
    ) {
        let mut bench = Bench::new("[[notify]]\nchannels = [\"a\"]\n");
        let mut open = [None; 5];
        let (mut raised, mut cleared) = (BTreeMap::new(), BTreeMap::new());
        let mut expected = BTreeSet::new();
        for (what, device, wait) in steps {
            let slot = usize::from(device);
            let name = |nth: i64| format!("d{device}-{nth}");
            match (what, open[slot]) {
                (0, None) => {
                    open[slot] = Some(bench.now);
                    expected.insert(name(bench.now));
                    bench.alert(&format!("raised warning {}", name(bench.now)));
                }
                (1, Some(nth)) => {
                    open[slot] = None;
                    bench.alert(&format!("cleared warning {}", name(nth)));
                }
                (2 | 3, Some(nth)) => {
                    let now = bench.now();
                    let of = alert(&format!("raised warning {}", name(nth)), 0);
                    let until = if what == 2 { now.wall_ms + 10_000 } else { 0 };
                    bench.router.on_shelved(&of, until, now);
                }
                _ => {}
            }
            let end = bench.now + wait;
            bench.at(end);
            for notification in bench.router.take_decisions().notifications {
                for notified in notification.alerts {
                    let by = match notified.alert.state {
                        AlertState::Cleared => &mut cleared,
                        _ => &mut raised,
                    };
                    *by.entry(notified.alert.device_id).or_insert(0) += 1;
                }
            }
        }
        let notified: BTreeSet<String> = raised.keys().cloned().collect();
        prop_assert_eq!(&notified, &expected, "they were not shelved when they came");
        prop_assert!(raised.values().chain(cleared.values()).all(|count| *count == 1));
        let still: BTreeSet<String> = open.iter().enumerate()
            .filter_map(|(slot, nth)| nth.map(|nth| format!("d{slot}-{nth}")))
            .collect();
        let over: BTreeSet<String> = cleared.into_keys().collect();
        prop_assert_eq!(over, &notified - &still);
    }
}

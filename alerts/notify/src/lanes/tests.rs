use proptest::prelude::*;
use redb::ReadableDatabase;
use redb::backends::InMemoryBackend;
use weir_alarms::{Cause, NotifiedAlert};
use weir_model::{AlertState, Severity, Timestamp};

use super::*;

/// `critical raised a1 a2`: of these alarms.
fn queued(n: u64, text: &str) -> Queued {
    let mut words = text.split(' ');
    let severity = match words.next() {
        Some("critical") => Severity::Critical,
        _ => Severity::Warning,
    };
    let state = match words.next() {
        Some("cleared") => AlertState::Cleared,
        Some("escalated") => AlertState::Escalated,
        _ => AlertState::Raised,
    };
    let mut notification = Notification::test("c", Timestamp(0));
    let example = notification.alerts.remove(0);
    notification.cause = Cause::Alerts;
    notification.severity = severity;
    notification.alerts = words
        .map(|alarm_id| {
            let mut notified: NotifiedAlert = example.clone();
            notified.alert.alarm_id = alarm_id.to_owned();
            (notified.alert.severity, notified.alert.state) = (severity, state);
            notified
        })
        .collect();
    Queued { n, notification }
}

struct Bench(redb::Database);

impl Bench {
    fn new(texts: &[&str]) -> Self {
        let database = redb::Builder::new().create_with_backend(InMemoryBackend::new());
        let bench = Self(database.unwrap());
        let txn = bench.0.begin_write().unwrap();
        {
            let mut queues = Queues::open(&txn).unwrap();
            for (n, text) in texts.iter().enumerate() {
                queues.push(&queued(n as u64, text)).unwrap();
            }
        }
        txn.commit().unwrap();
        bench
    }

    fn next_up(&self, limit: usize, taken: u64, high_priority_only: bool) -> Vec<u64> {
        let request = DequeueRequest {
            limit,
            taken,
            high_priority_only,
        };
        let txn = self.0.begin_read().unwrap();
        let reader = QueueReader::open(&txn, "c").unwrap();
        let found = reader.next_up(request).unwrap();
        found.into_iter().map(|queued| queued.n).collect()
    }

    fn remove(&self, ns: &[u64]) {
        let txn = self.0.begin_write().unwrap();
        for n in ns {
            Queues::open(&txn).unwrap().remove("c", *n).unwrap();
        }
        txn.commit().unwrap();
    }
}

#[track_caller]
fn check(texts: &[&str], expect: &[u64]) {
    let bench = Bench::new(texts);
    assert_eq!(bench.next_up(100, 0, false), expect, "{texts:?}");
    bench.remove(&(0..texts.len() as u64).collect::<Vec<_>>());
    assert_eq!(bench.next_up(100, 0, false), [0; 0]);
    let txn = bench.0.begin_read().unwrap();
    assert_eq!(txn.open_table(BY_ALARM).unwrap().len().unwrap(), 0);
}

#[test]
fn what_presses_goes_first_and_one_place_in_five_goes_by_age() {
    check(&["warning raised a", "critical raised b"], &[1, 0]);
    check(&["critical raised a", "critical raised b"], &[0, 1]);
    // A clear is not of high priority.
    check(&["critical cleared a", "critical raised b"], &[1, 0]);
    let mut texts = vec!["warning raised w", "warning raised x"];
    let criticals: Vec<String> = (0..8).map(|n| format!("critical raised c{n}")).collect();
    texts.extend(criticals.iter().map(String::as_str));
    check(&texts, &[2, 3, 4, 5, 0, 6, 7, 8, 9, 1]);
}

#[test]
fn the_transitions_of_an_alarm_stay_in_their_order() {
    // An escalation is preceded by its raise.
    check(
        &[
            "warning raised w",
            "warning raised a",
            "critical escalated a",
        ],
        &[1, 2, 0],
    );
    // A group that must precede is preceded by what its alarms wait for.
    check(
        &[
            "warning raised w",
            "warning raised b",
            "warning raised a b",
            "critical escalated a",
        ],
        &[1, 2, 3, 0],
    );
    // A clear whose turn it is by age goes behind its raise.
    let mut texts = vec!["critical raised a", "critical cleared a"];
    texts.extend([
        "critical raised b",
        "critical raised c",
        "critical raised d",
    ]);
    texts.push("critical raised e");
    check(&texts, &[0, 2, 3, 4, 1, 5]);
}

#[test]
fn where_only_what_presses_may_go_nothing_else_does_but_what_it_waits_for() {
    let bench = Bench::new(&[
        "warning raised w",
        "warning raised a",
        "critical escalated a",
        "critical raised b",
    ]);
    assert_eq!(bench.next_up(100, 4, true), [1, 2, 3]);
    assert_eq!(bench.next_up(1, 0, true), [1]);
    bench.remove(&[1, 2, 3]);
    assert_eq!(bench.next_up(100, 0, true), [0; 0]);
    assert_eq!(bench.next_up(100, 0, false), [0]);
}

#[test]
fn a_queue_of_an_older_version_gets_its_order() {
    let bench = Bench::new(&["warning raised w", "critical raised a"]);
    let txn = bench.0.begin_write().unwrap();
    txn.delete_table(LANES).unwrap();
    txn.delete_table(BY_ALARM).unwrap();
    Queues::prepare(&txn).unwrap();
    txn.commit().unwrap();
    assert_eq!(bench.next_up(9, 0, false), [1, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Taken a few at a time while more arrive: everything goes once, the
    /// transitions of an alarm in their order, and nothing waits for more than five
    /// times what was queued before it.
    #[test]
    fn nothing_starves_and_no_alarm_is_delivered_backwards(
        kinds in prop::collection::vec((0..6u8, 0..5u8, 0..5u8), 1..60),
        limit in 1..7usize,
        arriving in 1..5usize,
    ) {
        let texts: Vec<String> = kinds.iter().map(|(kind, one, other)| {
            let kind = match kind {
                0 | 1 => "warning raised",
                2 | 3 => "critical raised",
                4 => "critical cleared",
                _ => "critical escalated",
            };
            match one == other {
                true => format!("{kind} a{one}"),
                false => format!("{kind} a{one} a{other}"),
            }
        }).collect();
        let bench = Bench::new(&[]);
        let (mut sent, mut arrived): (Vec<u64>, usize) = (Vec::new(), 0);
        let mut waited_from = Vec::new();
        while sent.len() < texts.len() {
            let txn = bench.0.begin_write().unwrap();
            for _ in 0..arriving.min(texts.len() - arrived) {
                let one = queued(arrived as u64, &texts[arrived]);
                Queues::open(&txn).unwrap().push(&one).unwrap();
                waited_from.push((sent.len(), arrived - sent.len()));
                arrived += 1;
            }
            txn.commit().unwrap();
            let next = bench.next_up(limit, sent.len() as u64, false);
            prop_assert!(!next.is_empty());
            bench.remove(&next);
            sent.extend(next);
        }
        let mut once = sent.clone();
        once.sort_unstable();
        prop_assert_eq!(once, (0..texts.len() as u64).collect::<Vec<_>>());
        for (place, n) in sent.iter().enumerate() {
            let (from, before) = waited_from[*n as usize];
            prop_assert!(place - from <= FAIR as usize * (before + 1), "{} waited", n);
            for later in &sent[..place] {
                let shares = |id: &str| texts[*n as usize].split(' ').skip(2).any(|own| own == id);
                let of_later = texts[*later as usize].split(' ').skip(2);
                prop_assert!(later < n || !of_later.into_iter().any(shares), "{:?}", sent);
            }
        }
    }
}

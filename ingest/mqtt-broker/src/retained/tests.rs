use proptest::prelude::*;

use super::*;
use crate::message::{Budget, Published};

fn message(topic: &str) -> Arc<Message> {
    let published = Published {
        topic,
        payload: b"x",
        properties: b"",
        qos: 0,
        retain: true,
        expires: Time::NEVER,
        publisher: 0,
    };
    Message::new(&published, &Budget::new(usize::MAX))
}

fn store() -> Retained {
    Retained::new(RetainedLimits {
        messages: 1_000_000,
        bytes: usize::MAX,
    })
}

fn topic() -> impl Strategy<Value = String> {
    let level = prop_oneof![4 => "[ab]{0,2}", 2 => "[!0ab]{1,2}", 1 => Just("$s".to_owned())];
    let topic = proptest::collection::vec(level, 1..5);
    topic
        .prop_map(|levels| levels.join("/"))
        .prop_filter("empty", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![2 => "[!0ab]{0,2}", 2 => Just("+".to_owned())];
    (proptest::collection::vec(level, 0..5), any::<bool>()).prop_map(|(mut levels, ends)| {
        if ends || levels.concat().is_empty() {
            levels.push("#".to_owned());
        }
        levels.join("/")
    })
}

fn read_all(store: &Retained, filter: &str, page: usize) -> Vec<String> {
    let mut cursor = store.cursor(filter);
    let mut found = Vec::new();
    for _ in 0..10_000 {
        let give = |message: &Arc<Message>| found.push(message.topic().to_owned());
        if !store.read(&mut cursor, Time(0), page, give) {
            return found;
        }
    }
    panic!("{filter}: the cursor does not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_cursor_finds_what_comparing_all_topics_finds(
        topics in proptest::collection::btree_set(topic(), 0..40),
        filter in filter(),
        page in 1..9_usize,
    ) {
        let mut store = store();
        for topic in &topics {
            store.set(message(topic)).unwrap();
        }
        let expect: Vec<_> = topics.into_iter().filter(|topic| matches(&filter, topic)).collect();
        prop_assert_eq!(read_all(&store, &filter, page), expect, "{}", filter);
    }
}

#[test]
fn changes_behind_the_subscription_are_not_read() {
    let mut store = store();
    for topic in ["a/1", "a/2", "a/3"] {
        store.set(message(topic)).unwrap();
    }
    let mut cursor = store.cursor("a/+");
    let mut found = Vec::new();
    let mut give = |message: &Arc<Message>| found.push(message.topic().to_owned());
    assert!(store.read(&mut cursor, Time(0), 1, &mut give));
    store.set(message("a/2")).unwrap();
    store.set(message("a/4")).unwrap();
    assert!(store.clear("a/1"));
    assert!(!store.read(&mut cursor, Time(0), 100, &mut give));
    assert_eq!(found, ["a/1", "a/3"]);
}

#[test]
fn a_full_store_takes_only_replacements() {
    let mut store = Retained::new(RetainedLimits {
        messages: 2,
        bytes: usize::MAX,
    });
    store.set(message("a")).unwrap();
    store.set(message("b")).unwrap();
    assert_eq!(store.set(message("c")), Err(Full));
    store.set(message("b")).unwrap();
    assert!(store.clear("a"));
    store.set(message("c")).unwrap();
    assert_eq!(store.len(), 2);
    store.clear("b");
    store.clear("c");
    assert_eq!(store.bytes(), 0);
}

#[test]
fn skipping_takes_few_steps() {
    let mut store = store();
    for device in 0..1_000 {
        for sensor in 0..20 {
            store
                .set(message(&format!("d/{device:04}/s{sensor:02}")))
                .unwrap();
        }
    }
    let mut cursor = store.cursor("d/+/s07");
    let mut found = 0;
    assert!(!store.read(&mut cursor, Time(0), 3_010, |_| found += 1));
    assert_eq!(found, 1_000);
}

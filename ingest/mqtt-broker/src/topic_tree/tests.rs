use std::collections::BTreeSet;

use proptest::prelude::*;
use weir_mqtt_codec::matches;

use super::*;

fn subscriber(session: u32) -> Subscriber {
    Subscriber {
        session: SessionIx(session),
        options: SubscriptionOptions::qos(1),
        id: 0,
    }
}

fn found(tree: &TopicTree, topic: &str) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    tree.matching(topic, &mut |subscribers| {
        for one in subscribers.as_slice() {
            assert!(found.insert(one.session.0), "{topic}: {one:?} twice");
        }
    });
    found
}

fn level() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ab]{0,1}",
        1 => Just("é".to_owned()),
        1 => Just("$x".to_owned()),
    ]
}

fn topic() -> impl Strategy<Value = String> {
    let topic = proptest::collection::vec(level(), 1..5);
    topic
        .prop_map(|levels| levels.join("/"))
        .prop_filter("empty", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![2 => level(), 1 => Just("+".to_owned())];
    (proptest::collection::vec(level, 0..5), any::<bool>()).prop_map(|(mut levels, ends)| {
        if ends || levels.concat().is_empty() {
            levels.push("#".to_owned());
        }
        levels.join("/")
    })
}

proptest! {
    /// Each filter has a session of its own, so that what is found names it.
    #[test]
    fn the_tree_finds_what_comparing_all_filters_finds(
        filters in proptest::collection::vec(filter(), 1..40),
        removed in proptest::collection::vec(any::<bool>(), 40),
        topics in proptest::collection::vec(topic(), 1..20),
    ) {
        let mut tree = TopicTree::default();
        for (session, filter) in filters.iter().enumerate() {
            prop_assert!(tree.insert(filter, None, subscriber(session as u32)));
        }
        let gone = |session: usize| removed[session];
        for (session, filter) in filters.iter().enumerate().filter(|(session, _)| gone(*session)) {
            prop_assert!(tree.remove(filter, None, SessionIx(session as u32)));
            prop_assert!(!tree.remove(filter, None, SessionIx(session as u32)));
        }
        for topic in &topics {
            let expect = filters.iter().enumerate();
            let expect = expect.filter(|(session, filter)| !gone(*session) && matches(filter, topic));
            let expect: BTreeSet<_> = expect.map(|(session, _)| session as u32).collect();
            let mut seen = BTreeSet::new();
            tree.matching(topic, &mut |subscribers| {
                seen.extend(subscribers.as_slice().iter().map(|one| one.session.0));
            });
            prop_assert_eq!(seen, expect, "{}", topic);
        }
        for (session, filter) in filters.iter().enumerate().filter(|(session, _)| !gone(*session)) {
            prop_assert!(tree.remove(filter, None, SessionIx(session as u32)));
        }
        prop_assert_eq!(tree.len(), 0);
        prop_assert!(tree.edges.is_empty());
        prop_assert_eq!(tree.free.len() + 1, tree.nodes.len());
    }
}

#[test]
fn many_subscribers_of_one_filter_are_found_once_each() {
    let mut tree = TopicTree::default();
    for session in 0..1_000 {
        assert!(tree.insert("a/+", None, subscriber(session)));
        assert!(!tree.insert("a/+", None, subscriber(session)));
    }
    for session in (0..1_000).filter(|session| session % 3 > 0) {
        assert!(tree.remove("a/+", None, SessionIx(session)));
    }
    assert_eq!(found(&tree, "a/b"), (0..1_000).step_by(3).collect());
    assert_eq!(tree.len(), 334);
}

#[test]
fn members_of_a_group_take_turns() {
    let mut tree = TopicTree::default();
    for session in 0..3 {
        assert!(tree.insert("a/#", Some("g"), subscriber(session)));
    }
    assert!(tree.insert("a/#", Some("other"), subscriber(9)));
    let mut turns = Vec::new();
    for _ in 0..6 {
        tree.matching("a", &mut |subscribers| {
            assert!(subscribers.as_slice().is_empty());
            assert_eq!(subscribers.groups().count(), 2);
        });
        let group = tree.group("a/#", "g").unwrap();
        turns.push(group.by_turns().next().unwrap().session.0);
    }
    assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
    for session in 0..3 {
        assert!(tree.remove("a/#", Some("g"), SessionIx(session)));
    }
    assert!(tree.group("a/#", "g").is_none());
    assert!(tree.remove("a/#", Some("other"), SessionIx(9)));
    assert_eq!(tree.len(), 0);
}

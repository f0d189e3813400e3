use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::Secret;
use crate::tests::cheap_hash;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

fn entry(password: &[u8]) -> Arc<Entry> {
    let mut entry = Entry::everybody();
    entry.secrets = vec![Secret::Password(cheap_hash(password))];
    Arc::new(entry)
}

fn attempt<'a>(name: &'a str, password: &'a str, hashes: &'a Arc<Entry>) -> Attempt<'a> {
    Attempt {
        name,
        password: password.as_bytes(),
        generation: 0,
        hashes,
        is_known: true,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

#[test]
fn a_thousand_wrong_passwords_use_one_block_of_memory_and_leave_room_for_another_name() {
    let gate = Arc::new(PasswordGate::new());
    let hashes = entry(b"correct horse");
    let peer = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    runtime().block_on(async {
        let mut wrong = tokio::task::JoinSet::new();
        for n in 0..1_000 {
            let (gate, hashes) = (gate.clone(), hashes.clone());
            wrong.spawn(async move {
                let password = format!("wrong {n}");
                gate.check(&attempt("root", &password, &hashes), peer, NOW)
                    .await
            });
        }
        tokio::task::yield_now().await;
        let valid = attempt("gateway", "correct horse", &hashes);
        assert_eq!(gate.check(&valid, peer, NOW).await, Ok(true));
        let results = wrong.join_all().await;
        assert!(results.contains(&Err(Busy)), "most are refused at once");
        assert!(!results.contains(&Ok(true)));
    });
    // What one hash needs, in blocks of 1 KiB.
    assert_eq!(gate.memory.lock().len(), 8);
    let waiting = gate.waiting.lock();
    assert_eq!(waiting.all, 0);
    assert!(waiting.by_peer.is_empty() && waiting.by_name.is_empty());
}

#[test]
fn each_peer_and_each_name_has_a_share_and_a_dropped_place_is_free() {
    let gate = Arc::new(PasswordGate::new());
    let peer = |last| Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
    let enter = |last, name: &str| Place::enter(&gate, peer(last), name);
    let mut places: Vec<_> = (0..MAX_PER_NAME).map(|_| enter(1, "a").unwrap()).collect();
    assert!(enter(1, "a").is_err(), "its name has its share");
    for n in MAX_PER_NAME..MAX_PER_PEER {
        places.push(enter(1, &n.to_string()).unwrap());
    }
    assert!(enter(1, "b").is_err(), "its peer has its share");
    for n in MAX_PER_PEER..MAX_WAITING {
        places.push(enter(2, &n.to_string()).unwrap());
    }
    assert!(enter(3, "c").is_err(), "the queue is full");
    places.pop();
    enter(3, "c").unwrap();
}

#[test]
fn a_dropped_check_leaves_the_queue() {
    let gate = Arc::new(PasswordGate::new());
    let hashes = entry(b"correct horse");
    let runtime = runtime();
    let _inside = runtime.enter();
    let turn = gate.turn.clone().try_acquire_owned().unwrap();
    {
        let attempt = attempt("a", "correct horse", &hashes);
        let mut check = pin!(gate.check(&attempt, None, NOW));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(check.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(gate.waiting.lock().all, 1);
    }
    assert_eq!(gate.waiting.lock().all, 0);
    drop(turn);
}

#[test]
fn a_result_is_kept_for_ten_minutes_and_for_its_rules() {
    let gate = PasswordGate::new();
    let (hashes, other) = (entry(b"correct horse"), entry(b"another horse"));
    let check = |hashes: &Arc<Entry>, generation, now| {
        let attempt = Attempt {
            generation,
            ..attempt("a", "correct horse", hashes)
        };
        gate.check_here(&attempt, now)
    };
    assert!(check(&hashes, 0, NOW));
    let minutes = |n: i64| Timestamp(NOW.0 + n * 60_000_000_000);
    assert!(check(&other, 0, minutes(9)), "kept");
    assert!(!check(&other, 0, minutes(10)), "checked again");
    assert!(!check(&other, 1, NOW), "other rules");
    let decoy = Attempt {
        is_known: false,
        ..attempt("nobody", "correct horse", &hashes)
    };
    assert!(
        !gate.check_here(&decoy, NOW),
        "the password of somebody else"
    );
}

#[test]
fn the_addresses_of_one_ipv6_network_are_one_peer() {
    let key = |text: &str| peer_key(Some(text.parse().unwrap()));
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
}

//! The way to the broker: a network that is gone for a while, and one of two
//! that share the work killed in the middle of it.

use std::thread;
use std::time::Duration;

use weir_tests::{
    DEADLINE, Link, LoadSpec, Loader, Mosquitto, MosquittoSpec, Weir, WeirSpec, audit,
    audit_shared, effort, wait_until,
};

#[test]
#[ignore = "needs Mosquitto"]
fn a_network_that_is_gone_for_a_while_costs_no_message_that_the_broker_kept() {
    let broker = Mosquitto::start(MosquittoSpec::default());
    let link = Link::start(broker.address());
    let url = format!("mqtt://{}", link.address().get());
    let config = format!("[[source]]\nurl = \"{url}\"\nkeep_alive = \"2s\"\n");
    let weir = Weir::start(
        WeirSpec::http_only()
            .with(&config)
            .allow("source")
            .allow("publisher"),
    );
    // Bounded: the broker keeps all of it in memory.
    let messages = effort(40_000, 400_000);
    let load = Loader::start(broker.address(), LoadSpec::new("link", messages));
    load.wait_acknowledged(2_000);

    link.cut();
    weir.wait_unready("source");
    // It goes on trying, and more and more rarely.
    let tried = link.connections();
    wait_until("it has tried again", DEADLINE, || {
        link.connections() > tried
    });
    let away = effort(Duration::from_secs(2), Duration::from_secs(300));
    thread::sleep(away);
    assert!(link.connections() < 100, "{} attempts", link.connections());
    let acknowledged = load.acknowledged();
    assert!(acknowledged > 2_000, "devices and broker went on");

    link.restore();
    weir.wait_recovered();
    let report = load.drain();
    audit(&weir, &[&report]);
}

#[test]
#[ignore = "needs Mosquitto"]
fn when_one_of_two_that_share_the_work_is_killed_the_other_continues_and_nothing_is_lost() {
    let broker = Mosquitto::start(MosquittoSpec::default());
    let start = |client: &str| {
        let url = broker.url();
        // Two connections each: more than one join the share group.
        let config = format!(
            "[[source]]\nurl = \"{url}\"\nclient_id = \"{client}\"\nconnections = 2\n\
             share_group = \"plant\"\n"
        );
        Weir::start(WeirSpec::http_only().with(&config))
    };
    let (mut killed, other) = (start("one"), start("other"));
    let load = Loader::start(broker.address(), LoadSpec::new("shared", usize::MAX));
    let received = |weir: &Weir| weir.flow().readings.received;
    wait_until("both have work", DEADLINE, || {
        received(&killed) > 1_000 && received(&other) > 1_000
    });
    killed.kill9();
    let before = received(&other);
    wait_until("the other goes on", DEADLINE, || {
        received(&other) > before + 4_000
    });
    // What the broker keeps for the killed one comes when it is back.
    killed.restart();
    let report = load.drain();
    audit_shared(&[&killed, &other], &report);
}

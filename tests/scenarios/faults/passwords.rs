//! Wrong passwords cost little, and valid logins do not wait for them.

use std::fs;
use std::time::{Duration, Instant};

use weir_tests::mqtt::{CONNACK, Connection, login_packet};
use weir_tests::{DEADLINE, Weir, WeirSpec, effort, run_weir};

const MIB: u64 = 1 << 20;
/// MQTT 3.1.1: server unavailable; bad user name or password.
const UNAVAILABLE: u8 = 3;
const BAD: u8 = 4;

#[test]
fn a_flood_of_wrong_passwords_costs_less_than_64_mib_and_a_valid_login_takes_less_than_a_second() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, password) = (path("access.toml"), path("password"));
    fs::write(&password, "correct horse\n").expect("the folder is writable");
    for name in ["root", "gateway"] {
        let add = [
            "auth",
            "add",
            name,
            "--file",
            &file,
            "--password-file",
            &password,
        ];
        let output = run_weir(&add, &[]);
        assert!(output.status.success(), "{output:?}");
    }
    let spec = WeirSpec::embedded().with(&format!("[auth]\nfile = {file:?}\n"));
    let weir = Weir::start(spec.allow("security=true"));
    let before = weir.memory();

    let mut wrong: Vec<_> = (0..effort(1_000, 1_000))
        .map(|n| {
            let mut client = Connection::open(weir.mqtt().get()).expect("the broker listens");
            let packet = login_packet(4, &format!("w{n}"), "root", &format!("wrong {n}"));
            client.send(&packet).expect("it is sent");
            client
        })
        .collect();
    let began = Instant::now();
    let mut valid = Connection::open(weir.mqtt().get()).expect("the broker listens");
    let packet = login_packet(4, "valid", "gateway", "correct horse");
    valid.send(&packet).expect("it is sent");
    let connack = valid.receive(DEADLINE).expect("it answers");
    let connack = connack.expect("in time");
    let took = began.elapsed();
    assert_eq!((connack.kind(), connack.body[1]), (CONNACK, 0));
    assert!(took < Duration::from_secs(1), "it took {took:?}");

    let mut refused = 0;
    for client in &mut wrong {
        let connack = client.receive(DEADLINE).expect("it answers");
        let code = connack.expect("in time").body[1];
        assert!(code == BAD || code == UNAVAILABLE, "{code}");
        refused += usize::from(code == UNAVAILABLE);
    }
    assert!(
        refused > wrong.len() / 2,
        "only {refused} were refused as busy"
    );
    let grown = weir.peak_memory().saturating_sub(before);
    assert!(grown < 64 * MIB, "memory grew by {} MiB", grown / MIB);
}

//! `bootstrap --http`: the program in a container, without anything of AWS.

use std::net::TcpStream;
use std::process::Command;

use serde_json::json;
use weir_tests::{
    Address, Answer, DEADLINE, Http, InfluxPeer, Process, bootstrap_binary, free_port, wait_until,
};

#[test]
fn a_container_takes_messages_and_writes_lines() {
    let peer = InfluxPeer::start(|_, _| Answer::Take);
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let port = free_port();
    let mut command = Command::new(bootstrap_binary());
    command.arg("--http").env_clear().envs([
        ("PORT", port.to_string().as_str()),
        ("WEIR_STORE_INFLUXDB_URL", peer.url()),
        ("WEIR_AWS_SHADOWS_REPORTS", "off"),
    ]);
    let mut process = Process::start(&mut command, &folder.path().join("log"));
    wait_until("it listens", DEADLINE, || {
        assert!(process.ended().is_none(), "it ended:\n{}", process.output());
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let http = Http::new(&Address::local(port));
    let event = json!({"deviceId": "p1", "data": [
        {"sensorId": "t", "value": 21.5, "timestamp": 1_790_000_000_000_i64}]});
    let answer = http.post("/ingest/devices/p1/telemetry", event.to_string());
    let expect = json!({"processed": 1, "alerts": 0, "timestamp": 1_790_000_000_000_i64});
    assert_eq!(answer.expect(200).json(), expect);
    let push = json!({"subscription": "s", "message": {"messageId": "7",
        "data": "eyJ0IjogMjIuNX0=", "publishTime": "2026-09-21T14:13:20Z",
        "attributes": {"topic": "devices/p2/telemetry"}}});
    http.post("/", push.to_string()).expect(200);
    let lines: String = peer
        .writes()
        .iter()
        .map(|write| write.body.as_str())
        .collect();
    assert_eq!(
        lines,
        "readings,device=p1,sensor=t value=21.5 1790000000000000000\n\
         readings,device=p2,sensor=t value=22.5 1790000000000000000\n"
    );
    // Without a quarantine, what cannot be read has to come again.
    assert_eq!(http.post("/ingest/devices/p1/telemetry", "{").status, 503);
}

//! What stands still is told, while the rest goes on: here an InfluxDB that
//! takes connections and does not answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use weir_tests::{DEADLINE, Weir, WeirSpec, wait_until};

/// Takes requests; answers none until `answers`, then every one with 204.
fn start_stub(answers: &Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let answers = answers.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = answers.clone();
            thread::spawn(move || serve(stream, &answers));
        }
    });
    url
}

fn serve(mut stream: TcpStream, answers: &AtomicBool) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !is_complete(&request) {
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    if answers.load(Ordering::Acquire) {
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(answer);
        return;
    }
    // Until the client gives up.
    let _ = stream.read(&mut buffer);
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

#[test]
fn a_sink_that_hangs_is_told_and_holds_nobody_up() {
    let answers = Arc::new(AtomicBool::new(false));
    let url = start_stub(&answers);
    let config = format!(
        "[watchdog]\nstalled_after = \"1s\"\n\n\
         [store.influxdb]\nurl = \"{url}\"\nbatch_interval = \"10ms\"\ntimeout = \"5s\"\n"
    );
    let spec = WeirSpec::embedded()
        .with(&config)
        .allow("InfluxDB does not take the batch")
        .allow("a consumer does not advance");
    let weir = Weir::start(spec);
    weir.ingest("pump", "", r#"{"flow": 1}"#).expect(202);

    let reasons = || -> Value { weir.http().get("/readyz").json()["reasons"].clone() };
    wait_until("the sink is told to stand still", DEADLINE, || {
        reasons().get("consumer influxdb").is_some()
    });
    let stalled = |consumer: &str| {
        let metrics = weir.http().get("/metrics").expect(200).text();
        let name = format!("weir_consumer_stalled_seconds{{consumer=\"{consumer}\"}} ");
        let found = metrics.lines().find_map(|line| line.strip_prefix(&*name));
        let seconds = found.unwrap_or_else(|| panic!("no {name}in {metrics}"));
        seconds.parse::<f64>().expect("a number")
    };
    assert!(stalled("influxdb") >= 1.0);

    // The others go on.
    weir.ingest("pump", "?wait=processed", r#"{"flow": 2}"#)
        .expect(200);
    weir.wait_count("SELECT count(*) FROM readings", 2);
    let reasons_now = reasons();
    assert!(
        reasons_now.get("consumer pipeline").is_none(),
        "{reasons_now}"
    );

    answers.store(true, Ordering::Release);
    wait_until("nothing is wrong any more", DEADLINE, || {
        weir.http().get("/readyz").status == 200
    });
    assert!(stalled("influxdb") < 1.0);
}

//! Clients that hold HTTP connections without sending what they announce: others
//! are served.

use std::io::{Read, Write};
use std::net::TcpStream;

use weir_tests::{DEADLINE, Weir, WeirSpec};

/// More than Weir serves at once.
const CLIENTS: usize = 1_100;

/// Opens connections that send this and then nothing.
fn open(weir: &Weir, start: &str) -> Vec<TcpStream> {
    let address = weir.http_address().get();
    let client = |_| {
        let mut client = TcpStream::connect(address).expect("the backlog has room");
        client
            .set_read_timeout(Some(DEADLINE))
            .expect("it is not zero");
        // Refused clients may be closed before they have sent all of it.
        let _ = client.write_all(start.as_bytes());
        client
    };
    (0..CLIENTS).map(client).collect()
}

/// Whether there is neither an answer nor an end yet.
fn is_waiting(client: &TcpStream) -> bool {
    client.set_nonblocking(true).expect("it is open");
    let read = client.peek(&mut [0]);
    client.set_nonblocking(false).expect("it is open");
    matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// The status of the answer; `None` for an end without one.
fn status(client: &mut TcpStream) -> Option<u16> {
    let mut answer = Vec::new();
    // A refused client may be reset, as it has sent what nobody read.
    let _ = client.read_to_end(&mut answer);
    let line = String::from_utf8_lossy(&answer);
    line.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
}

#[test]
fn while_1100_clients_send_one_byte_of_a_body_healthz_answers_and_they_get_408() {
    let weir = Weir::start(WeirSpec::embedded());
    let start = "POST /api/v1/ingest/devices/slow/telemetry HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Length: 1000\r\n\r\n{";
    let mut clients = open(&weir, start);
    weir.http().get("/healthz").expect(200);
    let waiting = clients.iter().filter(|client| is_waiting(client)).count();
    assert!(
        waiting > 0,
        "healthz answered after the slow bodies had ended"
    );

    let mut timed_out = 0;
    for client in &mut clients {
        match status(client) {
            Some(408) => timed_out += 1,
            // No place for its body, or the connection was closed at once.
            Some(503) | None => {}
            Some(other) => panic!("a body that did not arrive was answered with {other}"),
        }
    }
    assert!(
        timed_out > CLIENTS / 2,
        "only {timed_out} were answered with 408"
    );
    assert_eq!(weir.flow().messages.received, 0);
}

#[test]
fn while_1100_clients_send_no_request_healthz_answers() {
    let weir = Weir::start(WeirSpec::embedded());
    let clients = open(&weir, "GET /hea");
    weir.http().get("/healthz").expect(200);
    drop(clients);
}

//! Against a server of a few lines that answers as a test says.

mod victoria_metrics;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;
use crate::batch::RefusedLine;
use crate::line_protocol::LineBatch;

/// What the server answers to a body; `None` never answers.
type Answer = dyn Fn(&str) -> Option<(u16, &'static str)> + Send + Sync;

/// A server with scripted answers, and the bodies that it received.
struct Stub {
    url: String,
    taken: Arc<Mutex<Vec<String>>>,
}

fn stub(answer: impl Fn(&str) -> Option<(u16, &'static str)> + Send + Sync + 'static) -> Stub {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (answer, bodies): (Arc<Answer>, _) = (Arc::new(answer), taken.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, bodies) = (answer.clone(), bodies.clone());
            std::thread::spawn(move || serve(stream, &*answer, &bodies));
        }
    });
    Stub { url, taken }
}

fn serve(stream: TcpStream, answer: &Answer, bodies: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut gzip) = (0, false);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            gzip |= line.eq_ignore_ascii_case("content-encoding: gzip\r\n");
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = if gzip {
            std::io::read_to_string(flate2::read::GzDecoder::new(&body[..])).unwrap()
        } else {
            String::from_utf8(body).unwrap()
        };
        let Some((status, text)) = answer(&body) else {
            // Hold the connection until the client gives up.
            let _ = reader.read_line(&mut String::new());
            return;
        };
        if status == 204 {
            bodies.lock().unwrap().push(body);
        }
        let after = if status == 429 {
            "Retry-After: 7\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\n{after}Content-Length: {}\r\n\r\n",
            text.len()
        );
        if stream.write_all((head + text).as_bytes()).is_err() {
            return;
        }
    }
}

fn sink(url: &str) -> InfluxSink {
    let timeout = Duration::from_secs(30);
    InfluxSink::new(&InfluxDb {
        url: url.to_owned(),
        timeout,
        ..InfluxDb::default()
    })
    .unwrap()
}

fn batch(lines: &[&str]) -> [LineBatch; 1] {
    let mut batch = LineBatch::default();
    lines.iter().for_each(|line| batch.push(line));
    [batch]
}

#[tokio::test]
async fn each_answer_is_classified_by_what_to_do() {
    let retry = |message: &str, after: Option<u64>| SinkError::Retry {
        after: after.map(Duration::from_secs),
        message: message.to_owned(),
    };
    let auth = |message: &str| SinkError::Auth {
        message: message.to_owned(),
    };
    let rejected = |message: &str| SinkError::Rejected {
        message: message.to_owned(),
    };
    let refused = |message: &str| SinkError::Refused {
        message: message.to_owned(),
    };
    let too_large = SinkError::TooLarge {
        message: "413 Payload Too Large: ".to_owned(),
    };
    for (status, text, expect) in [
        (401, "no", auth("401 Unauthorized: no")),
        (403, "", auth("403 Forbidden: ")),
        (413, "", too_large),
        (400, "bad", rejected("400 Bad Request: bad")),
        (422, "", rejected("422 Unprocessable Entity: ")),
        (404, "bucket", refused("404 Not Found: bucket")),
        (307, "", refused("307 Temporary Redirect: ")),
        (429, "slow", retry("429 Too Many Requests: slow", Some(7))),
        (503, "", retry("503 Service Unavailable: ", None)),
        (408, "", retry("408 Request Timeout: ", None)),
    ] {
        let server = stub(move |_| Some((status, text)));
        assert_eq!(sink(&server.url).write("m x=1 1").await, Err(expect));
    }
    for status in [204, 200] {
        let server = stub(move |_| Some((status, "")));
        assert_eq!(sink(&server.url).write("m x=1 1").await, Ok(()));
    }
}

#[tokio::test]
async fn a_server_that_is_gone_or_hangs_is_tried_again() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gone = sink(&format!("http://{free}"))
        .write("m x=1 1")
        .await
        .unwrap_err();
    assert!(matches!(&gone, SinkError::Retry { .. }), "{gone:?}");
    assert!(
        gone.to_string().contains("refused"),
        "the cause is reported: {gone}"
    );

    let server = stub(|_| None);
    let config = InfluxDb {
        url: server.url.clone(),
        timeout: Duration::from_millis(200),
        ..InfluxDb::default()
    };
    let mut lanes = batch(&["m x=1 1"]);
    let mut sink = InfluxSink::new(&config).unwrap();
    let hangs = sink.write_lanes(&mut lanes).await.error.unwrap();
    assert!(matches!(&hangs, SinkError::Retry { .. }), "{hangs:?}");
    assert!(hangs.to_string().contains("timed out"), "{hangs}");
    assert_eq!(lanes[0].len(), 1, "it is to be written again");
}

#[tokio::test]
async fn bad_lines_are_found_and_all_others_written() {
    let server = stub(|body| {
        Some(if body.contains("bad") {
            (400, "no")
        } else {
            (204, "")
        })
    });
    let lines: Vec<String> = (0..5_000)
        .map(|line| match line {
            1_234 | 4_999 => format!("bad,n={line} x=1 1"),
            _ => format!("m,n={line} text=\"two\nlines\" 1"),
        })
        .collect();
    let mut lanes = batch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let written = sink(&server.url).write_lanes(&mut lanes).await;
    assert_eq!((written.lines, written.error), (4_998, None));
    let expect = [1_234, 4_999].map(|line: usize| RefusedLine {
        position: weir_model::Position(line as u64),
        reading: 0,
        line: lines[line].clone(),
        reason: "400 Bad Request: no".to_owned(),
    });
    assert_eq!(written.refused, expect);
    assert!(lanes[0].is_empty());
    let taken = server.taken.lock().unwrap().concat();
    let expect: String = lines
        .iter()
        .filter(|line| !line.contains("bad"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(taken, expect, "each once, in order");
}

#[tokio::test]
async fn a_partial_write_that_dropped_everything_is_not_halved() {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let server = stub(move |_| {
        *count.lock().unwrap() += 1;
        Some((
            422,
            "partial write: points beyond retention policy dropped=3",
        ))
    });
    let written = sink(&server.url)
        .write_lanes(&mut batch(&["a x=1 1", "b x=1 1", "c x=1 1"]))
        .await;
    assert_eq!((written.refused.len(), written.error), (3, None));
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_is_too_large_is_split() {
    let server = stub(|body| {
        Some(if body.len() > 100 {
            (413, "")
        } else {
            (204, "")
        })
    });
    let lines: Vec<String> = (0..100).map(|line| format!("m,n={line} x=1 1")).collect();
    let mut lanes = batch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let written = sink(&server.url).write_lanes(&mut lanes).await;
    assert_eq!((written.lines, written.error), (100, None));
    let taken = server.taken.lock().unwrap().concat();
    assert_eq!(taken, lines.join("\n") + "\n");
}

#[tokio::test]
async fn a_failure_amid_halving_is_reported_and_nothing_dropped() {
    let server = stub(|body| {
        Some(match body.lines().count() {
            4 => (400, "some"),
            _ => (503, "busy"),
        })
    });
    let mut lanes = batch(&["a x=1 1", "b x=1 1", "c x=1 1", "d x=1 1"]);
    let written = sink(&server.url).write_lanes(&mut lanes).await;
    let busy = SinkError::Retry {
        after: None,
        message: "503 Service Unavailable: busy".to_owned(),
    };
    assert_eq!(written.error, Some(busy));
    assert_eq!(lanes[0].len(), 4);
}

/// InfluxDB 2.0 answers 500 for a line beyond the retention.
#[tokio::test]
async fn a_repeated_server_error_that_blames_lines_does_not_block_the_others() {
    let server = stub(|body| {
        Some(if body.contains("old") {
            (
                500,
                "unexpected error writing points to database: partial write: points beyond \
                 retention policy dropped=1",
            )
        } else {
            (204, "")
        })
    });
    let lines = ["a x=1 1", "b x=1 1", "old x=1 1", "c x=1 1", "d x=1 1"];
    let mut lanes = batch(&lines);
    let mut sink = sink(&server.url);
    for _ in 0..2 {
        let written = sink.write_lanes(&mut lanes).await;
        assert!(matches!(written.error, Some(SinkError::Retry { .. })));
        assert_eq!((written.lines, lanes[0].len()), (0, 5));
    }
    let written = sink.write_lanes(&mut lanes).await;
    assert_eq!((written.lines, written.error), (4, None));
    let refused: Vec<_> = written
        .refused
        .iter()
        .map(|refused| &*refused.line)
        .collect();
    assert_eq!(refused, ["old x=1 1"]);
    assert!(lanes[0].is_empty());
}

/// A failing server may say anything: without a line that it accepts nothing is
/// given up.
#[tokio::test]
async fn a_server_error_for_every_line_gives_no_line_up() {
    let server = stub(|_| Some((500, "partial write: the shard is closed")));
    let mut sink = sink(&server.url);
    let mut lanes = batch(&["a x=1 1", "b x=1 1", "c x=1 1"]);
    for _ in 0..6 {
        let written = sink.write_lanes(&mut lanes).await;
        assert!(written.error.is_some());
        assert_eq!((written.refused.len(), lanes[0].len()), (0, 3));
    }
}

/// Errors that differ, or that speak of no line, are the server's own.
#[tokio::test]
async fn a_server_error_that_blames_no_line_is_only_tried_again() {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let server = stub(move |body| {
        *count.lock().unwrap() += 1;
        Some(if body.contains("bad") {
            (500, "engine: internal error")
        } else {
            (204, "")
        })
    });
    let mut sink = sink(&server.url);
    let mut lanes = batch(&["a x=1 1", "bad x=1 1"]);
    for _ in 0..6 {
        let written = sink.write_lanes(&mut lanes).await;
        assert!(matches!(written.error, Some(SinkError::Retry { .. })));
        assert_eq!((written.refused.len(), lanes[0].len()), (0, 2));
    }
    assert_eq!(*asked.lock().unwrap(), 6, "never bisected");
}

/// InfluxDB Cloud answers 201 when it accepted only some of the lines.
#[tokio::test]
async fn a_partial_success_is_no_success() {
    let server = stub(|body| {
        Some(if body.contains("bad") {
            (201, "partial write of line protocol occurred")
        } else {
            (204, "")
        })
    });
    let mut lanes = batch(&["a x=1 1", "bad x=1 1", "c x=1 1"]);
    let written = sink(&server.url).write_lanes(&mut lanes).await;
    assert_eq!((written.lines, written.error), (2, None));
    assert_eq!(written.refused.len(), 1);
}

/// A server that refuses everything has not judged the lines.
#[tokio::test]
async fn a_server_that_refuses_everything_gets_no_line_quarantined() {
    let lines: Vec<String> = (0..1_000).map(|line| format!("m,n={line} x=1 1")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let open = Arc::new(Mutex::new(false));
    let (takes, asked) = (open.clone(), Arc::new(Mutex::new(0)));
    let count = asked.clone();
    let server = stub(move |body| {
        *count.lock().unwrap() += 1;
        let good = *takes.lock().unwrap() && !body.contains("bad");
        Some(if good {
            (204, "")
        } else {
            (400, "<html>Bad Request</html>")
        })
    });
    let mut sink = sink(&server.url);
    for few in [&lines[..1], &lines[..3], &lines[..]] {
        let mut lanes = batch(few);
        let written = sink.write_lanes(&mut lanes).await;
        let error = written.error.expect("nothing was taken");
        assert!(matches!(error, SinkError::Refused { .. }), "{error:?}");
        assert_eq!((written.refused.len(), lanes[0].len()), (0, few.len()));
    }
    assert!(*asked.lock().unwrap() < 60, "{asked:?} requests");

    // Once it takes lines, a bad one among them is one, however it is worded.
    *open.lock().unwrap() = true;
    let written = sink.write_lanes(&mut batch(&lines)).await;
    assert_eq!((written.lines, written.error), (1_000, None));
    let mut alone = batch(&["bad x=1 1"]);
    let written = sink.write_lanes(&mut alone).await;
    assert_eq!((written.refused.len(), written.error), (1, None));
    assert!(alone[0].is_empty());
    let all_bad: Vec<String> = (0..100).map(|line| format!("bad,n={line} x=1 1")).collect();
    let mut all_bad = batch(&all_bad.iter().map(String::as_str).collect::<Vec<_>>());
    let written = sink.write_lanes(&mut all_bad).await;
    assert_eq!((written.refused.len(), written.error), (100, None));

    // The same when it changes its mind.
    *open.lock().unwrap() = false;
    let written = sink.write_lanes(&mut batch(&lines[..2])).await;
    assert!(matches!(written.error, Some(SinkError::Refused { .. })));
}

#[tokio::test]
async fn lanes_that_are_through_are_not_written_again() {
    let server = stub(|body| {
        Some(if body.starts_with("b") {
            (503, "busy")
        } else {
            (204, "")
        })
    });
    let [first] = batch(&["a x=1 1"]);
    let [second] = batch(&["b x=1 1"]);
    let mut lanes = [first, second];
    let written = sink(&server.url).write_lanes(&mut lanes).await;
    assert!(matches!(written.error, Some(SinkError::Retry { .. })));
    assert_eq!((lanes[0].len(), lanes[1].len()), (0, 1));
}

#[tokio::test]
async fn a_new_token_is_read_from_its_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = InfluxDb {
        token_file: Some(file.path().to_owned()),
        ..InfluxDb::default()
    };
    let mut sink = InfluxSink::new(&config).unwrap();
    assert_eq!(sink.authorization, None);
    std::fs::write(file.path(), "secret\n").unwrap();
    sink.reload_token().unwrap();
    assert_eq!(sink.authorization.as_ref().unwrap(), "Token secret");
    assert!(!format!("{sink:?}").contains("secret"));
}

#[test]
fn a_bad_configuration_is_refused() {
    for url in ["", "nonsense", "/3242/23", "mailto:x"] {
        let made = InfluxSink::new(&InfluxDb {
            url: url.to_owned(),
            ..InfluxDb::default()
        });
        assert!(matches!(made, Err(InfluxConfigError::Url { .. })), "{url}");
    }
    let config = InfluxDb {
        token_file: Some("/no/such/file".into()),
        ..InfluxDb::default()
    };
    assert!(matches!(
        InfluxSink::new(&config),
        Err(InfluxConfigError::Token { .. })
    ));
}

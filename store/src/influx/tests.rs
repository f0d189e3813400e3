//! Against a server of a few lines, and against VictoriaMetrics.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

/// What the server answers to a body; `None` never answers.
type Answer = dyn Fn(&str) -> Option<(u16, &'static str)> + Send + Sync;

/// A server that answers as it is told, and the bodies that it took.
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
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let Some((status, text)) = answer(&body) else {
            // Hold the connection until the client gives up.
            let _ = reader.read_line(&mut String::new());
            return;
        };
        if status == 204 {
            bodies.lock().unwrap().push(body);
        }
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n",
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

#[tokio::test]
async fn each_answer_is_classified_by_what_to_do() {
    let retry = |message: &str| SinkError::Retry {
        after: None,
        message: message.to_owned(),
    };
    for (status, text, expect) in [
        (
            401,
            "no",
            SinkError::Auth {
                message: "401 Unauthorized: no".to_owned(),
            },
        ),
        (
            403,
            "",
            SinkError::Auth {
                message: "403 Forbidden: ".to_owned(),
            },
        ),
        (
            413,
            "",
            SinkError::TooLarge {
                message: "413 Payload Too Large: ".to_owned(),
            },
        ),
        (
            400,
            "bad",
            SinkError::Rejected {
                message: "400 Bad Request: bad".to_owned(),
            },
        ),
        (
            422,
            "",
            SinkError::Rejected {
                message: "422 Unprocessable Entity: ".to_owned(),
            },
        ),
        (404, "bucket", retry("404 Not Found: bucket")),
        (429, "slow", retry("429 Too Many Requests: slow")),
        (503, "", retry("503 Service Unavailable: ")),
        (307, "", retry("307 Temporary Redirect: ")),
    ] {
        let server = stub(move |_| Some((status, text)));
        assert_eq!(sink(&server.url).write("m x=1 1").await, Err(expect));
    }
    let server = stub(|_| Some((204, "")));
    assert_eq!(sink(&server.url).write("m x=1 1").await, Ok(()));
    let server = stub(|_| Some((200, "")));
    assert_eq!(sink(&server.url).write("m x=1 1").await, Ok(()));
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
        "the cause is told: {gone}"
    );

    let server = stub(|_| None);
    let timeout = Duration::from_millis(200);
    let config = InfluxDb {
        url: server.url.clone(),
        timeout,
        ..InfluxDb::default()
    };
    let hangs = InfluxSink::new(&config)
        .unwrap()
        .write_batch("m x=1 1")
        .await
        .unwrap_err();
    assert!(matches!(&hangs, SinkError::Retry { .. }), "{hangs:?}");
    assert!(hangs.to_string().contains("timed out"), "{hangs}");
}

#[tokio::test]
async fn bad_lines_are_found_and_all_others_written() {
    let server = stub(|body| {
        Some(if body.contains("bad") {
            (400, "unable to parse")
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
    let rejected = sink(&server.url)
        .write_batch(&lines.join("\n"))
        .await
        .unwrap();
    let message = "400 Bad Request: unable to parse".to_owned();
    let expect = [1_234, 4_999].map(|line: usize| (lines[line].clone(), message.clone()));
    assert_eq!(rejected, expect);
    let taken = server.taken.lock().unwrap().join("\n");
    let expect: Vec<_> = lines
        .iter()
        .filter(|line| !line.contains("bad"))
        .cloned()
        .collect();
    assert_eq!(taken, expect.join("\n"), "each once, in order");
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
    let body = lines.join("\n");
    assert_eq!(sink(&server.url).write_batch(&body).await, Ok(Vec::new()));
    assert_eq!(server.taken.lock().unwrap().join("\n"), body);
}

#[tokio::test]
async fn a_failure_amid_halving_is_told_and_nothing_dropped() {
    let server = stub(|body| {
        Some(match body.lines().count() {
            4 => (400, "some"),
            _ => (503, "busy"),
        })
    });
    let error = sink(&server.url)
        .write_batch("a x=1 1\nb x=1 1\nc x=1 1\nd x=1 1")
        .await;
    let message = "503 Service Unavailable: busy".to_owned();
    assert_eq!(
        error,
        Err(SinkError::Retry {
            after: None,
            message
        })
    );
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

/// VictoriaMetrics on a free port, stopped when the test ends.
struct VictoriaMetrics {
    process: std::process::Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Drop for VictoriaMetrics {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn victoria_metrics() -> VictoriaMetrics {
    let data = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let process = std::process::Command::new("/usr/bin/victoria-metrics")
        .arg(format!("-httpListenAddr={address}"))
        .arg(format!("-storageDataPath={}", data.path().display()))
        .arg("-retentionPeriod=100y")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let server = VictoriaMetrics {
        process,
        url: format!("http://{address}"),
        _data: data,
    };
    let begun = std::time::Instant::now();
    while get(&format!("{}/health", server.url)).await.is_none() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it does not start"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server
}

async fn get(url: &str) -> Option<String> {
    let response = reqwest_influx::get(url)
        .await
        .ok()?
        .error_for_status()
        .ok()?;
    response.text().await.ok()
}

#[tokio::test]
#[ignore = "needs victoria-metrics"]
async fn a_real_server_gives_back_what_was_written() {
    use std::collections::BTreeMap;
    use weir_model::{
        Catalog, Cell, Column, Flags, LocationIx, Position, Row, RowBatch, Timestamp, Value,
        ValueKind,
    };
    let server = victoria_metrics().await;
    let catalog = Catalog::new();
    let sensors = [
        "temperature",
        "a b",
        "c,d=e",
        "back\\slash",
        "quo\"te",
        "日本",
        "trailing\\",
    ];
    let locations = [LocationIx(0), catalog.add_location("hall 2, left".into())];
    let mut batch = RowBatch::default();
    let mut expect: BTreeMap<(String, String, i64), f64> = BTreeMap::new();
    for (device, location) in ["pump-1", "pump-2"].iter().zip(locations) {
        let ix = catalog.add_device((*device).into());
        for sensor in sensors {
            let column = Column {
                sensor: sensor.into(),
                unit: None,
                kind: ValueKind::Number,
            };
            let column = catalog.add_column(Arc::new(column));
            for minute in 0..50_i64 {
                let millis = 1_795_219_200_000 + minute * 60_000;
                // It keeps about 15 digits.
                let value = minute as f64 / 4.0 - 2.0;
                batch.rows.push(Row {
                    position: Position(0),
                    device: ix,
                    location,
                    time: Timestamp::from_millis(millis).unwrap(),
                    flags: Flags::default(),
                    first_cell: batch.cells.len() as u32,
                    cell_count: 1,
                });
                batch.cells.push(Cell {
                    column,
                    value: Value::Number(value),
                });
                expect.insert(((*device).to_owned(), sensor.to_owned(), millis), value);
            }
        }
    }
    let mut lines = String::new();
    crate::encode_lines(&batch, &catalog, "readings", &mut lines);
    let sink = sink(&server.url);
    for _ in 0..2 {
        assert_eq!(sink.write_batch(&lines).await, Ok(Vec::new()));
    }

    let begun = std::time::Instant::now();
    loop {
        let _ = get(&format!("{}/internal/force_flush", server.url)).await;
        let url = format!(
            "{}/api/v1/export?match[]=readings_value&reduce_mem_usage=1",
            server.url
        );
        let exported = get(&url).await.unwrap();
        let mut found = BTreeMap::new();
        for line in exported.lines() {
            let series: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| series["metric"][name].as_str().unwrap().to_owned();
            let values = series["values"].as_array().unwrap();
            for (value, time) in values.iter().zip(series["timestamps"].as_array().unwrap()) {
                let key = (text("device"), text("sensor"), time.as_i64().unwrap());
                found.insert(key, value.as_f64().unwrap());
            }
        }
        if found == expect {
            break;
        }
        if begun.elapsed() > Duration::from_secs(30) {
            assert_eq!(found, expect);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! A server with as much of InfluxDB 2's write API as the sink needs, which
//! misbehaves as the scenario sets it: a real one cannot be made to. It stores
//! lines as InfluxDB does, by series and time.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flate2::read::GzDecoder;

use super::listener::{Listener, Request};

/// What the peer does with a write.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Takes it: 204.
    Take,
    /// Refuses it with a status, headers (each with its line break) and a text.
    Refuse(u16, &'static str, String),
    /// Takes the connection and never answers.
    Hang,
    /// Takes it, and closes the connection without an answer.
    TakeAndCut,
}

/// A write as it came.
#[derive(Clone, Debug)]
pub struct LineWrite {
    pub at: Instant,
    /// Uncompressed.
    pub body: String,
    pub authorization: Option<String>,
    pub gzip: bool,
}

type Script = dyn Fn(usize, &LineWrite) -> Answer + Send + Sync;

/// A running peer.
pub struct InfluxPeer {
    url: String,
    state: Arc<Mutex<State>>,
    _listener: Listener,
}

#[derive(Default)]
struct State {
    writes: Vec<LineWrite>,
    rows: BTreeMap<(String, String), String>,
    script: Option<Arc<Script>>,
}

impl InfluxPeer {
    /// `script` gets the number of the write, from 0, and the write.
    pub fn start(script: impl Fn(usize, &LineWrite) -> Answer + Send + Sync + 'static) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let listener = Listener::start(move |stream| serve(stream, &shared));
        let url = format!("http://{}", listener.address());
        let peer = Self {
            url,
            state,
            _listener: listener,
        };
        // Before anybody has the address.
        peer.script(script);
        peer
    }

    /// From now on it does this; writes are counted on.
    pub fn script(&self, script: impl Fn(usize, &LineWrite) -> Answer + Send + Sync + 'static) {
        self.state.lock().expect("no holder panics").script = Some(Arc::new(script));
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every write so far, whatever became of it.
    pub fn writes(&self) -> Vec<LineWrite> {
        self.state.lock().expect("no holder panics").writes.clone()
    }

    /// Fields by (series, time), as InfluxDB would hold them.
    pub fn rows(&self) -> BTreeMap<(String, String), String> {
        self.state.lock().expect("no holder panics").rows.clone()
    }
}

impl fmt::Debug for InfluxPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfluxPeer({})", self.url)
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let Ok(writer) = stream.try_clone() else {
        return;
    };
    let (mut reader, mut writer) = (BufReader::new(stream), writer);
    while let Some(request) = Request::read(&mut reader) {
        let is_write = request.method == "POST" && request.path.starts_with("/api/v2/write?");
        if !is_write {
            let answer = "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n";
            if writer.write_all(answer.as_bytes()).is_err() {
                return;
            }
            continue;
        }
        let Some(write) = write(request) else {
            return;
        };
        let answer = {
            let mut state = state.lock().expect("no holder panics");
            let nth = state.writes.len();
            state.writes.push(write.clone());
            let script = state.script.clone().expect("it was given at the start");
            let answer = script(nth, &write);
            if matches!(answer, Answer::Take | Answer::TakeAndCut) {
                for line in write.body.lines() {
                    let (rest, time) = line.rsplit_once(' ').expect("a line ends with its time");
                    let (series, fields) = rest.split_once(' ').expect("names without spaces");
                    let key = (series.to_owned(), time.to_owned());
                    state.rows.insert(key, fields.to_owned());
                }
            }
            answer
        };
        let answer = match answer {
            Answer::Take => "HTTP/1.1 204 x\r\n\r\n".to_owned(),
            Answer::Refuse(status, headers, text) => format!(
                "HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n{text}",
                text.len()
            ),
            Answer::Hang => {
                // Until the client gives up.
                let _ = reader.read(&mut [0]);
                return;
            }
            Answer::TakeAndCut => return,
        };
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// What is in the request of a write.
fn write(request: Request) -> Option<LineWrite> {
    let gzip = request.header("content-encoding") == Some("gzip");
    let authorization = request.header("authorization").map(str::to_owned);
    let body = match gzip {
        true => std::io::read_to_string(GzDecoder::new(&*request.body)).ok()?,
        false => String::from_utf8(request.body).ok()?,
    };
    Some(LineWrite {
        at: Instant::now(),
        body,
        authorization,
        gzip,
    })
}

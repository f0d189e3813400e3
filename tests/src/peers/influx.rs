//! A server with as much of InfluxDB 2's write API as the sink needs, which
//! misbehaves as the scenario sets it: a real one cannot be made to. It stores
//! lines as InfluxDB does, by series and time.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use flate2::read::GzDecoder;

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

/// A running peer. It ends with the test's process.
#[derive(Clone)]
pub struct InfluxPeer {
    url: String,
    state: Arc<Mutex<State>>,
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
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let peer = Self {
            url,
            state: Arc::default(),
        };
        peer.script(script);
        let state = peer.state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = state.clone();
                thread::spawn(move || serve(stream, &state));
            }
        });
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
    while let Some((path, write)) = request(&mut reader) {
        if !path.starts_with("POST /api/v2/write?") {
            let answer = "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n";
            if writer.write_all(answer.as_bytes()).is_err() {
                return;
            }
            continue;
        }
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

/// The request line and what came with it; `None` when the client has gone.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, LineWrite)> {
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return None;
    }
    let mut write = LineWrite {
        at: Instant::now(),
        body: String::new(),
        authorization: None,
        gzip: false,
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "content-encoding" => write.gzip = value == "gzip",
            "authorization" => write.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    write.body = match write.gzip {
        true => std::io::read_to_string(GzDecoder::new(&body[..])).ok()?,
        false => String::from_utf8(body).ok()?,
    };
    write.at = Instant::now();
    Some((first, write))
}

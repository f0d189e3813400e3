//! A receiver of notifications: an HTTP server that records requests and answers
//! as the scenario sets it. It takes the place of a webhook's receiver, which is
//! always a user's own program, and of services that are not available here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::{DEADLINE, wait_until};

/// What [`Hook::answer`] takes for: no answer at all.
const HANG: u16 = 0;

/// One request.
#[derive(Clone, Debug)]
pub struct Hooked {
    pub path: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// How it was answered; 0 for not at all.
    pub status: u16,
    /// When all of it had come.
    pub at: Instant,
}

impl Hooked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A running receiver. It ends with the test.
#[derive(Debug)]
pub struct Hook {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    status: AtomicU16,
    over: AtomicBool,
    hooked: Mutex<Vec<Hooked>>,
}

impl Hook {
    #[track_caller]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State {
            status: AtomicU16::new(200),
            over: AtomicBool::new(false),
            hooked: Mutex::default(),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Acquire) {
                    return;
                }
                let shared = shared.clone();
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// The section of a webhook channel that leads here.
    pub fn channel(&self, name: &str) -> String {
        let url = self.url();
        format!(
            "[[channel]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{url}\"\n\
             allow_private = true\n"
        )
    }

    /// From now on it answers so.
    pub fn answer(&self, status: u16) {
        self.state.status.store(status, Ordering::Release);
    }

    /// From now on it takes requests and does not answer them.
    pub fn hang(&self) {
        self.answer(HANG);
    }

    pub fn hooked(&self) -> Vec<Hooked> {
        self.state
            .hooked
            .lock()
            .expect("no server thread panics")
            .clone()
    }

    /// Those that it took: answered with 200.
    pub fn taken(&self) -> Vec<Hooked> {
        let mut hooked = self.hooked();
        hooked.retain(|one| one.status == 200);
        hooked
    }

    /// Waits until it got so many, answered or not.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<Hooked> {
        wait_until(&format!("{count} requests came"), DEADLINE, || {
            self.hooked().len() >= count
        });
        self.hooked()
    }

    /// Waits until it took so many.
    #[track_caller]
    pub fn wait_taken(&self, count: usize) -> Vec<Hooked> {
        wait_until(&format!("{count} requests were taken"), DEADLINE, || {
            self.taken().len() >= count
        });
        self.taken()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Release);
        // The listener wakes up and sees it.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One connection, until the other side closes it.
fn serve(stream: TcpStream, state: &State) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (path, headers, body) = request(&mut reader)?;
        let status = state.status.load(Ordering::Acquire);
        let hooked = Hooked {
            path,
            headers,
            body,
            status,
            at: Instant::now(),
        };
        state.hooked.lock().ok()?.push(hooked);
        if status == HANG {
            // Until the other side gives up.
            let _ = reader.read(&mut [0]);
            return None;
        }
        let extra = match status {
            302 => "location: http://127.0.0.1:1/\r\n",
            _ => "",
        };
        let answer = format!("HTTP/1.1 {status} X\r\n{extra}content-length: 2\r\n\r\nok");
        writer.write_all(answer.as_bytes()).ok()?;
    }
}

type Headers = Vec<(String, String)>;

/// Path, headers and body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Headers, String)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, headers, String::from_utf8(body).ok()?))
}

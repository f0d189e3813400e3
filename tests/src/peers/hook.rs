//! A receiver of notifications: an HTTP server that records requests and answers
//! as the scenario sets it. It takes the place of a webhook's receiver, which is
//! always a user's own program, and of services that are not available here.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;

use super::listener::{Listener, Request};
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

/// A running receiver.
#[derive(Debug)]
pub struct Hook {
    listener: Listener,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    status: AtomicU16,
    hooked: Mutex<Vec<Hooked>>,
}

impl Hook {
    #[track_caller]
    pub fn start() -> Self {
        let state = Arc::new(State {
            status: AtomicU16::new(200),
            hooked: Mutex::default(),
        });
        let shared = state.clone();
        let listener = Listener::start(move |stream| {
            serve(stream, &shared);
        });
        Self { listener, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.listener.address())
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

/// One connection, until the other side closes it.
fn serve(stream: TcpStream, state: &State) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = Request::read(&mut reader)?;
        let status = state.status.load(Ordering::Acquire);
        let hooked = Hooked {
            path: request.path,
            headers: request.headers,
            body: String::from_utf8(request.body).ok()?,
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

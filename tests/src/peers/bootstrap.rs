//! The program `bootstrap` under a stub of the Runtime API of AWS Lambda: the
//! scenario is who invokes it.

use std::collections::VecDeque;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use serde_json::Value;
use tempfile::TempDir;

use super::listener::{Listener, Request};
use crate::{DEADLINE, Process, bootstrap_binary, now_ms};

/// A function in one environment of AWS Lambda.
#[derive(Debug)]
pub struct Bootstrap {
    stub: Arc<Stub>,
    process: Process,
    _listener: Listener,
    _folder: TempDir,
}

#[derive(Debug, Default)]
struct Stub {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    waiting: VecDeque<(String, Vec<u8>)>,
    answers: Vec<(String, Result<Value, Value>)>,
    init_error: Option<Value>,
}

impl Stub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

impl Bootstrap {
    /// Starts the program with this `weir.toml`.
    #[track_caller]
    pub fn start(config: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let file = folder.path().join("weir.toml");
        std::fs::write(&file, config).expect("the folder is writable");
        let stub: Arc<Stub> = Arc::default();
        let shared = stub.clone();
        let listener = Listener::start(move |stream| serve(stream, &shared));
        let mut command = Command::new(bootstrap_binary());
        command.env_clear();
        command.envs([
            ("AWS_LAMBDA_RUNTIME_API", &*listener.address().to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "weir-test"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
        ]);
        command.env("WEIR_CONFIG", &file);
        command.envs(variables.iter().copied());
        let process = Process::start(&mut command, &folder.path().join("log"));
        Self {
            stub,
            process,
            _listener: listener,
            _folder: folder,
        }
    }

    /// One invocation, under a new request id.
    #[track_caller]
    pub fn invoke(&mut self, event: &Value) -> Result<Value, Value> {
        let id = {
            let mut state = self.stub.lock();
            state.next += 1;
            format!("request-{}", state.next)
        };
        self.invoke_as(&id, event)
    }

    /// One invocation under a request id: the same one again is a retry.
    #[track_caller]
    pub fn invoke_as(&mut self, id: &str, event: &Value) -> Result<Value, Value> {
        let mut state = self.stub.lock();
        state.answers.retain(|(answered, _)| answered != id);
        state
            .waiting
            .push_back((id.to_owned(), event.to_string().into_bytes()));
        self.stub.changed.notify_all();
        let is_pending = |state: &mut State| {
            state.init_error.is_none() && !state.answers.iter().any(|(answered, _)| answered == id)
        };
        let waited = self
            .stub
            .changed
            .wait_timeout_while(state, DEADLINE, is_pending);
        let (state, waited) = waited.expect("no holder panics");
        assert!(!waited.timed_out(), "no answer:\n{}", self.process.output());
        if let Some(error) = &state.init_error {
            panic!("it does not start: {error}");
        }
        let found = state.answers.iter().find(|(answered, _)| answered == id);
        found.expect("it is there").1.clone()
    }

    /// Why it does not start.
    #[track_caller]
    pub fn init_error(&mut self) -> Value {
        let state = self.stub.lock();
        let has_none = |state: &mut State| state.init_error.is_none();
        let waited = self
            .stub
            .changed
            .wait_timeout_while(state, DEADLINE, has_none);
        let (state, _) = waited.expect("no holder panics");
        state.init_error.clone().expect("it started")
    }

    /// The lines of its log, each an object.
    #[track_caller]
    pub fn log(&self) -> Vec<Value> {
        let output = self.process.output();
        let lines = output.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect()
    }

    /// Bytes of memory that it took at most.
    pub fn peak_memory(&self) -> Option<u64> {
        self.process.peak_memory()
    }
}

fn serve(stream: TcpStream, stub: &Stub) {
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader) {
        let answer = match request.method.as_str() {
            "GET" => next(stub),
            _ => take(&request, stub),
        };
        if writer.write_all(&answer).is_err() {
            return;
        }
    }
}

/// The next invocation, as soon as there is one.
fn next(stub: &Stub) -> Vec<u8> {
    let waiting = stub
        .changed
        .wait_while(stub.lock(), |state| state.waiting.is_empty());
    let mut state = waiting.expect("no holder panics");
    let (id, event) = state.waiting.pop_front().expect("it is not empty");
    let deadline = now_ms() + 60_000;
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: {id}\r\n\
         lambda-runtime-deadline-ms: {deadline}\r\n\
         lambda-runtime-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0\r\n\
         content-length: {}\r\n\r\n",
        event.len()
    )
    .into_bytes();
    answer.extend(event);
    answer
}

/// An answer, or an error.
fn take(request: &Request, stub: &Stub) -> Vec<u8> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut state = stub.lock();
    let path = request.path.trim_start_matches("/2018-06-01/runtime/");
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["init", "error"] => state.init_error = Some(body),
        ["invocation", id, "response"] => state.answers.push(((*id).to_owned(), Ok(body))),
        ["invocation", id, "error"] => state.answers.push(((*id).to_owned(), Err(body))),
        _ => return b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n".to_vec(),
    }
    stub.changed.notify_all();
    b"HTTP/1.1 202 x\r\ncontent-length: 0\r\n\r\n".to_vec()
}

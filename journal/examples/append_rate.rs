//! What a message costs from append to commit, on this machine's disk.
//!
//! `cargo run --release -p weir-journal --example append_rate [DIR] [MESSAGES]`
//!
//! A sender appends groups of a given size and keeps at most four of them
//! uncommitted, as endpoints with a window do; one reader follows and counts. CPU
//! is the whole process's, from `/proc/self/schedstat` of all its threads.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use parking_lot::{Condvar, Mutex};
use weir_config::JournalSection;
use weir_journal::{AppendError, Appender, CommitListener, LocalJournal, Log};
use weir_model::{Ingress, Message, Position, Timestamp};

const PAYLOAD: usize = 300;
const WINDOW: u64 = 4;

#[derive(Default)]
struct Committed {
    position: Mutex<Position>,
    moved: Condvar,
}

impl CommitListener for Committed {
    fn committed(&self, position: Position) {
        *self.position.lock() = position;
        self.moved.notify_one();
    }

    fn failed(&self) {}
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let base = arguments.next().unwrap_or_else(|| "target".to_owned());
    let messages = arguments
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let mut out = io::stdout();
    writeln!(
        out,
        "{PAYLOAD}-byte payloads, {messages} messages; a reader follows"
    )?;
    writeln!(
        out,
        "appended at once  msg/s      CPU us/msg  of it writer  msg/commit  sync ms"
    )?;
    for batch in [1, 10, 25, 100, 1000] {
        let dir = Path::new(&base).join(format!("append-rate-{}", std::process::id()));
        run(&mut out, &dir, batch, messages)?;
        fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn run(out: &mut impl Write, dir: &Path, batch: u64, messages: u64) -> io::Result<()> {
    let config = JournalSection::default();
    let journal =
        Arc::new(LocalJournal::open(dir, &config, &["reader"]).map_err(io::Error::other)?);
    let done = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (journal, done) = (Arc::clone(&journal), Arc::clone(&done));
        move || follow(&*journal, &done)
    });
    let (cpu, began) = (cpu_ns(None)?, Instant::now());
    let writer = cpu_ns(Some("journal"))?;
    send(&*journal, batch, messages);
    let seconds = began.elapsed().as_secs_f64();
    let (cpu, writer) = (cpu_ns(None)? - cpu, cpu_ns(Some("journal"))? - writer);
    done.store(true, Ordering::Release);
    let read = reader
        .join()
        .map_err(|_| io::Error::other("the reader panicked"))?;
    let status = journal.status();
    assert_eq!(read, status.committed_messages);
    let per = |ns: u64, n: u64| ns as f64 / n.max(1) as f64;
    writeln!(
        out,
        "{batch:16}  {:9.0}  {:10.3}  {:12.3}  {:10.1}  {:7.3}",
        read as f64 / seconds,
        per(cpu, read) / 1e3,
        per(writer, read) / 1e3,
        per(status.committed_messages, status.commits),
        per(status.sync_ns, status.commits) / 1e6,
    )
}

fn send(journal: &dyn Appender, batch: u64, messages: u64) {
    let committed = Arc::new(Committed::default());
    let listener: Arc<dyn CommitListener> = committed.clone();
    let message = Message {
        received: Timestamp(1_800_000_000_000_000_000),
        ingress: Ingress::Broker,
        client: "press-17",
        topic: "devices/press-17/telemetry",
        payload: &[b'x'; PAYLOAD],
        qos: 1,
        retained: false,
        duplicate: false,
    };
    let group = vec![message; batch as usize];
    let mut ends = std::collections::VecDeque::new();
    for _ in 0..messages.div_ceil(batch) {
        let end = loop {
            match journal.append(&group, Some(&listener)) {
                Ok(appended) => break appended.end,
                Err(AppendError::Busy { .. }) => thread::sleep(Duration::from_micros(100)),
                Err(error) => panic!("{error}"),
            }
        };
        ends.push_back(end);
        if ends.len() as u64 > WINDOW.max(100 / batch) {
            wait(&committed, ends.pop_front().unwrap_or_default());
        }
    }
    wait(&committed, ends.pop_back().unwrap_or_default());
}

fn wait(committed: &Committed, end: Position) {
    let mut position = committed.position.lock();
    while *position < end {
        committed.moved.wait(&mut position);
    }
}

fn follow(journal: &dyn Log, done: &AtomicBool) -> u64 {
    let mut reader = journal
        .reader(journal.start())
        .expect("the journal starts there");
    let mut read = 0;
    loop {
        match reader.next(Duration::from_millis(100)) {
            Ok(Some(chunk)) => read += chunk.records().filter(|r| r.content.is_ok()).count() as u64,
            Ok(None) if done.load(Ordering::Acquire) => return read,
            Ok(None) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Time on the CPU of all threads, or of those with a name.
fn cpu_ns(name: Option<&str>) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let path = thread?.path();
        if name.is_none_or(|name| {
            fs::read_to_string(path.join("comm")).is_ok_and(|c| c.trim() == name)
        }) {
            let stat = fs::read_to_string(path.join("schedstat"))?;
            sum += stat
                .split(' ')
                .next()
                .and_then(|ns| ns.parse::<u64>().ok())
                .unwrap_or(0);
        }
    }
    Ok(sum)
}

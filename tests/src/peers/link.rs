//! A link that can be cut: a TCP proxy in this process. A cut link carries no
//! byte and closes nothing, as a cable that is pulled: connections hang, new
//! ones get no answer. When it is back, what hung is gone, as behind a router
//! that has forgotten it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::listener::Listener;
use crate::Address;

/// How often a thread that waits for bytes looks whether the link was cut.
const LOOK: Duration = Duration::from_millis(50);

/// A running proxy.
#[derive(Debug)]
pub struct Link {
    address: Address,
    shared: Arc<Shared>,
    _listener: Listener,
}

#[derive(Debug)]
struct Shared {
    to: Address,
    cut: AtomicBool,
    /// Connections since the start.
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// A link to `to`, whole at first.
    pub fn start(to: &Address) -> Self {
        let shared = Arc::new(Shared {
            to: to.clone(),
            cut: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
        });
        let for_thread = shared.clone();
        let listener = Listener::start(move |stream| {
            for_thread.connections.fetch_add(1, Ordering::Release);
            connect(&for_thread, stream);
        });
        Self {
            address: Address::new(listener.address()),
            shared,
            _listener: listener,
        }
    }

    /// Where to connect instead.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Connections that were tried, also while the link was cut.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::Release);
    }

    pub fn restore(&self) {
        for stream in self.shared.open().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.cut.store(false, Ordering::Release);
    }
}

fn connect(shared: &Arc<Shared>, near: TcpStream) {
    let mut open = shared.open();
    if !shared.cut.load(Ordering::Acquire)
        && let Ok(far) = TcpStream::connect(shared.to.get())
    {
        for (from, to) in [(&near, &far), (&far, &near)] {
            if let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) {
                let shared = shared.clone();
                thread::spawn(move || carry(&shared, from, to));
            }
        }
        open.push(far);
    }
    open.push(near);
}

/// Until one end closes. While the link is cut, nothing passes.
fn carry(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let _ = from.set_read_timeout(Some(LOOK));
    let mut buffer = [0; 16 * 1024];
    loop {
        if shared.cut.load(Ordering::Acquire) {
            // Whoever hangs is closed when the link is back.
            return;
        }
        match from.read(&mut buffer) {
            Ok(count @ 1..) => {
                if shared.cut.load(Ordering::Acquire) || to.write_all(&buffer[..count]).is_err() {
                    return;
                }
            }
            Err(error) if crate::mqtt::is_timeout(&error) => {}
            Ok(_) | Err(_) => {
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

//! Worker threads. One that fails or panics ends Weir with a reason: a supervisor
//! starts it again and the journal is replayed, which is better than to continue
//! without a part of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tracing::error;

/// Where a worker reports that it cannot continue.
#[derive(Clone, Debug)]
pub struct Fatal(mpsc::UnboundedSender<String>);

impl Fatal {
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }
}

#[derive(Debug)]
pub(crate) struct Threads {
    fatal: Fatal,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(crate) fn new(fatal: Fatal) -> Self {
        Self {
            fatal,
            handles: Vec::new(),
        }
    }

    /// A thread that can fail only by a panic.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<()> {
        self.try_spawn(name, move || {
            work();
            Ok(())
        })
    }

    pub(crate) fn try_spawn(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let fatal = self.fatal.clone();
        let run = move || {
            let reason = match catch_unwind(AssertUnwindSafe(work)) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{name}: {error:#}"),
                Err(_) => format!("{name}: it panicked; the log says where"),
            };
            error!(worker = name, reason, "worker failed");
            // Nobody listens once Weir is stopping anyway.
            let _ = fatal.0.send(reason);
        };
        let handle = Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .context("cannot start a thread")?;
        self.handles.push(handle);
        Ok(())
    }

    /// Waits until all have ended; false when they have not in this time, and
    /// are abandoned.
    pub(crate) async fn join_within(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.handles.iter().all(JoinHandle::is_finished) {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }

    /// Waits until all have ended.
    pub(crate) async fn join(self) {
        let join = || {
            self.handles
                .into_iter()
                .for_each(|handle| drop(handle.join()))
        };
        if let Err(error) = tokio::task::spawn_blocking(join).await {
            error!(%error, "cannot wait for the workers");
        }
    }
}

//! The threads that parse and plan. Each statement has its own: a parser or planner
//! that does not come back cannot be stopped, but it takes no thread from others.
//!
//! A plan that misses its deadline by [`GRACE`], or whose client left, is abandoned:
//! its place is free for another thread, and [`PlanThreads::stuck`] counts it until it
//! ends. With [`MAX_ABANDONED`] of them no further statement is planned.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use datafusion::error::{DataFusionError, Result};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

/// Most threads that were given up and still run.
const MAX_ABANDONED: usize = 8;
/// Between the deadline, at which a plan stops itself, and giving it up.
const GRACE: Duration = Duration::from_secs(1);
/// A thread that was given up for so long is reported.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum PlanError {
    Timeout,
    /// All places are taken.
    Busy,
    Failed(DataFusionError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct PlanThreads {
    places: Semaphore,
    stack_bytes: usize,
    next: AtomicU64,
    threads: Arc<Mutex<Threads>>,
}

#[derive(Debug, Default)]
struct Threads {
    /// Since when each running thread is given up; `None`: it is waited for.
    running: HashMap<u64, Option<Instant>>,
}

/// The end of a thread, however it ends.
struct Running(Arc<Mutex<Threads>>, u64);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().running.remove(&self.1);
    }
}

/// Gives a thread up when nobody waits for it.
struct Waiter(Arc<Mutex<Threads>>, u64);

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(since) = self.0.lock().running.get_mut(&self.1) {
            *since = Some(Instant::now());
        }
    }
}

impl PlanThreads {
    pub(crate) fn new(places: usize, stack_bytes: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            stack_bytes,
            next: AtomicU64::new(0),
            threads: Arc::default(),
        }
    }

    /// Threads that were given up some time ago and still run.
    pub(crate) fn stuck(&self) -> usize {
        let threads = self.threads.lock();
        let since = threads.running.values().flatten();
        since.filter(|since| since.elapsed() >= STUCK_AFTER).count()
    }

    /// Whether no further statement is planned.
    pub(crate) fn is_full(&self) -> bool {
        self.abandoned() >= MAX_ABANDONED
    }

    fn abandoned(&self) -> usize {
        self.threads.lock().running.values().flatten().count()
    }

    /// Runs `future` on a thread of its own within `runtime`.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        runtime: Handle,
        deadline: Instant,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T, PlanError> {
        let place = timeout_at(deadline, self.places.acquire()).await;
        let _place = place.map_err(|_| PlanError::Busy)?;
        if self.is_full() {
            return Err(PlanError::Busy);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.threads.lock().running.insert(id, None);
        let running = Running(self.threads.clone(), id);
        let (mut sender, receiver) = oneshot::channel();
        let work = move || {
            let planned = runtime.block_on(async {
                tokio::select! {
                    planned = timeout_at(deadline, future) => Some(planned),
                    () = sender.closed() => None,
                }
            });
            // Before the answer, after which nobody waits for it.
            drop(running);
            if let Some(planned) = planned {
                let _ = sender.send(planned);
            }
        };
        let thread = thread::Builder::new()
            .name("weir-plan".to_owned())
            .stack_size(self.stack_bytes);
        if thread.spawn(work).is_err() {
            return Err(PlanError::Busy);
        }
        let _waiter = Waiter(self.threads.clone(), id);
        match timeout_at(deadline + GRACE, receiver).await {
            Err(_) | Ok(Ok(Err(_))) => Err(PlanError::Timeout),
            Ok(Ok(Ok(planned))) => planned.map_err(PlanError::Failed),
            Ok(Err(_)) => Err(PlanError::Failed(DataFusionError::Internal(
                "planning ended without a result".to_owned(),
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn threads_that_nobody_waits_for_are_given_up_until_they_end() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let threads = PlanThreads::new(1, 1 << 20);
        let (release, blocked) = mpsc::channel::<()>();
        let (started, is_started) = mpsc::channel();
        let handle = runtime.handle().clone();
        let deadline = Instant::now() + Duration::from_secs(60);
        runtime.block_on(async {
            let stuck = threads.run(handle.clone(), deadline, async move {
                let _ = started.send(());
                let _ = blocked.recv();
                Ok(())
            });
            let client = async {
                tokio::task::block_in_place(|| is_started.recv()).unwrap();
            };
            tokio::select! {
                biased;
                _ = stuck => unreachable!("it is blocked"),
                () = client => {}
            }
            assert_eq!(threads.abandoned(), 1);
            // The only place is free again.
            let next = threads.run(handle.clone(), deadline, async { Ok(7) }).await;
            assert!(matches!(next, Ok(7)));
        });
        drop(release);
        while threads.abandoned() > 0 {
            thread::yield_now();
        }
    }
}

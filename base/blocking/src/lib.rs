//! Work that blocks a thread (files, name resolution), called from async code.

use std::panic::resume_unwind;

use tokio::task::spawn_blocking;

/// Runs `work` on a thread for blocking work and returns its value.
///
/// A panic in `work` continues in the caller. A runtime that shuts down cancels
/// work that has not begun; the caller then waits here until the runtime drops
/// it, as it does with every task.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work)
        .await
        .map_err(|error| error.try_into_panic())
    {
        Ok(value) => value,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_cancelled)) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::blocking;

    #[tokio::test]
    async fn the_value_of_the_work_is_returned() {
        assert_eq!(blocking(|| 6 * 7).await, 42);
    }

    #[tokio::test]
    #[should_panic(expected = "the file is gone")]
    async fn a_panic_continues_in_the_caller() {
        blocking(|| panic!("the file is gone")).await
    }

    /// Sets its flag when a panic drops it.
    struct Watch(Arc<AtomicBool>);

    impl Drop for Watch {
        fn drop(&mut self) {
            self.0.fetch_or(std::thread::panicking(), Ordering::SeqCst);
        }
    }

    #[test]
    fn a_runtime_that_shuts_down_cancels_the_caller_without_a_panic() {
        let has_panicked = Arc::new(AtomicBool::new(false));
        for _ in 0..100 {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(2)
                .build()
                .expect("a runtime");
            for _ in 0..20 {
                let watch = Watch(has_panicked.clone());
                runtime.spawn(async move {
                    let _watch = watch;
                    loop {
                        blocking(|| ()).await;
                    }
                });
            }
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        assert!(!has_panicked.load(Ordering::SeqCst));
    }
}

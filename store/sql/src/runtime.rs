//! The threads that queries run on: not the server's, which have other work, and
//! with stacks that hold the deepest expression that is let through.

use std::fmt;
use std::time::Duration;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

/// DataFusion walks expressions and plans by recursion: up to 30 kB per level in
/// a debug build. Only what is used of a stack takes memory.
const STACK_BYTES: usize = 128 << 20;
/// Batches that wait for the reader.
const BATCHES_AHEAD: usize = 2;
const MAX_THREADS: usize = 4;

pub(crate) struct QueryRuntime(Option<Runtime>);

impl QueryRuntime {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads())
            .thread_name("weir-query")
            .thread_stack_size(STACK_BYTES)
            .thread_keep_alive(Duration::from_secs(1))
            .enable_time()
            .build()
            .expect("a system that cannot start a thread cannot run Weir");
        Self(Some(runtime))
    }

    fn runtime(&self) -> &Runtime {
        self.0
            .as_ref()
            .expect("it is taken only when it is dropped")
    }

    /// Runs a future there; it is stopped when nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let task = AbortOnDrop(self.runtime().spawn(future));
        let mut task = task;
        (&mut task.0)
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))?
    }

    /// Reads a stream there, a few batches ahead of the reader.
    pub(crate) fn drive(&self, mut stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStreamBuilder::new(stream.schema(), BATCHES_AHEAD);
        let batches = builder.tx();
        let handle = self.runtime().handle().clone();
        builder.spawn_on(
            async move {
                while let Some(batch) = stream.next().await {
                    if batches.send(batch).await.is_err() {
                        break;
                    }
                }
                Ok(())
            },
            &handle,
        );
        builder.build()
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A query may hold up at most so many threads.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_THREADS)
}

impl fmt::Debug for QueryRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueryRuntime")
    }
}

impl Drop for QueryRuntime {
    fn drop(&mut self) {
        // Waiting is not allowed where the store may be dropped.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

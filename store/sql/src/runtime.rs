//! The threads that queries run on. They are separate from the server's threads and
//! have stacks for the deepest expression that is accepted.

use std::fmt;
use std::time::Duration;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

/// DataFusion walks expressions and plans by recursion: up to 30 kB per level in a
/// debug build. Only the used part of a stack takes memory.
const STACK_BYTES: usize = 128 << 20;
/// Batches that are produced ahead of the reader.
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

    /// Runs a future on these threads; dropping the returned future stops it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut task = AbortOnDrop(self.runtime().spawn(future));
        (&mut task.0)
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))?
    }

    /// Reads a stream on these threads, a few batches ahead of the reader.
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

/// Number of threads that a query may use.
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
        // The store may be dropped where blocking is not allowed.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

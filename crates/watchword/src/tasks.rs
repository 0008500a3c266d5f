//! Work that outlives the request it came from.

use futures::future::BoxFuture;
use opentelemetry::trace::FutureExt as _;
use tokio_util::task::TaskTracker;
use watchword_core::ports::Tasks;

use crate::telemetry::traces;

/// Runs work on the runtime and knows when all of it is done. Cheap to clone; clones share the work.
#[derive(Clone, Debug, Default)]
pub struct BackgroundTasks(TaskTracker);

impl BackgroundTasks {
    /// Waits until nothing runs any more. Work may still be added meanwhile, and is waited for too.
    pub async fn finished(&self) {
        self.0.close();
        self.0.wait().await;
    }

    /// How much runs now.
    pub fn running(&self) -> usize {
        self.0.len()
    }
}

impl Tasks for BackgroundTasks {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        match traces::current() {
            Some(trace) => self.0.spawn(work.with_context(trace)),
            None => self.0.spawn(work),
        };
    }
}

//! Background work on tokio.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::watch;
use watchword_core::ports::Tasks;

use crate::deadline::within;

/// Runs background work on the tokio runtime it is used in, and knows when all of it is done.
#[derive(Debug)]
pub struct TokioTasks {
    running: Arc<watch::Sender<usize>>,
}

impl TokioTasks {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self { running: Arc::new(watch::Sender::new(0)) }
    }

    /// Waits until nothing runs any more.
    ///
    /// # Panics
    /// Something still runs at the [`DEADLINE`](crate::deadline::DEADLINE).
    pub async fn idle(&self) {
        let mut running = self.running.subscribe();
        // The sender lives as long as `self`.
        within("background work to end", running.wait_for(|running| *running == 0)).await.expect("borrowed");
    }
}

impl Default for TokioTasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks for TokioTasks {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.running.send_modify(|running| *running += 1);
        let running = Running(Arc::clone(&self.running));
        tokio::spawn(async move {
            let _running = running;
            work.await;
        });
    }
}

/// Counts down also when the work panics or is aborted.
struct Running(Arc<watch::Sender<usize>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_idle_once_all_work_ended_even_by_a_panic() {
        let tasks = TokioTasks::new();
        tasks.idle().await;
        let (finish, finished) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn(Box::pin(async { panic!("on purpose") }));
        tasks.spawn(Box::pin(async {
            let _ = finished.await;
        }));
        let idle = tokio::spawn(async move { tasks.idle().await });
        tokio::task::yield_now().await;
        assert!(!idle.is_finished());
        finish.send(()).unwrap();
        idle.await.unwrap();
    }
}

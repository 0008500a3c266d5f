//! Work that ends, whether its caller stays or not.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::ports::Tasks;

/// Runs in its caller's place while the caller waits, and in the background once the caller is gone: a client that hangs up must
/// not leave a message behind that was just made durable. Costs no task while nobody hangs up.
pub(super) struct Unabandoned<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    tasks: Arc<dyn Tasks>,
}

impl<T: Send + 'static> Unabandoned<T> {
    pub(super) fn new(tasks: &Arc<dyn Tasks>, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(work.boxed()), tasks: Arc::clone(tasks) }
    }
}

impl<T: Send + 'static> Future for Unabandoned<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = self.work.as_mut() else { return Poll::Pending };
        let result = work.as_mut().poll(context);
        if result.is_ready() {
            self.work = None;
        }
        result
    }
}

impl<T: Send + 'static> Drop for Unabandoned<T> {
    fn drop(&mut self) {
        // Work that panicked must not be polled again.
        if let Some(work) = self.work.take().filter(|_| !std::thread::panicking()) {
            self.tasks.spawn(work.map(drop).boxed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::channel::oneshot;
    use parking_lot::Mutex;

    use super::*;

    /// Keeps what is spawned, for the test to run.
    #[derive(Default)]
    struct Later(Mutex<Vec<BoxFuture<'static, ()>>>);

    impl Tasks for Later {
        fn spawn(&self, work: BoxFuture<'static, ()>) {
            self.0.lock().push(work);
        }
    }

    #[test]
    fn it_goes_on_when_its_caller_leaves_and_only_then() {
        for leaves in [false, true] {
            let later = Arc::new(Later::default());
            let tasks = Arc::clone(&later) as Arc<dyn Tasks>;
            let done = Arc::new(AtomicBool::new(false));
            let (go, gone) = oneshot::channel::<()>();
            let mark = Arc::clone(&done);
            let mut work = Unabandoned::new(&tasks, async move {
                let _ = gone.await;
                mark.store(true, Ordering::SeqCst);
            });
            assert_eq!((&mut work).now_or_never(), None);
            if leaves {
                drop(work);
                go.send(()).unwrap();
                let left_behind = later.0.lock().pop().expect("it went to the background");
                assert_eq!(left_behind.now_or_never(), Some(()));
            } else {
                go.send(()).unwrap();
                assert_eq!(work.now_or_never(), Some(()));
            }
            assert!(done.load(Ordering::SeqCst) && later.0.lock().is_empty(), "leaves: {leaves}");
        }
    }
}

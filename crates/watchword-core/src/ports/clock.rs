use futures::future::BoxFuture;

use crate::time::Timestamp;

/// The time. Tests drive their own; on a shared store all nodes follow the store's.
pub trait Clock: Send + Sync + 'static {
    /// The time now. It never goes back.
    fn now(&self) -> Timestamp;

    /// The time that this machine shows, for what other services compare with their own clocks. It may go back.
    fn machine(&self) -> Timestamp {
        self.now()
    }

    /// Waits until `at`; returns at once when that is past.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

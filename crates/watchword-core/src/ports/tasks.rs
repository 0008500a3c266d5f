use futures::future::BoxFuture;

/// Runs work that outlives the request it came from. Shutdown waits for it.
pub trait Tasks: Send + Sync + 'static {
    /// Starts `work` in the background.
    fn spawn(&self, work: BoxFuture<'static, ()>);
}

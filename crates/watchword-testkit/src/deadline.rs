//! Waiting for a condition in real time, never longer than a deadline.

use std::time::Duration;

/// The longest any wait of a test takes before it fails: far longer than anything takes that works, on a busy machine too.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for `work`.
///
/// # Panics
/// It is not done by [`DEADLINE`]; the text says `what` was waited for.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited {DEADLINE:?} in vain for: {what}"),
    }
}

/// Looks again and again until `look` finds something. For what tells nobody when it changes, such as an HTTP endpoint.
///
/// # Panics
/// It finds nothing by [`DEADLINE`]; the text says `what` was waited for.
pub async fn eventually<T, Looking>(what: &str, mut look: impl FnMut() -> Looking) -> T
where
    Looking: Future<Output = Option<T>>,
{
    within(what, async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    })
    .await
}

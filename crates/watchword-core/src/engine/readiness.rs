//! Whether the store is ready, asked once for all who ask at about the same time.

use std::time::Duration;

use futures::lock::Mutex;

use super::Engine;
use crate::error::Error;
use crate::time::Timestamp;

/// How long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The last answer, and when it was asked for.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<(Timestamp, Result<(), Error>)>>);

impl Engine {
    /// Whether the store can take work, as it said within the last second: probes may come from anybody, and a store may have to
    /// write to know. One asks at a time; whoever comes meanwhile waits for that answer.
    ///
    /// # Errors
    /// What the store says.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut last = self.readiness.0.lock().await;
        let now = self.now();
        if let Some((asked_at, answer)) = &*last
            && now < asked_at.after(GOOD_FOR)
        {
            return answer.clone();
        }
        let answer = self.parts.store.ready().await.map_err(Error::from);
        *last = Some((now, answer.clone()));
        answer
    }
}

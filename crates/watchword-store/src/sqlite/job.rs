//! An operation on its way to a thread that owns a connection, and its answer on the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::channel::oneshot;
use watchword_core::ports::StoreError;

use super::tables::Tables;

/// One operation, and whoever waits for it.
pub(super) trait Job: Send {
    /// Whether nobody waits any more.
    fn is_abandoned(&self) -> bool;

    /// Does it, and keeps its result until [`Self::reply`].
    ///
    /// # Errors
    /// SQLite refused a step: what the job has written must be undone.
    fn run(&mut self, tables: &Tables<'_>) -> Result<(), StoreError>;

    /// Hands the result over: the job's own, if `batch` stands.
    fn reply(self: Box<Self>, batch: &Result<(), StoreError>);
}

/// [`Job::run`]; a panic in one operation must not take the thread away from all others.
pub(super) fn run(job: &mut dyn Job, tables: &Tables<'_>) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(|| job.run(tables)))
        .unwrap_or_else(|_| Err(StoreError::unavailable("an operation of the store panicked")))
}

struct Operation<Work, T> {
    work: Option<Work>,
    result: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

/// The answer to a job.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A job that does `work`, and where its answer comes.
pub(super) fn job<T, Work>(work: Work) -> (Box<dyn Job>, Answer<T>)
where
    T: Send + 'static,
    Work: FnOnce(&Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let never_run = Err(StoreError::unavailable("the operation was not run"));
    (Box::new(Operation { work: Some(work), result: never_run, reply }), answer)
}

impl<T, Work> Job for Operation<Work, T>
where
    T: Send,
    Work: FnOnce(&Tables<'_>) -> rusqlite::Result<T> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_canceled()
    }

    fn run(&mut self, tables: &Tables<'_>) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.result = work(tables).map_err(StoreError::unavailable);
        self.result.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn reply(self: Box<Self>, batch: &Result<(), StoreError>) {
        let result = match batch {
            Ok(()) => self.result,
            Err(error) => self.result.and_then(|_| Err(error.clone())),
        };
        // Whoever asked may have gone; the operation stands all the same.
        let _ = self.reply.send(result);
    }
}

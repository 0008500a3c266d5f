//! The one thread that writes: many operations a commit, and no answer before the commit stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use watchword_core::ports::{Observer, StoreError};

use super::checkpoint::{self, WalWatch};
use super::job::{self, Job};
use super::queue::Queue;
use super::tables::{LookupHash, Tables};

/// Operations in one commit, at most.
const MAX_BATCH: usize = 256;

/// With fewer operations in the last commit than this, nobody else is expected, and the next ones don't wait.
const LINGER_FROM: usize = 3;

/// After a failure, so many operations have a commit each: on a full disk those that need no room then go on, whatever the
/// others ask for.
const ALONE_AFTER_FAILURE: u32 = 256;

/// Owns the connection that writes.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) hash: LookupHash,
    pub(super) queue: Arc<Queue<Box<dyn Job>>>,
    pub(super) linger: Duration,
    pub(super) wal: WalWatch,
    pub(super) observer: Arc<dyn Observer>,
    /// Whether commits work, as far as is known.
    pub(super) healthy: Arc<AtomicBool>,
}

impl Writer {
    /// Runs until the queue is closed and empty; gives the connection back for a last checkpoint.
    pub(super) fn run(self) -> Connection {
        let Self { connection, hash, queue, linger, mut wal, observer, healthy } = self;
        let commits = Commits { tables: Tables::new(&connection, hash), observer, healthy };
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let (mut wanted, mut alone) = (1, 0_u32);
        while queue.take(&mut batch, MAX_BATCH, wanted, linger) {
            // Where several came together, more are on their way: their clients have just had their answers.
            wanted = if batch.len() < LINGER_FROM { 1 } else { batch.len() * 2 };
            batch.retain(|job| !job.is_abandoned());
            if alone == 0 {
                if commits.commit(&mut batch) == Committed::Failed {
                    alone = ALONE_AFTER_FAILURE;
                    // A log that was copied starts again from its beginning, which needs no room.
                    checkpoint::checkpoint(&connection);
                }
            } else {
                for job in batch.drain(..) {
                    let failed = commits.commit(&mut vec![job]) == Committed::Failed;
                    alone = if failed { ALONE_AFTER_FAILURE } else { alone.saturating_sub(1) };
                }
            }
            wal.after_commit(&connection);
        }
        drop(commits);
        connection
    }
}

/// Makes batches durable.
struct Commits<'connection> {
    tables: Tables<'connection>,
    observer: Arc<dyn Observer>,
    healthy: Arc<AtomicBool>,
}

/// What came of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Committed {
    /// It stands.
    Done,
    /// Another process was writing for too long.
    NotBegun,
    /// The disk, or SQLite, refused it.
    Failed,
}

impl Commits<'_> {
    /// Does the jobs in one transaction and answers them.
    fn commit(&self, jobs: &mut Vec<Box<dyn Job>>) -> Committed {
        if jobs.is_empty() {
            return Committed::Done;
        }
        #[expect(clippy::disallowed_methods, reason = "measures how long the disk takes, for metrics only")]
        let started = Instant::now();
        let before = self.tables.connection().total_changes();
        let result = self.transaction(jobs);
        let committed = match &result {
            Ok(()) => {
                if self.tables.connection().total_changes() != before {
                    self.observer.committed(jobs.len(), started.elapsed());
                }
                Committed::Done
            }
            Err(StoreError::Busy) => Committed::NotBegun,
            Err(error) => {
                // Once: on a full disk there would be a line for every request.
                if self.healthy.swap(false, Ordering::Relaxed) {
                    tracing::error!(%error, "the store could not commit; it is not ready until it can");
                }
                Committed::Failed
            }
        };
        for job in jobs.drain(..) {
            job.reply(&result);
        }
        committed
    }

    /// # Errors
    /// Nothing of it stands, or ([`StoreError::OutcomeUnknown`]) nobody knows.
    fn transaction(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let connection = self.tables.connection();
        self.tables.execute("BEGIN IMMEDIATE", []).map_err(not_begun)?;
        for job in jobs {
            let before = connection.total_changes();
            let Err(error) = job::run(job.as_mut(), &self.tables) else { continue };
            if connection.total_changes() != before || connection.is_autocommit() {
                // Undoing it undoes the others too: most errors roll the whole transaction back by themselves.
                self.roll_back();
                return Err(error);
            }
        }
        self.tables.execute("COMMIT", []).map(drop).map_err(|error| {
            self.roll_back();
            not_committed(error)
        })
    }

    fn roll_back(&self) {
        if !self.tables.connection().is_autocommit()
            && let Err(error) = self.tables.execute("ROLLBACK", [])
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}

fn not_begun(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::unavailable(error),
    }
}

/// On a full disk the page that makes a commit count was not written. Else it may have been, though not surely on the disk.
fn not_committed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::unavailable(error),
        _ => StoreError::outcome_unknown(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use parking_lot::Mutex;

    use super::super::job::Answer;
    use super::super::open::Database;
    use super::super::queue::Room;
    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<usize>>);

    impl Observer for Seen {
        fn committed(&self, operations: usize, _: Duration) {
            self.0.lock().push(operations);
        }
    }

    /// A writer whose queue is filled before it runs.
    struct Stage {
        folder: tempfile::TempDir,
        writer: Writer,
        commits: Arc<Seen>,
        healthy: Arc<AtomicBool>,
    }

    impl Stage {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let Database { writer: mut connection, hash, .. } =
                Database::for_server(&folder.path().join("watchword.db"), None).unwrap();
            let wal = WalWatch::new(&mut connection, sync_channel(1).0).unwrap();
            let (commits, healthy) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(true)));
            let writer = Writer {
                connection,
                hash,
                queue: Arc::new(Queue::new(1_000, 0)),
                linger: Duration::ZERO,
                wal,
                observer: Arc::clone(&commits) as Arc<dyn Observer>,
                healthy: Arc::clone(&healthy),
            };
            Self { folder, writer, commits, healthy }
        }

        fn ask<T: Send + 'static>(
            &self,
            work: impl FnOnce(&Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
        ) -> Answer<T> {
            let (job, answer) = job::job(work);
            self.writer.queue.push(job, Room::Ordinary).unwrap();
            answer
        }

        /// Runs what was asked for; yields the bytes that stand in the table `probe`, and the sizes of the commits.
        fn run(self) -> (Vec<u8>, Vec<usize>, bool) {
            self.writer.queue.close();
            let connection = self.writer.run();
            let sql = "SELECT CAST(filler AS BLOB) FROM probe ORDER BY filler";
            let mut statement = connection.prepare(sql).unwrap();
            let stored = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
            let stored = stored.flat_map(Result::unwrap).collect();
            drop(self.folder);
            (stored, self.commits.0.lock().clone(), self.healthy.load(Ordering::Relaxed))
        }
    }

    fn store(byte: u8) -> impl FnOnce(&Tables<'_>) -> rusqlite::Result<u8> + Send {
        move |rows| rows.execute("INSERT INTO probe VALUES (?)", [[byte]]).map(|_| byte)
    }

    fn answered<T>(mut answer: Answer<T>) -> Result<T, StoreError> {
        answer.try_recv().unwrap().expect("no answer")
    }

    #[test]
    fn operations_that_wait_together_share_one_commit() {
        let stage = Stage::new();
        let answers: Vec<_> = (0..20).map(|byte| stage.ask(store(byte))).collect();
        assert_eq!(stage.run(), ((0..20).collect(), vec![20], true));
        let answers: Vec<_> = answers.into_iter().map(|answer| answered(answer).unwrap()).collect();
        assert_eq!(answers, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_failed_commit_fails_every_operation_of_its_batch_and_readiness() {
        let mut stage = Stage::new();
        stage.writer.connection.commit_hook(Some(|| true)).unwrap();
        let answers = [stage.ask(store(1)), stage.ask(store(2))];
        let read = stage.ask(|_| Ok(()));
        assert_eq!(stage.run(), (vec![], vec![], false));
        for answer in answers {
            assert!(matches!(answered(answer), Err(StoreError::OutcomeUnknown(_))));
        }
        assert!(answered(read).is_err());
    }

    #[test]
    fn an_operation_that_fails_before_it_writes_fails_alone() {
        let stage = Stage::new();
        let (before, after) = (stage.ask(store(1)), stage.ask(store(3)));
        let damaged = stage.ask(|_| Err::<(), _>(rusqlite::Error::InvalidQuery));
        let panics = stage.ask(|_| -> rusqlite::Result<()> { panic!("on purpose") });
        let last = stage.ask(store(4));
        assert_eq!(stage.run(), (vec![1, 3, 4], vec![5], true));
        assert!([before, after, last].into_iter().all(|answer| answered(answer).is_ok()));
        assert!(matches!(answered(damaged), Err(StoreError::Unavailable(_))));
        assert!(matches!(answered(panics), Err(StoreError::Unavailable(_))));
    }

    #[test]
    fn after_a_failure_operations_do_not_fail_with_their_neighbours() {
        fn fails(rows: &Tables<'_>) -> rusqlite::Result<()> {
            store(0)(rows)?;
            Err(rusqlite::Error::InvalidQuery)
        }
        let stage = Stage::new();
        let together: Vec<_> = (1..MAX_BATCH).map(|_| stage.ask(store(1))).collect();
        let failures = [stage.ask(fails), stage.ask(fails)];
        let alone = [stage.ask(store(2)), stage.ask(store(3))];
        assert_eq!(stage.run(), (vec![2, 3], vec![1, 1], false));
        assert!(together.into_iter().all(|answer| answered(answer).is_err()));
        assert!(failures.into_iter().all(|answer| answered(answer).is_err()));
        assert!(alone.into_iter().all(|answer| answered(answer).is_ok()));
    }

    #[test]
    fn what_fails_midway_leaves_nothing_behind() {
        let stage = Stage::new();
        let before = stage.ask(store(1));
        let midway = stage.ask(|rows| {
            store(2)(rows)?;
            Err::<(), _>(rusqlite::Error::InvalidQuery)
        });
        assert_eq!(stage.run(), (vec![], vec![], false));
        assert!(matches!(answered(before), Err(StoreError::Unavailable(_))));
        assert!(matches!(answered(midway), Err(StoreError::Unavailable(_))));
    }
}

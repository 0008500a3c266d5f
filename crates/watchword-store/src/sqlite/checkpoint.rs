//! Copies the write-ahead log into the database, away from the path of a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

/// So many new pages in the log (4 MiB) are worth a checkpoint.
const CHECKPOINT_EVERY: usize = 1_024;

/// At this length (32 MiB) the writer finishes the checkpoint itself. While it writes, the log never is copied whole; and only
/// a log that is copied whole starts again from its beginning.
const FINISH_AT: usize = 8_192;

/// How much later the next try is, when a reader kept the log from starting again.
const FINISH_AGAIN_AFTER: usize = 256;

/// The writer's eye on the length of the log.
pub(super) struct WalWatch {
    pages: Arc<AtomicUsize>,
    last: usize,
    checkpoint_at: usize,
    finish_at: usize,
    bell: SyncSender<()>,
}

impl WalWatch {
    /// Learns from `connection` how long the log is after each of its commits; rings `bell` when it is time for a checkpoint.
    pub(super) fn new(connection: &mut Connection, bell: SyncSender<()>) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, length: i32| {
            seen.store(usize::try_from(length).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, last: 0, checkpoint_at: CHECKPOINT_EVERY, finish_at: FINISH_AT, bell })
    }

    /// To be called between two transactions of the writer.
    pub(super) fn after_commit(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.last {
            (self.checkpoint_at, self.finish_at) = (CHECKPOINT_EVERY, FINISH_AT);
        }
        self.last = pages;
        if pages >= self.finish_at {
            self.finish_at = pages + FINISH_AGAIN_AFTER;
            checkpoint(connection);
        } else if pages >= self.checkpoint_at {
            self.checkpoint_at = pages + CHECKPOINT_EVERY;
            // Full: it was rung before and not heard yet, which is as good.
            let _ = self.bell.try_send(());
        }
    }
}

/// Runs until the writer is gone.
pub(super) fn run(connection: &Connection, bell: &Receiver<()>) {
    while bell.recv().is_ok() {
        checkpoint(connection);
    }
}

/// Copies what it can without waiting for anybody.
pub(super) fn checkpoint(connection: &Connection) {
    if let Err(error) = connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE) {
        // The log keeps everything; the next commits try again.
        tracing::warn!(%error, "the write-ahead log could not be copied into the database");
    }
}

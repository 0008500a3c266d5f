//! The embedded store: one SQLite file, one thread that writes it, one that reads.
//!
//! Every operation is a job. Those that write go to the writer's queue; its thread puts all that wait into one transaction
//! ([`writer`]), and answers them once that is on the disk. Questions go to the reader's queue, so that they wait for no disk.
//! A third thread copies the write-ahead log into the database ([`checkpoint`]).

mod checkpoint;
mod copy;
mod counts;
mod deliveries;
mod history;
mod job;
mod open;
mod operations;
mod purge;
mod queue;
mod reader;
mod row;
mod tables;
mod verifications;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use futures::channel::oneshot;
use parking_lot::Mutex;
use rusqlite::Connection;
use watchword_core::address::{Channel, Target};
use watchword_core::delivery::{Delivery, DeliveryId};
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::{Namespace, Partition};
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Claimed, DeleteOutcome, DeliveryQuery, Enqueue, Extend, Fenced, Hasten,
    HastenOutcome, KeyUse, NewestTarget, Observer, Purged, Receipt, Resend, Retention, SealedRow, Select,
    SendOutcome, SetAddress, Settlement, Silent, Start, StartOutcome, Store, StoreError, StoreStats,
};
use watchword_core::throttle::{ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Verification, Vid};

use checkpoint::WalWatch;
pub use copy::{Copied, CopyError, copy};
use deliveries::Records;
use job::{Answer, Job};
use open::Database;
pub use open::OpenError;
use queue::{Queue, Refused, Room};
use tables::Tables;
use writer::Writer;

/// Questions that may wait.
const READ_QUEUE: usize = 4_096;

/// Rows that one transaction of a purge removes: others wait behind it.
const PURGE_STEP: usize = 100;

/// How the store behaves. The default suits a server.
#[derive(Clone)]
pub struct SqliteOptions {
    /// How long records are kept.
    pub retention: Retention,
    /// How many operations that write may wait; past that they are refused as [`StoreError::Busy`].
    pub queue: usize,
    /// Room on top of `queue` for what makes others done: claims, settlements, cancellations, the purge.
    pub reserve: usize,
    /// How long a commit waits for more operations, where the last one had several.
    pub linger: Duration,
    /// The most pages of 4 KiB that the database may have; `None`: as many as the disk takes.
    pub max_page_count: Option<u32>,
    /// Is told of each commit.
    pub observer: Arc<dyn Observer>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            queue: 4_096,
            reserve: 1_024,
            linger: Duration::from_micros(300),
            max_page_count: None,
            observer: Arc::new(Silent),
        }
    }
}

/// Keeps everything in one SQLite database.
///
/// Dropping it waits for what is under way, as [`Self::close`] does.
pub struct SqliteStore {
    writes: Arc<Queue<Box<dyn Job>>>,
    reads: Arc<Queue<Box<dyn Job>>>,
    healthy: Arc<AtomicBool>,
    retention: Retention,
    threads: Mutex<Option<Threads>>,
}

impl SqliteStore {
    /// Opens the database of a server, and makes it where it is missing: the file for its owner only, as its folder.
    ///
    /// The server alone has it until it is closed; [`Self::open_shared`] is for tools beside it. Deliveries that an earlier
    /// process had claimed become due at once: nobody can have them any more.
    ///
    /// # Errors
    /// It can't be used; the text says why, and what to do.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, OpenError> {
        Self::start_threads(Database::for_server(path.as_ref(), options.max_page_count)?, options)
    }

    /// Opens a database that a server may be running on, for a short piece of work. It must be there, and up to date.
    ///
    /// # Errors
    /// It can't be used; the text says why, and what to do.
    pub fn open_shared(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, OpenError> {
        Self::start_threads(Database::for_tool(path.as_ref())?, options)
    }

    fn start_threads(mut database: Database, options: SqliteOptions) -> Result<Self, OpenError> {
        let (reader, checkpointer) = (database.reader()?, database.checkpointer()?);
        let writes = Arc::new(Queue::new(options.queue, options.reserve));
        let reads = Arc::new(Queue::new(READ_QUEUE, 0));
        let healthy = Arc::new(AtomicBool::new(true));
        let (bell, rung) = sync_channel(1);
        let wal = WalWatch::new(&mut database.writer, bell).map_err(|source| database.refused(source))?;
        let Database { writer: connection, hash, lock, .. } = database;
        let writer = Writer {
            connection,
            hash,
            queue: Arc::clone(&writes),
            linger: options.linger,
            wal,
            observer: options.observer,
            healthy: Arc::clone(&healthy),
        };
        let questions = Arc::clone(&reads);
        let threads = Threads {
            reader: spawn("store-reads", move || reader::run(&Tables::new(&reader, hash), &questions))?,
            checkpoints: spawn("store-checkpoints", move || checkpoint::run(&checkpointer, &rung))?,
            writer: spawn("store-writes", move || writer.run())?,
            lock,
        };
        Ok(Self { writes, reads, healthy, retention: options.retention, threads: Mutex::new(Some(threads)) })
    }

    /// Finishes what was asked for, puts everything into the database file and lets go of it. Operations fail from then on.
    pub async fn close(&self) {
        let Some(threads) = self.stop() else { return };
        let (done, finished) = oneshot::channel();
        let finish = move || {
            threads.finish();
            let _ = done.send(());
        };
        // The disk may take a while, and the runtime must not wait with us. Without a thread for it, the others end by themselves.
        if spawn("store-close", finish).is_ok() {
            let _ = finished.await;
        }
    }

    fn stop(&self) -> Option<Threads> {
        self.writes.close();
        self.reads.close();
        self.threads.lock().take()
    }

    async fn write<T: Send + 'static>(
        &self,
        room: Room,
        work: impl FnOnce(&Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = job::job(work);
        enqueue(&self.writes, job, room, answer).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tables<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = job::job(work);
        enqueue(&self.reads, job, Room::Ordinary, answer).await
    }

    const fn records(&self) -> Records {
        Records { kept: !self.retention.delivery_records.is_zero() }
    }
}

async fn enqueue<T>(
    queue: &Queue<Box<dyn Job>>,
    job: Box<dyn Job>,
    room: Room,
    answer: Answer<T>,
) -> Result<T, StoreError> {
    queue.push(job, room).map_err(|refused| match refused {
        Refused::Full => StoreError::Busy,
        Refused::Closed => StoreError::unavailable("the store is closed"),
    })?;
    answer.await.unwrap_or_else(|canceled| Err(StoreError::outcome_unknown(canceled)))
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, OpenError> {
    std::thread::Builder::new().name(name.into()).spawn(run).map_err(OpenError::Thread)
}

/// The threads, and the lock that lasts as long as they do.
struct Threads {
    writer: JoinHandle<Connection>,
    reader: JoinHandle<()>,
    checkpoints: JoinHandle<()>,
    lock: Option<std::fs::File>,
}

impl Threads {
    /// Waits for them, once their queues are closed.
    fn finish(self) {
        let Self { writer, reader, checkpoints, lock } = self;
        let connection = writer.join();
        // The writer's end is the end of the checkpoints.
        let others = [reader.join(), checkpoints.join()];
        if connection.is_err() || others.iter().any(Result::is_err) {
            tracing::error!("a thread of the store had panicked");
        }
        // The last one to leave puts the log into the database and removes it. Beside a tool that reads it stays: nothing is lost.
        if let Some(Err((_, error))) = connection.ok().map(Connection::close) {
            tracing::warn!(%error, "the database was not closed well");
        }
        drop(lock);
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(threads) = self.stop() {
            threads.finish();
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStore(…)")
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn start(&self, start: Start) -> Result<StartOutcome, StoreError> {
        let records = self.records();
        self.write(Room::Ordinary, move |rows| operations::start(rows, start, records)).await
    }

    async fn resend(&self, resend: Resend) -> Result<SendOutcome, StoreError> {
        self.write(Room::Ordinary, move |rows| operations::resend(rows, resend)).await
    }

    async fn set_address(&self, set: SetAddress) -> Result<SendOutcome, StoreError> {
        self.write(Room::Ordinary, move |rows| operations::set_address(rows, set)).await
    }

    async fn enqueue(&self, enqueue: Enqueue) -> Result<SendOutcome, StoreError> {
        self.write(Room::Ordinary, move |rows| operations::enqueue(rows, enqueue)).await
    }

    async fn check(&self, check: Check) -> Result<CheckOutcome, StoreError> {
        let records = self.records();
        self.write(Room::Ordinary, move |rows| operations::check(rows, &check, records)).await
    }

    async fn get(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        self.read(move |rows| {
            let found = verifications::newest(rows, &select.namespace, &select.selector, select.now)?;
            Ok(found.map(|found| Arc::new(found.verification)))
        })
        .await
    }

    async fn find(&self, vid: Vid, now: Timestamp) -> Result<Option<Arc<Verification>>, StoreError> {
        self.read(move |rows| {
            let found = verifications::by_vid(rows, vid, now)?;
            Ok(found.map(|found| Arc::new(found.verification)))
        })
        .await
    }

    async fn cancel(&self, select: Select) -> Result<Option<Arc<Verification>>, StoreError> {
        let records = self.records();
        self.write(Room::Reserved, move |rows| operations::cancel(rows, &select, records)).await
    }

    async fn delete_if_approved(&self, select: Select) -> Result<DeleteOutcome, StoreError> {
        let records = self.records();
        self.write(Room::Ordinary, move |rows| operations::delete_if_approved(rows, &select, records)).await
    }

    async fn newest_target(&self, look_up: NewestTarget) -> Result<Option<Target>, StoreError> {
        self.write(Room::Ordinary, move |rows| operations::newest_target(rows, &look_up)).await
    }

    async fn newest_passcode(
        &self,
        namespace: Namespace,
        now: Timestamp,
        targets: Vec<Target>,
    ) -> Result<Option<SealedRow>, StoreError> {
        self.read(move |rows| verifications::newest_passcode(rows, &namespace, &targets, now)).await
    }

    async fn put_rules(
        &self,
        namespace: Namespace,
        channel: Channel,
        by_ip: Option<Vec<ThrottleRule>>,
        by_target: Option<Vec<ThrottleRule>>,
    ) -> Result<(), StoreError> {
        let put = move |rows: &Tables<'_>| counts::put_rules(rows, &namespace, &channel, by_ip, by_target);
        self.write(Room::Ordinary, put).await
    }

    async fn get_rules(&self, namespace: Namespace, channel: Channel) -> Result<ThrottleRules, StoreError> {
        self.read(move |rows| counts::rules(rows, &namespace, &channel)).await
    }

    async fn claim(&self, claim: ClaimDue) -> Result<Claimed, StoreError> {
        let records = self.records();
        self.write(Room::Reserved, move |rows| operations::claim(rows, &claim, records)).await
    }

    async fn extend(&self, extend: Extend) -> Result<Fenced, StoreError> {
        let records = self.records();
        self.write(Room::Reserved, move |rows| operations::extend(rows, &extend, records)).await
    }

    async fn settle(&self, now: Timestamp, settlements: Vec<Settlement>) -> Result<Vec<Fenced>, StoreError> {
        let records = self.records();
        self.write(Room::Reserved, move |rows| operations::settle(rows, now, settlements, records)).await
    }

    async fn receipt(&self, receipt: Receipt) -> Result<bool, StoreError> {
        self.write(Room::Ordinary, move |rows| deliveries::receipt(rows, receipt)).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        self.read(move |rows| history::deliveries(rows, &query)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.read(move |rows| history::delivery(rows, id)).await
    }

    async fn hasten(&self, hasten: Hasten) -> Result<HastenOutcome, StoreError> {
        let records = self.records();
        self.write(Room::Reserved, move |rows| operations::hasten(rows, &hasten, records)).await
    }

    async fn unlock(&self, namespace: Namespace, subjects: Vec<SubjectKey>) -> Result<bool, StoreError> {
        self.write(Room::Reserved, move |rows| {
            let mut any = false;
            for subject in subjects {
                any |= counts::forget_guesses(rows, &namespace, subject)?;
            }
            Ok(any)
        })
        .await
    }

    async fn purge(&self, _: Partition, now: Timestamp, max: usize) -> Result<Purged, StoreError> {
        let retention = self.retention;
        let mut rows = 0;
        while rows < max {
            let step = (max - rows).min(PURGE_STEP);
            let removed =
                self.write(Room::Reserved, move |rows| purge::purge(rows, now, step, retention)).await?;
            rows += removed.rows;
            if !removed.more {
                break;
            }
        }
        Ok(Purged { rows, more: rows == max })
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.read(|rows| {
            Ok(StoreStats {
                verifications: verifications::count(rows)?,
                outbox: deliveries::count(rows)?,
                oldest_due: deliveries::next_due(rows)?,
            })
        })
        .await
    }

    async fn keys(&self) -> Result<Vec<KeyId>, StoreError> {
        self.read(counts::keys).await
    }

    async fn register_keys(&self, keys: Vec<KeyId>) -> Result<(), StoreError> {
        self.write(Room::Ordinary, move |rows| counts::register_keys(rows, &keys)).await
    }

    async fn key_slots(&self) -> Result<Vec<KeySlot>, StoreError> {
        self.read(counts::key_slots).await
    }

    async fn add_key_slots(&self, slots: Vec<KeySlot>, first: bool) -> Result<bool, StoreError> {
        self.write(Room::Ordinary, move |rows| counts::add_key_slots(rows, &slots, first)).await
    }

    async fn drop_key_slots(&self, slots: Vec<KeySlot>) -> Result<(), StoreError> {
        self.write(Room::Ordinary, move |rows| counts::drop_key_slots(rows, &slots)).await
    }

    async fn key_uses(&self, now: Timestamp) -> Result<Vec<KeyUse>, StoreError> {
        self.read(move |rows| counts::key_uses(rows, now)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if self.healthy.load(Ordering::Relaxed) {
            // Shows that the writer is alive; writes nothing.
            return self.write(Room::Reserved, |_| Ok(())).await;
        }
        self.write(Room::Reserved, probe).await?;
        self.healthy.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes a few pages and gives them back: works only where there is room for more.
fn probe(rows: &Tables<'_>) -> rusqlite::Result<()> {
    rows.execute("INSERT INTO probe (filler) VALUES (zeroblob(16384))", [])?;
    rows.execute("DELETE FROM probe", [])?;
    Ok(())
}

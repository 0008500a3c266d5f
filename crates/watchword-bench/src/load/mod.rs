//! The load: so many verifications over so many connections, as fast as they go or at a fixed rate.

mod turns;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::address_pattern::Person;
use crate::client::Connection;
use crate::error::Error;
use crate::failure::{Errors, Failure};
use crate::latency::Latencies;
use crate::progress::Progress;
use crate::stop::Stop;
use crate::stopwatch;
use crate::verification::{Api, Timing};

pub(crate) use turns::Lateness;
use turns::{Late, Turn, Turns};

/// A load is given up after this many failures, unless told otherwise: its figures are worth nothing by then.
pub(crate) const MAX_ERRORS: u64 = 100;

/// How long verifications that are under way may go on once the load was stopped.
const GRACE: Duration = Duration::from_secs(2);

/// Tells the ids of one load from those of the next.
static LOADS: AtomicU64 = AtomicU64::new(0);

/// Tells the numbers of the people of one load from those of the next.
static PEOPLE: AtomicU64 = AtomicU64::new(0);

/// What is done for each unit of the load.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// PUT and check.
    Verify,
    /// PUT alone, with a lifetime in seconds: leaves live verifications behind.
    PutOnly { ttl: u32 },
}

/// How much, how wide, how fast.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) work: Work,
    /// How many verifications.
    pub(crate) count: u64,
    pub(crate) connections: NonZeroU32,
    /// Verifications a second. `None`: each connection starts the next one when its last is done (closed loop).
    pub(crate) rate: Option<f64>,
    /// Failures after which it is given up.
    pub(crate) max_errors: u64,
}

/// What came of it.
pub(crate) struct LoadOutcome {
    pub(crate) counts: Counts,
    pub(crate) elapsed: Duration,
    /// Ended early, because it was asked to.
    pub(crate) interrupted: bool,
}

/// What is counted of a load.
pub(crate) struct Counts {
    pub(crate) completed: u64,
    pub(crate) errors: Errors,
    pub(crate) put: Latencies,
    pub(crate) check: Latencies,
    /// Both calls.
    pub(crate) whole: Latencies,
    /// At a fixed rate, how late the turns were.
    pub(crate) lateness: Option<Lateness>,
}

/// One worker's part of the counts. Written by the worker, and read even when it hangs.
struct Tally {
    counts: Counts,
    /// When its last verification was done: merging histograms is not part of the load.
    ended: Instant,
}

struct Worker {
    api: Arc<Api>,
    turns: Arc<Turns>,
    connection: Connection,
    work: Work,
    /// Begins the ids.
    tag: String,
    /// Begins the numbers.
    first: u64,
    tally: Arc<Mutex<Tally>>,
}

/// Applies the load and waits for its end. `what` it is, is shown on a terminal. Failed verifications are counted, not
/// errors.
///
/// # Errors
///
/// When the connections can't be opened.
pub(crate) async fn apply(api: &Arc<Api>, load: Load, stop: &Stop, what: &str) -> Result<LoadOutcome, Error> {
    let mut connections = Vec::new();
    for _ in 0..load.connections.get() {
        let opened = Connection::open(&api.endpoint).await;
        let target = || api.endpoint.origin.to_string();
        connections.push(opened.map_err(|source| Error::Connect { target: target(), source })?);
    }

    let millis = stopwatch::unix_millis();
    let load_number = LOADS.fetch_add(1, Ordering::Relaxed);
    let tag = format!("b{millis:x}-{:x}-{load_number:x}", std::process::id());
    let first = millis + PEOPLE.fetch_add(load.count, Ordering::Relaxed);
    let started = stopwatch::now();
    let turns = Arc::new(Turns::new(load.count, load.rate, load.max_errors, started));
    // However this ends, also by being dropped, the pacing thread ends soon after.
    let _give_up_at_the_end = GiveUp(Arc::clone(&turns));

    let mut workers = JoinSet::new();
    let mut tallies = Vec::new();
    for connection in connections {
        let tally = Tally { counts: Counts::new(load.rate.is_some()), ended: started };
        let tally = Arc::new(Mutex::new(tally));
        tallies.push(Arc::clone(&tally));
        let (api, turns, tag) = (Arc::clone(api), Arc::clone(&turns), tag.clone());
        let worker = Worker { api, turns, connection, work: load.work, tag, first, tally };
        workers.spawn(worker.run());
    }
    if load.rate.is_some() {
        let turns = Arc::clone(&turns);
        let extra = load.connections.get() as usize;
        std::thread::spawn(move || turns.hand_out_in_time(extra));
    }

    let interrupted = wait_for(&mut workers, &turns, stop.clone(), &Progress::new(what, load.count)).await?;
    workers.shutdown().await;
    let (mut counts, mut ended) = (Counts::new(load.rate.is_some()), started);
    for tally in tallies {
        let tally = tally.lock();
        counts.add(&tally.counts);
        ended = ended.max(tally.ended);
    }
    Ok(LoadOutcome { counts, elapsed: ended.duration_since(started), interrupted })
}

/// Waits until all workers have ended, or it was asked to stop and they have had their time. Returns whether it was.
async fn wait_for(
    workers: &mut JoinSet<()>,
    turns: &Turns,
    mut stop: Stop,
    progress: &Progress,
) -> Result<bool, Error> {
    let mut show = stopwatch::every(Progress::SHOW_EVERY);
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(ended) => ended.map_err(Error::Task)?,
                None => return Ok(false),
            },
            _ = show.tick() => progress.show(turns.done()),
            () = stop.wait() => break,
        }
    }
    turns.give_up();
    let all_ended = async {
        while let Some(ended) = workers.join_next().await {
            ended.map_err(Error::Task)?;
        }
        Ok(())
    };
    // Those that take longer are cut off: they neither completed nor failed.
    tokio::time::timeout(GRACE, all_ended).await.unwrap_or(Ok(()))?;
    Ok(true)
}

impl Worker {
    async fn run(mut self) {
        // It was free before it began, too: a late beginning is the load program's own.
        let mut free = self.tally.lock().ended;
        while let Some(turn) = self.turns.next(free).await {
            let id = format!("{}-{:x}", self.tag, turn.number);
            let person = Person { id, number: self.first.wrapping_add(turn.number) };
            let done = self.perform(&turn, &person).await;
            self.turns.count_done(done.is_err());
            free = stopwatch::now();
            let mut tally = self.tally.lock();
            tally.ended = free;
            tally.counts.record(done, turn.late);
        }
    }

    async fn perform(&mut self, turn: &Turn, person: &Person) -> Result<Timing, Failure> {
        match self.work {
            Work::Verify => self.api.verify(&mut self.connection, person, turn.since).await,
            Work::PutOnly { ttl } => {
                self.api.put(&mut self.connection, person, Some(ttl)).await?;
                Ok(Timing { put: turn.since.elapsed(), check: None })
            }
        }
    }
}

struct GiveUp(Arc<Turns>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl Counts {
    fn new(paced: bool) -> Self {
        Self {
            completed: 0,
            errors: Errors::default(),
            put: Latencies::new(),
            check: Latencies::new(),
            whole: Latencies::new(),
            lateness: paced.then(Lateness::new),
        }
    }

    fn record(&mut self, done: Result<Timing, Failure>, late: Option<Late>) {
        match done {
            Ok(Timing { put, check }) => {
                self.completed += 1;
                self.put.record(put);
                if let Some(check) = check {
                    self.check.record(check);
                    self.whole.record(put + check);
                }
            }
            Err(failure) => self.errors.count(&failure),
        }
        if let (Some(lateness), Some(late)) = (&mut self.lateness, late) {
            lateness.record(late);
        }
    }

    fn add(&mut self, other: &Self) {
        self.completed += other.completed;
        self.errors.add(&other.errors);
        self.put.add(&other.put);
        self.check.add(&other.check);
        self.whole.add(&other.whole);
        if let (Some(mine), Some(theirs)) = (&mut self.lateness, &other.lateness) {
            mine.add(theirs);
        }
    }
}

#[cfg(test)]
mod tests;

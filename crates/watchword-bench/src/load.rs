//! The load: so many verifications over so many connections, as fast as they go or at a fixed rate.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::error::{Error, with_causes};
use crate::latency::Latencies;
use crate::stopwatch;
use crate::verification::Api;

/// A load is given up after this many failures: its figures are worth nothing by then.
const MAX_FAILURES: u64 = 100;

/// Longest single wait of the pacing thread, so that it sees soon that the load was given up.
const MAX_PACE_WAIT: Duration = Duration::from_millis(100);

/// Tells the ids of one load from those of the next.
static LOADS: AtomicU64 = AtomicU64::new(0);

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
}

/// What came of it.
pub(crate) struct LoadOutcome {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// The first failures, each different one once.
    pub(crate) failures: Vec<String>,
    pub(crate) elapsed: Duration,
    pub(crate) put: Latencies,
    pub(crate) check: Latencies,
}

/// Hands out the turns. At a fixed rate a turn's latency counts from when it was due, however late a connection is
/// free to take it: a server that stalls can't hide the requests that it kept from being sent.
struct Turns {
    next: AtomicU64,
    count: u64,
    failed: AtomicU64,
    given_up: AtomicBool,
    pace: Option<Pace>,
}

struct Pace {
    rate: f64,
    started: Instant,
    due: Semaphore,
}

/// One worker's part of the outcome.
struct Tally {
    completed: u64,
    failures: Vec<String>,
    put: Latencies,
    check: Latencies,
    /// When its last verification was done: merging histograms is not part of the load.
    ended: Instant,
}

/// Applies the load and waits for its end. Failed verifications are counted, not errors.
///
/// # Errors
///
/// When the connections can't be opened.
pub(crate) async fn apply(api: &Arc<Api>, load: Load) -> Result<LoadOutcome, Error> {
    let mut connections = Vec::new();
    for _ in 0..load.connections.get() {
        let opened = Connection::open(&api.origin).await;
        connections.push(opened.map_err(|source| Error::Connect { target: api.origin.clone(), source })?);
    }

    let tag = format!(
        "b{:x}-{:x}-{:x}",
        stopwatch::unix_millis(),
        std::process::id(),
        LOADS.fetch_add(1, Ordering::Relaxed)
    );
    let started = stopwatch::now();
    let turns = Arc::new(Turns {
        next: AtomicU64::new(0),
        count: load.count,
        failed: AtomicU64::new(0),
        given_up: AtomicBool::new(false),
        pace: load.rate.map(|rate| Pace { rate, started, due: Semaphore::new(0) }),
    });
    // However this ends, also by being dropped, the pacing thread ends soon after.
    let _give_up_at_the_end = GiveUp(Arc::clone(&turns));

    let mut workers = JoinSet::new();
    for connection in connections {
        workers.spawn(worker(Arc::clone(api), Arc::clone(&turns), connection, tag.clone(), load.work));
    }
    if load.rate.is_some() {
        let turns = Arc::clone(&turns);
        let extra = load.connections.get() as usize;
        std::thread::spawn(move || turns.hand_out_in_time(extra));
    }

    let mut outcome = LoadOutcome {
        completed: 0,
        failed: 0,
        failures: Vec::new(),
        elapsed: Duration::ZERO,
        put: Latencies::new(),
        check: Latencies::new(),
    };
    while let Some(tally) = workers.join_next().await {
        outcome.take(tally.map_err(Error::Task)?, started);
    }
    outcome.failed = turns.failed.load(Ordering::Relaxed);
    Ok(outcome)
}

async fn worker(
    api: Arc<Api>,
    turns: Arc<Turns>,
    mut connection: Connection,
    tag: String,
    work: Work,
) -> Tally {
    let mut tally = Tally {
        completed: 0,
        failures: Vec::new(),
        put: Latencies::new(),
        check: Latencies::new(),
        ended: stopwatch::now(),
    };
    while let Some((number, since)) = turns.next().await {
        let id = format!("{tag}-{number:x}");
        let done = match work {
            Work::Verify => api.verify(&mut connection, &id, since).await.map(|(put, check)| {
                tally.put.record(put);
                tally.check.record(check);
            }),
            Work::PutOnly { ttl } => {
                api.put(&mut connection, &id, Some(ttl)).await.map(|_| tally.put.record(since.elapsed()))
            }
        };
        match done {
            Ok(()) => tally.completed += 1,
            Err(failure) => {
                turns.count_failure();
                remember(&mut tally.failures, with_causes(&failure));
            }
        }
        tally.ended = stopwatch::now();
    }
    tally
}

impl Turns {
    /// The next turn: its number and the moment its latency counts from. `None` when all are taken.
    async fn next(&self) -> Option<(u64, Instant)> {
        if let Some(pace) = &self.pace {
            // Never closed, so this only ever waits for a turn to be due.
            pace.due.acquire().await.ok()?.forget();
        }
        if self.given_up.load(Ordering::Relaxed) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.count)
            .then(|| (number, self.pace.as_ref().map_or_else(stopwatch::now, |pace| pace.at(number))))
    }

    fn count_failure(&self) {
        if self.failed.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILURES {
            self.given_up.store(true, Ordering::Relaxed);
        }
    }

    /// Releases each turn when it is due, then `extra` more that tell the workers to end. Blocks its thread.
    fn hand_out_in_time(&self, extra: usize) {
        let Some(pace) = &self.pace else { return };
        let mut released = 0;
        while released < self.count && !self.given_up.load(Ordering::Relaxed) {
            // A float too large for an integer becomes the largest one: no turn is lost.
            let due = (pace.started.elapsed().as_secs_f64() * pace.rate) as u64;
            let due = due.saturating_add(1).min(self.count);
            // At most `count` permits in all, far below what a semaphore holds.
            pace.due.add_permits((due - released) as usize);
            released = due;
            let wait = pace.at(released).saturating_duration_since(stopwatch::now());
            stopwatch::block_for(wait.min(MAX_PACE_WAIT));
        }
        pace.due.add_permits(extra);
    }
}

impl Pace {
    /// When a turn is due.
    fn at(&self, number: u64) -> Instant {
        self.started + Duration::from_secs_f64(number as f64 / self.rate)
    }
}

struct GiveUp(Arc<Turns>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::Relaxed);
    }
}

impl LoadOutcome {
    fn take(&mut self, tally: Tally, started: Instant) {
        self.completed += tally.completed;
        self.elapsed = self.elapsed.max(tally.ended.duration_since(started));
        self.put.add(&tally.put);
        self.check.add(&tally.check);
        for failure in tally.failures {
            remember(&mut self.failures, failure);
        }
    }
}

/// Keeps the first few different failures.
fn remember(failures: &mut Vec<String>, failure: String) {
    if failures.len() < 5 && !failures.contains(&failure) {
        failures.push(failure);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::{Path, State};
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::put;
    use tokio::net::TcpListener;

    use super::*;
    use crate::client::Origin;

    /// A server that remembers: each id and address once, each id's own passcode, the caller's own credentials.
    #[derive(Default)]
    struct Remembering {
        addresses: HashSet<String>,
        passcodes: HashMap<String, String>,
        puts: u32,
    }

    type Memory = Arc<Mutex<Remembering>>;

    async fn start(
        State(memory): State<Memory>,
        Path(id): Path<String>,
        headers: HeaderMap,
        form: String,
    ) -> (StatusCode, String) {
        let mut memory = memory.lock().unwrap();
        memory.puts += 1;
        let passcode = format!("{:06}", memory.puts);
        let address = form.strip_prefix("provider=inbox&to=").unwrap_or_else(|| panic!("{form}"));
        // `dev:s3cret` in base64 (RFC 4648, section 4).
        let known = headers["authorization"] == "Basic ZGV2OnMzY3JldA==";
        let fresh = memory.addresses.insert(address.to_owned())
            && memory.passcodes.insert(id, passcode.clone()).is_none();
        if known && fresh && headers["content-type"] == "application/x-www-form-urlencoded" {
            (StatusCode::OK, format!(r#"{{"status":"success","data":{{"ttl":300,"otp":"{passcode}"}}}}"#))
        } else {
            (StatusCode::CONFLICT, r#"{"status":"error","message":"not a fresh start"}"#.to_owned())
        }
    }

    async fn check(
        State(memory): State<Memory>,
        Path(id): Path<String>,
        form: String,
    ) -> (StatusCode, String) {
        let sent = memory.lock().unwrap().passcodes.remove(&id);
        match sent {
            Some(passcode) if form == format!("otp={passcode}") => (StatusCode::OK, "{}".to_owned()),
            _ => (StatusCode::BAD_REQUEST, r#"{"status":"error","message":"Incorrect OTP"}"#.to_owned()),
        }
    }

    async fn serve(router: Router) -> Arc<Api> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Origin::at(listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Arc::new(Api::new(origin, "dev", "s3cret", "inbox"))
    }

    fn load(work: Work, count: u64, connections: u32, rate: Option<f64>) -> Load {
        Load { work, count, connections: NonZeroU32::new(connections).unwrap(), rate }
    }

    #[tokio::test]
    async fn each_verification_has_an_id_and_an_address_of_its_own_and_checks_the_passcode_it_was_given() {
        let memory = Memory::default();
        let api = serve(
            Router::new().route("/api/otp/{id}", put(start).post(check)).with_state(Arc::clone(&memory)),
        )
        .await;
        // Two loads, for the second must not repeat the first's ids; at a rate, too.
        for rate in [None, Some(100_000.0)] {
            let outcome = apply(&api, load(Work::Verify, 300, 8, rate)).await.unwrap();
            assert_eq!((outcome.completed, outcome.failed, outcome.failures), (300, 0, Vec::<String>::new()));
        }
        let memory = memory.lock().unwrap();
        assert_eq!((memory.puts, memory.addresses.len(), memory.passcodes.len()), (600, 600, 0));
    }

    #[tokio::test]
    async fn a_load_of_puts_leaves_every_verification_live_for_as_long_as_asked() {
        let forms = Arc::new(Mutex::new(Vec::new()));
        let keep = async |State(forms): State<Arc<Mutex<Vec<String>>>>, form: String| {
            forms.lock().unwrap().push(form);
            r#"{"data":{"otp":"1"}}"#
        };
        let api = serve(Router::new().route("/api/otp/{id}", put(keep)).with_state(Arc::clone(&forms))).await;
        let outcome = apply(&api, load(Work::PutOnly { ttl: 86_400 }, 50, 4, None)).await.unwrap();
        assert_eq!((outcome.completed, outcome.failed), (50, 0));
        let forms = forms.lock().unwrap();
        assert_eq!(forms.len(), 50);
        assert!(forms.iter().all(|form| form.ends_with("&ttl=86400")));
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_given_up_with_its_words_and_without_its_passcode() {
        let refuse = async || {
            (
                StatusCode::BAD_REQUEST,
                r#"{"status":"error","message":"Incorrect OTP","data":{"otp":"735911"}}"#,
            )
        };
        let succeed = async || r#"{"status":"success","data":{"otp":"735911"}}"#;
        let api = serve(Router::new().route("/api/otp/{id}", put(succeed).post(refuse))).await;
        let outcome = apply(&api, load(Work::Verify, 1_000_000, 4, None)).await.unwrap();
        assert_eq!(outcome.completed, 0);
        // Each connection may have one more under way when the last allowed failure is counted.
        assert!((MAX_FAILURES..MAX_FAILURES + 4).contains(&outcome.failed), "{}", outcome.failed);
        assert_eq!(outcome.failures, ["the check was answered 400 Bad Request Incorrect OTP"]);
    }

    #[tokio::test]
    async fn at_a_fixed_rate_a_stall_of_the_server_shows_in_all_requests_it_held_up() {
        const STALL: Duration = Duration::from_millis(200);
        let stalled = Arc::new(AtomicBool::new(false));
        let stall_once = async |State(stalled): State<Arc<AtomicBool>>| {
            if !stalled.swap(true, Ordering::SeqCst) {
                tokio::task::spawn_blocking(|| stopwatch::block_for(STALL)).await.unwrap();
            }
            r#"{"data":{"otp":"1"}}"#
        };
        let api = serve(Router::new().route("/api/otp/{id}", put(stall_once)).with_state(stalled)).await;
        // Ten are due within the first 90 ms, all behind the one that takes 200 ms: each waits at least 110 ms.
        let outcome = apply(&api, load(Work::PutOnly { ttl: 60 }, 10, 1, Some(100.0))).await.unwrap();
        assert_eq!((outcome.completed, outcome.failed), (10, 0));
        let median = outcome.put.quantiles().p50_us;
        assert!(median >= 110_000, "the stall is hidden: p50 is {median} µs");
    }

    #[tokio::test]
    async fn a_rate_spreads_the_load_over_time() {
        let succeed = async || r#"{"data":{"otp":"1"}}"#;
        let api = serve(Router::new().route("/api/otp/{id}", put(succeed))).await;
        let outcome = apply(&api, load(Work::PutOnly { ttl: 60 }, 21, 4, Some(200.0))).await.unwrap();
        assert!(outcome.elapsed >= Duration::from_millis(100), "{:?}", outcome.elapsed);
    }
}

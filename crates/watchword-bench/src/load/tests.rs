//! The load against servers that remember, refuse and stall.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use tokio::net::TcpListener;

use super::*;
use crate::client::Endpoint;
use crate::stop;
use crate::verification::PasscodeFrom;

/// A server that remembers: each id and address once, each id's own passcode, the caller's own credentials.
#[derive(Default)]
struct Remembering {
    addresses: HashSet<String>,
    passcodes: HashMap<String, String>,
    puts: u32,
}

/// What a server says that gives back a passcode.
const SUCCESS: &str = r#"{"status":"success","data":{"otp":"1"}}"#;

type Memory = Arc<Mutex<Remembering>>;

async fn start(
    State(memory): State<Memory>,
    Path(id): Path<String>,
    headers: HeaderMap,
    form: String,
) -> (StatusCode, String) {
    let mut memory = memory.lock();
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

async fn check(State(memory): State<Memory>, Path(id): Path<String>, form: String) -> (StatusCode, String) {
    let sent = memory.lock().passcodes.remove(&id);
    match sent {
        Some(passcode) if form == format!("otp={passcode}") => {
            (StatusCode::OK, r#"{"status":"success","data":{}}"#.to_owned())
        }
        _ => (StatusCode::BAD_REQUEST, r#"{"status":"error","message":"Incorrect OTP"}"#.to_owned()),
    }
}

async fn serve(router: Router) -> Arc<Api> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::at(listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    Arc::new(Api::sample(endpoint))
}

fn load(work: Work, count: u64, connections: u32, rate: Option<f64>) -> Load {
    let connections = NonZeroU32::new(connections).unwrap();
    Load { work, count, connections, rate, max_errors: MAX_ERRORS }
}

/// Applies a load that nobody stops.
async fn applied(api: &Arc<Api>, load: Load) -> LoadOutcome {
    apply(api, load, &stop::channel().1, "test").await.unwrap()
}

/// Completed and failed.
fn done(outcome: &LoadOutcome) -> (u64, u64) {
    (outcome.counts.completed, outcome.counts.errors.total())
}

#[tokio::test]
async fn each_verification_has_an_id_and_an_address_of_its_own_and_checks_the_passcode_it_was_given() {
    let memory = Memory::default();
    let api =
        serve(Router::new().route("/api/otp/{id}", put(start).post(check)).with_state(Arc::clone(&memory)))
            .await;
    // Two loads, for the second must not repeat the first's ids; at a rate, too.
    for rate in [None, Some(100_000.0)] {
        let outcome = applied(&api, load(Work::Verify, 300, 8, rate)).await;
        assert_eq!(done(&outcome), (300, 0), "{:?}", outcome.counts.errors);
        let Counts { put, check, whole, lateness, .. } = outcome.counts;
        let counted = [put, check, whole].map(|latencies| latencies.quantiles().count);
        assert_eq!((counted, lateness.is_some()), ([300; 3], rate.is_some()));
    }
    let memory = memory.lock();
    assert_eq!((memory.puts, memory.addresses.len(), memory.passcodes.len()), (600, 600, 0));
}

#[tokio::test]
async fn passcodes_of_its_own_go_with_the_put_and_into_the_check() {
    type Forms = Arc<Mutex<HashMap<String, Vec<String>>>>;
    let forms = Forms::default();
    let keep = async |State(forms): State<Forms>, Path(id): Path<String>, form: String| {
        forms.lock().entry(id).or_default().push(form);
        // No passcode comes back.
        r#"{"status":"success","data":{"otp":""}}"#
    };
    let routes = Router::new().route("/api/otp/{id}", put(keep).post(keep)).with_state(Arc::clone(&forms));
    let mut api = Api::clone(&*serve(routes).await);
    api.passcode_from = PasscodeFrom::Own;
    let outcome = applied(&Arc::new(api), load(Work::Verify, 20, 2, None)).await;
    assert_eq!(done(&outcome), (20, 0), "{:?}", outcome.counts.errors);
    let forms = forms.lock();
    assert_eq!(forms.len(), 20);
    for forms in forms.values() {
        let (put, check) = (&forms[0], &forms[1]);
        let passcode = check.strip_prefix("otp=").unwrap();
        assert!(passcode.len() == 6 && passcode.bytes().all(|byte| byte.is_ascii_digit()), "{passcode}");
        assert!(put.ends_with(&format!("&{check}")), "{put}, {check}");
    }
}

#[tokio::test]
async fn a_load_of_puts_leaves_every_verification_live_for_as_long_as_asked() {
    let forms = Arc::new(Mutex::new(Vec::new()));
    let keep = async |State(forms): State<Arc<Mutex<Vec<String>>>>, form: String| {
        forms.lock().push(form);
        SUCCESS
    };
    let api = serve(Router::new().route("/api/otp/{id}", put(keep)).with_state(Arc::clone(&forms))).await;
    let outcome = applied(&api, load(Work::PutOnly { ttl: 86_400 }, 50, 4, None)).await;
    assert_eq!(done(&outcome), (50, 0));
    let forms = forms.lock();
    assert_eq!(forms.len(), 50);
    assert!(forms.iter().all(|form| form.ends_with("&ttl=86400")));
}

#[tokio::test]
async fn a_server_that_refuses_is_given_up_with_its_words_and_without_its_passcode() {
    let refuse = async || {
        (StatusCode::BAD_REQUEST, r#"{"status":"error","message":"Incorrect OTP","data":{"otp":"735911"}}"#)
    };
    let succeed = async || r#"{"status":"success","data":{"otp":"735911"}}"#;
    let api = serve(Router::new().route("/api/otp/{id}", put(succeed).post(refuse))).await;
    let outcome = applied(&api, load(Work::Verify, 1_000_000, 4, None)).await;
    let (completed, failed) = done(&outcome);
    // Each connection may have one more under way when the last allowed failure is counted.
    assert!(completed == 0 && (MAX_ERRORS..MAX_ERRORS + 4).contains(&failed), "{completed}, {failed}");
    let [kind] = outcome.counts.errors.kinds() else { panic!("{:?}", outcome.counts.errors) };
    assert_eq!(kind.example, "the check was answered 400 Bad Request Incorrect OTP");
}

#[tokio::test]
async fn at_a_fixed_rate_a_stall_of_the_server_shows_in_all_requests_it_held_up() {
    const STALL: Duration = Duration::from_millis(200);
    let stalled = Arc::new(AtomicBool::new(false));
    let stall_once = async |State(stalled): State<Arc<AtomicBool>>| {
        if !stalled.swap(true, Ordering::SeqCst) {
            tokio::task::spawn_blocking(|| stopwatch::block_for(STALL)).await.unwrap();
        }
        SUCCESS
    };
    let api = serve(Router::new().route("/api/otp/{id}", put(stall_once)).with_state(stalled)).await;
    // Ten are due within the first 90 ms, all behind the one that takes 200 ms: each waits at least 110 ms.
    let outcome = applied(&api, load(Work::PutOnly { ttl: 60 }, 10, 1, Some(100.0))).await;
    assert_eq!(done(&outcome), (10, 0));
    let median = outcome.counts.put.quantiles().p50_us;
    assert!(median >= 110_000, "the stall is hidden: p50 is {median} µs");
    // It is the server's: the only connection was busy, not the load program late.
    let lateness = outcome.counts.lateness.unwrap();
    assert_eq!(lateness.waited, 9);
    let (whole, own) = (lateness.whole.quantiles(), lateness.own.quantiles());
    assert!(whole.p50_us >= 110_000 && own.p50_us < whole.p50_us / 2, "{} {}", whole.p50_us, own.p50_us);
}

#[tokio::test]
async fn a_rate_spreads_the_load_over_time() {
    let api = serve(Router::new().route("/api/otp/{id}", put(async || SUCCESS))).await;
    let outcome = applied(&api, load(Work::PutOnly { ttl: 60 }, 21, 4, Some(200.0))).await;
    assert!(outcome.elapsed >= Duration::from_millis(100), "{:?}", outcome.elapsed);
}

#[tokio::test]
async fn a_load_that_is_stopped_tells_what_was_done_until_then_even_when_the_server_hangs() {
    // The first ten are answered, nothing after them.
    let answered = Arc::new(AtomicU64::new(0));
    let (stopper, stop) = stop::channel();
    let stopper = Arc::new(stopper);
    let hang = async move |State(answered): State<Arc<AtomicU64>>| {
        if answered.fetch_add(1, Ordering::SeqCst) >= 10 {
            stopper.ask();
            std::future::pending::<()>().await;
        }
        SUCCESS
    };
    let api = serve(Router::new().route("/api/otp/{id}", put(hang)).with_state(answered)).await;
    for rate in [None, Some(1_000.0)] {
        let (api, stop) = (Arc::clone(&api), stop.clone());
        let work = load(Work::PutOnly { ttl: 60 }, 1_000_000, 2, rate);
        let outcome = tokio::time::timeout(GRACE * 5, apply(&api, work, &stop, "test")).await;
        let outcome = outcome.expect("an end").unwrap();
        assert!(outcome.interrupted);
        // The second load finds nobody who answers.
        assert_eq!(done(&outcome), (if rate.is_none() { 10 } else { 0 }, 0));
    }
}

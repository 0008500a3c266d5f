//! What the engine and the dispatcher promise about messages, over the reference store and with time that a test drives.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says no by panicking")]
use std::sync::Arc;
use std::time::Duration;

use watchword_core::address::{Address, Channel};
use watchword_core::delivery::{DeliveryAttempt, DeliveryMode, DeliveryState, NodeId, Outcome, ProviderId};
use watchword_core::dispatcher::{Carrier, Dispatcher, Route, Routes};
use watchword_core::engine::{
    AddressRequest, CheckBy, CheckRequest, Engine, EngineSettings, PasscodeSource, ResendRequest,
    StartRequest, Started, Words,
};
use watchword_core::error::Error;
use watchword_core::keyring::Keyring;
use watchword_core::namespace::Namespace;
use watchword_core::parts::Parts;
use watchword_core::passcode::Passcode;
use watchword_core::ports::{Clock, DeliveryQuery, OnLive, Provider, Retention, Store};

use watchword_core::verification::{Attributes, ExternalId, Limits, OnRight, RouteName};
use watchword_store::Memory;
use watchword_testkit::deadline::within;
use watchword_testkit::observer::{Event, Recording};
use watchword_testkit::provider::{FakeProvider, Step};
use watchword_testkit::random::SeededRandom;
use watchword_testkit::tasks::TokioTasks;
use watchword_testkit::time::FakeClock;

const TTL: Duration = Duration::from_secs(300);
const DEADLINE: Duration = Duration::from_millis(4_500);

/// What several nodes share.
#[derive(Clone)]
struct Shared {
    clock: Arc<FakeClock>,
    store: Arc<Memory>,
}

impl Shared {
    fn new() -> Self {
        Self { clock: Arc::new(FakeClock::default()), store: Arc::new(Memory::new(Retention::default())) }
    }

    /// A node whose one route offers messages to these providers in order.
    fn node(&self, name: &str, providers: &[&Arc<FakeProvider>]) -> Node {
        self.node_with_keys(name, providers, &[[7; 32]])
    }

    /// The same, under these keys.
    fn node_with_keys(&self, name: &str, providers: &[&Arc<FakeProvider>], keys: &[[u8; 32]]) -> Node {
        let observer = Arc::new(Recording::new());
        let tasks = Arc::new(TokioTasks::new());
        let parts = Parts {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::new(SeededRandom::new(name.bytes().map(u64::from).sum())),
            tasks: Arc::clone(&tasks) as _,
            observer: Arc::clone(&observer) as _,
            keyring: Arc::new(Keyring::new(keys).unwrap()),
        };
        let carriers = providers
            .iter()
            .map(|provider| Carrier::new(Arc::clone(provider) as Arc<dyn Provider>))
            .collect();
        let routes = Routes::from_iter([(RouteName::new("sms").unwrap(), Route::new(carriers))]);
        let dispatcher = Dispatcher::new(parts.clone(), NodeId::new(name).unwrap(), routes);
        let running = tokio::spawn({
            let dispatcher = dispatcher.clone();
            async move { dispatcher.run().await }
        });
        Node {
            engine: Engine::new(parts, dispatcher.clone(), EngineSettings::default()),
            dispatcher,
            observer,
            tasks,
            running,
        }
    }
}

struct Node {
    engine: Engine,
    dispatcher: Dispatcher,
    observer: Arc<Recording>,
    tasks: Arc<TokioTasks>,
    running: tokio::task::JoinHandle<()>,
}

impl Node {
    async fn start(&self, id: &str, mode: DeliveryMode) -> Result<Started, Error> {
        self.start_at(id, Some(Address::new("+442070313000").unwrap()), mode).await
    }

    async fn start_without_address(&self, id: &str) -> Started {
        self.start_at(id, None, DeliveryMode::Durable).await.unwrap()
    }

    async fn start_at(
        &self,
        id: &str,
        address: Option<Address>,
        mode: DeliveryMode,
    ) -> Result<Started, Error> {
        let request = StartRequest {
            namespace: namespace(),
            external_id: Some(ExternalId::new(id).unwrap()),
            channel: Channel::new("sms").unwrap(),
            address,
            route: RouteName::new("sms").unwrap(),
            passcode: PasscodeSource::Digits(6),
            keep_passcode: true,
            look_up_by_passcode: false,
            on_live: OnLive::Replace,
            limits: Limits { max_attempts: Some(5), max_sends: Some(5) },
            ttl: TTL,
            kept_after: Duration::ZERO,
            on_right: OnRight::Delete,
            attributes: Attributes::default(),
            throttle: None,
            dedupe: None,
            mode,
        };
        self.engine.start(request, say).await
    }

    async fn attached(&self, id: &str) -> Result<Started, Error> {
        self.start(id, DeliveryMode::Attached { deadline: self.engine.now().after(DEADLINE) }).await
    }

    async fn check(&self, id: &str, passcode: &Passcode) -> Result<(), Error> {
        let by = CheckBy::Id(ExternalId::new(id).unwrap());
        let request = CheckRequest {
            namespace: namespace(),
            by,
            passcode: passcode.clone(),
            on_right: None,
            approved_again: true,
        };
        self.engine.check(request).await.map(drop)
    }

    async fn ended(&self, state: DeliveryState, count: usize) {
        self.observer.wait_for(&Event::Delivered(state), count).await;
    }

    /// Until nothing is on its way and everything is recorded.
    async fn quiet(&self) {
        self.tasks.idle().await;
        within("all settlements to be recorded", async {
            while self.dispatcher.held() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn namespace() -> Namespace {
    Namespace::new("app").unwrap()
}

fn provider(name: &str) -> Arc<FakeProvider> {
    Arc::new(FakeProvider::new(name))
}

fn id(provider: &FakeProvider) -> ProviderId {
    provider.id().clone()
}

async fn result(started: Started) -> Result<(), Error> {
    within("the attached caller to be answered", started.delivery.expect("attached").result()).await
}

/// Moves the clock to the next thing that somebody waits for, until `provider` was handed `count` messages.
async fn drive_until_handed(shared: &Shared, provider: &FakeProvider, count: usize) {
    within("the message to be tried again", async {
        while provider.handed().len() < count {
            let next = shared.clock.next_wake().await;
            shared.clock.set(next.max(shared.clock.now()));
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_durable_message_goes_out_once_and_leaves_the_outbox_empty() {
    let (shared, sms) = (Shared::new(), provider("sms"));
    let node = shared.node("a", &[&sms]);
    let started = node.start("john-1", DeliveryMode::Durable).await.unwrap();
    assert!(started.delivery.is_none());
    let handed = sms.wait_for_handed(1).await;
    node.quiet().await;
    assert_eq!(handed[0].message.body, format!("Code {}", started.passcode.expose()));
    assert_eq!(handed[0].message.to, "+442070313000");
    assert_eq!((handed.len(), shared.store.stats().await.unwrap().outbox), (1, 0));
}

#[tokio::test]
async fn an_attached_caller_gets_what_the_provider_said() {
    type Case = (&'static str, [Step; 2], bool, [usize; 2]);
    let cases: [Case; 6] = [
        ("accepted", [Step::accept(), Step::accept()], true, [1, 0]),
        ("the second takes what the first can't", [Step::fail(), Step::accept()], true, [1, 1]),
        ("throttled: the second", [Step::throttle(None), Step::accept()], true, [1, 1]),
        ("we are refused: the second", [Step::refuse_us(), Step::accept()], true, [1, 1]),
        ("a bad address stops", [Step::refuse_address(), Step::accept()], false, [1, 0]),
        ("both fail", [Step::fail(), Step::break_off()], false, [1, 1]),
    ];
    for (name, [first_step, second_step], sent, handed) in cases {
        let (shared, first, second) = (Shared::new(), provider("first"), provider("second"));
        first.then([first_step]);
        second.then([second_step]);
        let node = shared.node("a", &[&first, &second]);
        let answer = result(node.attached("john-1").await.unwrap()).await;
        assert_eq!(answer.is_ok(), sent, "{name}");
        assert!(sent || matches!(answer, Err(Error::NotSent(_))), "{name}");
        node.quiet().await;
        assert_eq!([first.handed().len(), second.handed().len()], handed, "{name}");
        assert_eq!(shared.store.stats().await.unwrap().outbox, 0, "{name}: never tried again");
    }
}

#[tokio::test]
async fn at_the_deadline_the_caller_is_answered_and_what_is_in_flight_finishes_once() {
    let (shared, slow) = (Shared::new(), provider("slow"));
    slow.always(Step::Hang);
    let node = shared.node("a", &[&slow]);
    let started = node.attached("john-1").await.unwrap();
    let passcode = started.passcode.clone();
    slow.wait_for_handed(1).await;
    shared.clock.advance(DEADLINE);
    assert!(matches!(result(started).await, Err(Error::NotSent(_))));
    slow.release(Outcome::Accepted { message_id: None });
    node.ended(DeliveryState::Accepted, 1).await;
    node.quiet().await;
    assert_eq!(slow.handed().len(), 1);
    node.check("john-1", &passcode).await.expect("the code that arrived late is good");
}

#[tokio::test]
async fn what_is_unsent_at_the_deadline_is_canceled() {
    let shared = Shared::new();
    let narrow = Arc::new(FakeProvider::new("narrow").with_max_concurrent(1));
    narrow.always(Step::Hang);
    let node = shared.node("a", &[&narrow]);
    let (first, second) = (node.attached("john-1").await.unwrap(), node.attached("jane-1").await.unwrap());
    narrow.wait_for_handed(1).await;
    shared.clock.advance(DEADLINE);
    assert!(result(first).await.is_err() && result(second).await.is_err());
    node.ended(DeliveryState::Canceled, 1).await;
    narrow.release(Outcome::Accepted { message_id: None });
    node.quiet().await;
    assert_eq!(narrow.handed().len(), 1, "the second was never handed over");
    assert_eq!(shared.store.stats().await.unwrap().outbox, 0);
}

#[tokio::test]
async fn a_durable_message_is_tried_until_it_goes_out_with_the_same_id_and_code() {
    let (shared, sms) = (Shared::new(), provider("sms"));
    sms.then([Step::fail(), Step::break_off(), Step::throttle(Some(Duration::from_secs(20)))]);
    let node = shared.node("a", &[&sms]);
    node.start("john-1", DeliveryMode::Durable).await.unwrap();
    drive_until_handed(&shared, &sms, 4).await;
    node.ended(DeliveryState::Accepted, 1).await;
    let handed = sms.handed();
    assert!(handed.iter().all(|one| one.delivery.id == handed[0].delivery.id && one.message.body == handed[0].message.body));
    assert!(handed.windows(2).all(|pair| pair[0].delivery.fence < pair[1].delivery.fence));
}

#[tokio::test]
async fn nothing_is_sent_after_the_verification_expired() {
    let (shared, sms) = (Shared::new(), provider("sms"));
    sms.always(Step::fail());
    let node = shared.node("a", &[&sms]);
    node.start("john-1", DeliveryMode::Durable).await.unwrap();
    sms.wait_for_handed(1).await;
    node.quiet().await;
    shared.clock.advance(TTL);
    sms.always(Step::accept());
    within("the outbox to be empty", async {
        while shared.store.stats().await.unwrap().outbox > 0 {
            shared.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(sms.handed().len(), 1);
}

#[tokio::test]
async fn a_provider_that_asks_for_patience_is_given_it() {
    let (shared, sms) = (Shared::new(), provider("sms"));
    sms.then([Step::throttle(Some(Duration::from_secs(60)))]);
    let node = shared.node("a", &[&sms]);
    let began = shared.clock.now();
    node.start("john-1", DeliveryMode::Durable).await.unwrap();
    drive_until_handed(&shared, &sms, 2).await;
    let waited = began.until(shared.clock.now());
    assert!(waited >= Duration::from_secs(60), "{waited:?}");
}

#[tokio::test]
async fn a_provider_that_refuses_us_is_left_alone_and_the_next_one_carries_on() {
    let (shared, first, second) = (Shared::new(), provider("first"), provider("second"));
    first.always(Step::refuse_us());
    let node = shared.node("a", &[&first, &second]);
    for number in 0..10 {
        result(node.attached(&format!("person-{number}")).await.unwrap()).await.unwrap();
    }
    assert_eq!((first.handed().len(), second.handed().len()), (1, 10));
    assert!(node.observer.events().contains(&Event::Breaker(id(&first), true)));
    shared.clock.advance(Duration::from_secs(2));
    first.always(Step::accept());
    result(node.attached("person-again").await.unwrap()).await.unwrap();
    assert_eq!((first.handed().len(), second.handed().len()), (2, 10), "half-open: one try decides");
    assert!(node.observer.events().contains(&Event::Breaker(id(&first), false)));
}

#[tokio::test]
async fn who_was_not_asked_because_it_kept_failing_is_named_in_the_record() {
    let (shared, only) = (Shared::new(), provider("only"));
    only.always(Step::refuse_us());
    let node = shared.node("a", &[&only]);
    for name in ["asked", "not-asked"] {
        assert!(result(node.attached(name).await.unwrap()).await.is_err());
    }
    node.quiet().await;
    assert_eq!(only.handed().len(), 1);
    let all = DeliveryQuery { namespace: None, state: None, from: None, before: None, max: 10 };
    let records = shared.store.deliveries(all).await.unwrap();
    let mut told: Vec<_> = records.iter().map(|record| &*record.attempts[0].outcome).collect();
    told.sort_unstable();
    assert_eq!(told, [DeliveryAttempt::LEFT_ALONE, "provider_refused"]);
}

#[tokio::test]
async fn a_provider_with_a_mistake_in_it_harms_nobody_else() {
    let (shared, first, second) = (Shared::new(), provider("first"), provider("second"));
    first.then([Step::Panic]);
    let node = shared.node("a", &[&first, &second]);
    result(node.attached("john-1").await.unwrap()).await.unwrap();
    assert_eq!(second.handed().len(), 1);
}

#[tokio::test]
async fn a_message_replaced_while_it_waits_for_its_turn_is_not_sent() {
    let shared = Shared::new();
    let narrow = Arc::new(FakeProvider::new("narrow").with_max_concurrent(1));
    narrow.then([Step::Hang]);
    let node = shared.node("a", &[&narrow]);
    node.start("john-1", DeliveryMode::Durable).await.unwrap();
    narrow.wait_for_handed(1).await;
    let old = node.start("jane-1", DeliveryMode::Durable).await.unwrap();
    let new = node.start("jane-1", DeliveryMode::Durable).await.unwrap();
    narrow.release(Outcome::Accepted { message_id: None });
    node.quiet().await;
    let bodies: Vec<_> = narrow.handed().into_iter().skip(1).map(|one| one.message.body).collect();
    assert_eq!(bodies, [format!("Code {}", new.passcode.expose())]);
    assert_ne!(old.verification.vid, new.verification.vid);
}

#[tokio::test]
async fn a_dead_nodes_message_is_taken_over_and_its_late_word_changes_nothing() {
    let (shared, hung, working) = (Shared::new(), provider("sms"), provider("sms"));
    hung.always(Step::Hang);
    let dead = shared.node("dead", &[&hung]);
    dead.start("john-1", DeliveryMode::Durable).await.unwrap();
    let first = hung.wait_for_handed(1).await.remove(0);
    dead.running.abort();
    let alive = shared.node("alive", &[&working]);
    assert!(working.handed().is_empty());
    // The provider's timeout and the margin after it.
    shared.clock.advance(Duration::from_secs(15));
    let second = working.wait_for_handed(1).await.remove(0);
    alive.ended(DeliveryState::Accepted, 1).await;
    alive.quiet().await;
    assert_eq!((second.delivery.id, &second.message.body), (first.delivery.id, &first.message.body));
    assert!(second.delivery.fence > first.delivery.fence);
    assert_eq!((hung.handed().len(), working.handed().len()), (1, 1));
}

#[tokio::test]
async fn a_node_that_stops_gives_back_what_waits_and_finishes_what_is_under_way() {
    let shared = Shared::new();
    let narrow = Arc::new(FakeProvider::new("narrow").with_max_concurrent(1));
    narrow.then([Step::Hang]);
    let node = shared.node("a", &[&narrow]);
    node.start("john-1", DeliveryMode::Durable).await.unwrap();
    narrow.wait_for_handed(1).await;
    node.start("jane-1", DeliveryMode::Durable).await.unwrap();
    node.dispatcher.stop();
    narrow.release(Outcome::Accepted { message_id: None });
    within("the dispatcher to end", node.running).await.unwrap();
    assert_eq!((narrow.handed().len(), shared.store.stats().await.unwrap().outbox), (1, 1));
    let next = provider("narrow");
    let _successor = shared.node("b", &[&next]);
    let handed = next.wait_for_handed(1).await;
    assert_eq!(handed.len(), 1, "the other message goes out at once, without waiting for a lease");
}

#[tokio::test]
async fn a_hung_provider_does_not_hold_up_another() {
    let (shared, hung) = (Shared::new(), Arc::new(FakeProvider::new("hung").with_max_concurrent(2)));
    hung.always(Step::Hang);
    let node = shared.node("a", &[&hung]);
    let mut waiting = Vec::new();
    for number in 0..200 {
        waiting.push(node.attached(&format!("person-{number}")).await.unwrap());
    }
    let started = node.start("john-1", DeliveryMode::Durable).await.unwrap();
    node.check("john-1", &started.passcode).await.expect("checks go on");
    shared.clock.advance(DEADLINE);
    for started in waiting {
        assert!(result(started).await.is_err());
    }
}

/// On one thread, so that all places are given back before any of those who wait gets to run.
#[tokio::test]
async fn places_that_come_free_together_are_all_taken_again() {
    let shared = Shared::new();
    let narrow =
        Arc::new(FakeProvider::new("narrow").with_max_concurrent(8).with_timeout(Duration::from_secs(60)));
    narrow.always(Step::Hang);
    let node = shared.node("a", &[&narrow]);
    for number in 0..24 {
        node.start(&format!("person-{number}"), DeliveryMode::Durable).await.unwrap();
    }
    for full in [8, 16, 24] {
        // All eight places are in use again, not one after the other.
        assert_eq!(narrow.wait_for_handed(full).await.len(), full);
        narrow.release(Outcome::Accepted { message_id: None });
    }
    node.quiet().await;
    assert_eq!(shared.store.stats().await.unwrap().outbox, 0);
}

#[tokio::test]
async fn a_message_under_a_key_that_is_missing_waits_for_the_key() {
    let (shared, hung, sms) = (Shared::new(), provider("sms"), provider("sms"));
    hung.always(Step::Hang);
    let dead = shared.node_with_keys("dead", &[&hung], &[[1; 32]]);
    let started = dead.start("john-1", DeliveryMode::Durable).await.unwrap();
    hung.wait_for_handed(1).await;
    dead.running.abort();
    let keyless = shared.node_with_keys("keyless", &[&sms], &[[2; 32]]);
    shared.clock.advance(Duration::from_secs(15));
    within("the keyless node to take it over and to put it back", async {
        while shared.clock.next_wake().await < shared.clock.now().after(Duration::from_millis(900))
            || keyless.dispatcher.held() > 0
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    keyless.quiet().await;
    assert_eq!(
        (sms.handed().len(), shared.store.stats().await.unwrap().outbox),
        (0, 1),
        "it was not thrown away"
    );
    keyless.dispatcher.stop();
    within("the keyless node to stop", keyless.running).await.unwrap();
    let whole = shared.node_with_keys("whole", &[&sms], &[[2; 32], [1; 32]]);
    shared.clock.advance(Duration::from_secs(61));
    let handed = sms.wait_for_handed(1).await;
    assert_eq!(handed[0].message.body, format!("Code {}", started.passcode.expose()));
    whole.ended(DeliveryState::Accepted, 1).await;
}

fn say(passcode: &Passcode) -> Words {
    Words { subject: String::new(), body: format!("Code {}", passcode.expose()), ..Words::default() }
}

#[tokio::test]
async fn a_resend_carries_the_same_code_and_waits_for_the_cool_down() {
    let (shared, sms) = (Shared::new(), provider("sms"));
    let node = shared.node("a", &[&sms]);
    let started = node.start("john-1", DeliveryMode::Durable).await.unwrap();
    let resend = || ResendRequest {
        namespace: namespace(),
        external_id: ExternalId::new("john-1").unwrap(),
        cool_down: Duration::from_secs(30),
        throttle: None,
        mode: DeliveryMode::Durable,
    };
    let retry_at = shared.clock.now().after(Duration::from_secs(30));
    let too_soon = node.engine.resend(resend(), |_, passcode| say(passcode)).await.unwrap_err();
    assert!(matches!(too_soon, Error::TooSoon { retry_at: at } if at == retry_at), "{too_soon:?}");
    shared.clock.set(retry_at);
    let sent = node.engine.resend(resend(), |_, passcode| say(passcode)).await.unwrap();
    assert_eq!(sent.verification.sends, 2);
    let handed = sms.wait_for_handed(2).await;
    assert_ne!(handed[0].delivery.id, handed[1].delivery.id);
    assert!(handed.iter().all(|one| one.message.body == format!("Code {}", started.passcode.expose())));
}

#[tokio::test]
async fn an_address_is_given_once_and_gets_the_code_that_was_made_before() {
    let (shared, sms) = (Shared::new(), provider("sms"));
    let node = shared.node("a", &[&sms]);
    let started = node.start_without_address("john-1").await;
    assert!(sms.handed().is_empty() && started.verification.target.is_none());
    let give = |address| AddressRequest {
        namespace: namespace(),
        external_id: ExternalId::new("john-1").unwrap(),
        channel: Channel::new("sms").unwrap(),
        address: Address::new(address).unwrap(),
        throttle: None,
        mode: DeliveryMode::Durable,
    };
    node.engine.set_address(give("+442070313000"), |_, passcode| say(passcode)).await.unwrap();
    let handed = sms.wait_for_handed(1).await;
    assert_eq!(
        (handed[0].message.to.as_str(), &handed[0].message.body),
        ("+442070313000", &format!("Code {}", started.passcode.expose()))
    );
    let again = node.engine.set_address(give("+442070313001"), |_, passcode| say(passcode)).await;
    assert!(matches!(again, Err(Error::AddressSet(_))), "{again:?}");
    node.check("john-1", &started.passcode).await.expect("the code is good");
}

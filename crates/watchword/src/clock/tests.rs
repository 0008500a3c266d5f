use std::sync::atomic::{AtomicI64, Ordering};

use watchword_core::address::Channel;
use watchword_core::delivery::{DeliveryMode, NodeId};
use watchword_core::dispatcher::{Dispatcher, Routes};
use watchword_core::engine::{
    CheckBy, CheckRequest, Engine, EngineSettings, PasscodeSource, StartRequest, Words,
};
use watchword_core::error::Error;
use watchword_core::keyring::Keyring;
use watchword_core::namespace::Namespace;
use watchword_core::parts::Parts;
use watchword_core::passcode::Passcode;
use watchword_core::ports::{OnLive, Retention, Silent, Store, StoreError};
use watchword_core::verification::{Attributes, ExternalId, Limits, OnRight, RouteName};
use watchword_store::Memory;
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::random::SeededRandom;
use watchword_testkit::tasks::TokioTasks;

use super::*;

const MINUTE: i64 = 60_000;

/// The right time when a test begins.
const BEGIN: i64 = 1_800_000_000_000;

/// A machine whose clock is wrong by so many milliseconds. All machines of a test run alike.
#[derive(Clone)]
struct Skewed {
    passed: Arc<AtomicI64>,
    wrong_by: i64,
}

impl Readings for Skewed {
    fn wall(&self) -> i64 {
        BEGIN + self.wrong_by + self.running()
    }

    fn running(&self) -> i64 {
        self.passed.load(Ordering::SeqCst)
    }

    fn now(&self, running: i64) -> Timestamp {
        Timestamp::from_millis(BEGIN + self.wrong_by + running)
    }
}

/// A machine on which time passes whenever it is looked at.
struct Hasty {
    at: AtomicI64,
    step: i64,
}

impl Readings for Hasty {
    fn wall(&self) -> i64 {
        0
    }

    fn running(&self) -> i64 {
        self.at.fetch_add(self.step, Ordering::SeqCst)
    }

    fn now(&self, running: i64) -> Timestamp {
        Timestamp::from_millis(running)
    }
}

/// A store that is right, and machines that are not.
struct World {
    passed: Arc<AtomicI64>,
    store: Arc<Memory>,
}

impl World {
    fn new() -> Self {
        let world = Self { passed: Arc::default(), store: Arc::new(Memory::new(Retention::default())) };
        world.pass(0);
        world
    }

    fn right_time(&self) -> Timestamp {
        Timestamp::from_millis(BEGIN + self.passed.load(Ordering::SeqCst))
    }

    fn pass(&self, millis: i64) {
        self.passed.fetch_add(millis, Ordering::SeqCst);
        self.store.set_time(Ok(Some(self.right_time())));
    }

    fn clock(&self, wrong_by: i64) -> SystemClock {
        SystemClock::of(Skewed { passed: Arc::clone(&self.passed), wrong_by })
    }

    fn engine(&self, clock: &SystemClock) -> Engine {
        let parts = Parts {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(1)),
            tasks: Arc::new(TokioTasks::new()),
            observer: Arc::new(Silent),
            keyring: Arc::new(Keyring::new([&[7; 32]]).unwrap()),
        };
        let dispatcher = Dispatcher::new(parts.clone(), NodeId::new("node").unwrap(), Routes::default());
        Engine::new(parts, dispatcher, EngineSettings::default())
    }
}

fn unavailable() -> StoreError {
    StoreError::unavailable("it is not there")
}

#[tokio::test]
async fn nodes_whose_machines_are_minutes_apart_agree_by_the_time_of_their_store() {
    let world = World::new();
    let (early, late) = (world.clock(-7 * MINUTE), world.clock(5 * MINUTE));
    assert_eq!(early.now().until(late.now()), Duration::from_mins(12));
    for clock in [&early, &late] {
        assert!(!clock.is_anchored());
        assert_eq!(clock.anchor(&*world.store).await.unwrap(), Anchored::ToStore);
        assert!(clock.is_anchored());
    }
    for _ in 0..3 {
        world.pass(10_001);
        assert_eq!([early.now(), late.now()], [world.right_time(); 2]);
    }
    assert_eq!((early.machine_ahead(), late.machine_ahead()), (Some(-7 * MINUTE), Some(5 * MINUTE)));
}

#[tokio::test]
async fn codes_end_by_the_stores_time_on_every_node() {
    let world = World::new();
    let (early, late) = (world.clock(-7 * MINUTE), world.clock(5 * MINUTE));
    for clock in [&early, &late] {
        clock.anchor(&*world.store).await.unwrap();
    }
    let (starts, checks) = (world.engine(&early), world.engine(&late));
    let namespace = Namespace::new("app").unwrap();
    let passcode = Passcode::new("123456").unwrap();
    let check = |id: &str| {
        checks.check(CheckRequest {
            namespace: namespace.clone(),
            by: CheckBy::Id(ExternalId::new(id).unwrap()),
            passcode: passcode.clone(),
            on_right: None,
            approved_again: false,
        })
    };
    for id in ["in-time", "too-late"] {
        let request = StartRequest {
            namespace: namespace.clone(),
            external_id: Some(ExternalId::new(id).unwrap()),
            channel: Channel::new("sms").unwrap(),
            address: None,
            route: RouteName::new("sms").unwrap(),
            passcode: PasscodeSource::Given(passcode.clone()),
            keep_passcode: false,
            look_up_by_passcode: false,
            on_live: OnLive::Replace,
            limits: Limits { max_attempts: Some(3), max_sends: Some(3) },
            ttl: Duration::from_mins(1),
            kept_after: Duration::ZERO,
            on_right: OnRight::Close,
            attributes: Attributes::default(),
            throttle: None,
            dedupe: None,
            mode: DeliveryMode::Durable,
        };
        let started = starts.start(request, |_| Words::default()).await.unwrap();
        assert_eq!(started.verification.expires_at, world.right_time().after(Duration::from_mins(1)));
    }
    world.pass(MINUTE - 1);
    check("in-time").await.unwrap();
    world.pass(1);
    let too_late = check("too-late").await;
    assert!(matches!(too_late, Err(Error::Gone)), "{too_late:?}");
}

#[tokio::test]
async fn it_never_goes_back_nor_stands_still_when_the_stores_time_does() {
    let world = World::new();
    let clock = world.clock(0);
    clock.anchor(&*world.store).await.unwrap();
    // The store is on another machine now, which is ten seconds behind. That is not believed at once.
    let behind = || world.right_time().before(Duration::from_secs(10));
    world.store.set_time(Ok(Some(behind())));
    for _ in 0..2 {
        let doubted = clock.anchor(&*world.store).await;
        assert!(matches!(doubted, Err(SyncError::Jumped(-10_000))), "{doubted:?}");
    }
    clock.anchor(&*world.store).await.unwrap();
    let mut before = clock.now();
    assert_eq!(before, world.right_time());
    assert_eq!(clock.ahead(), Duration::from_secs(10));
    for _ in 0..19 {
        world.pass(1_000);
        let now = clock.now();
        assert_eq!(before.until(now), Duration::from_millis(500));
        assert!(now > behind());
        before = now;
    }
    // It has lost the ten seconds, and goes on with the store.
    world.pass(1_000);
    assert_eq!(clock.now(), behind());
    world.pass(1_000);
    assert_eq!(clock.now(), behind());
    assert_eq!(clock.ahead(), Duration::ZERO);
    // Forward it goes at once, when it is believed.
    while clock.anchor(&*world.store).await.is_err() {}
    assert_eq!(clock.now(), world.right_time());
}

#[tokio::test]
async fn one_wrong_answer_of_the_store_moves_nobody() {
    let world = World::new();
    let clock = world.clock(0);
    clock.anchor(&*world.store).await.unwrap();
    for wrong_by in [Duration::from_hours(1), Duration::from_hours(2), Duration::from_hours(1)] {
        world.pass(1_000);
        world.store.set_time(Ok(Some(world.right_time().after(wrong_by))));
        let doubted = clock.anchor(&*world.store).await;
        assert!(
            matches!(doubted, Err(SyncError::Jumped(_))),
            "answers that differ agree on nothing: {doubted:?}"
        );
        assert_eq!(clock.now(), world.right_time());
    }
    world.pass(1_000);
    clock.anchor(&*world.store).await.unwrap();
    assert_eq!(clock.now(), world.right_time());
}

#[tokio::test]
async fn two_nodes_agree_again_once_the_stores_time_has_jumped() {
    let world = World::new();
    let (one, other) = (world.clock(0), world.clock(MINUTE));
    for clock in [&one, &other] {
        clock.anchor(&*world.store).await.unwrap();
    }
    let jumped = world.right_time().after(Duration::from_hours(1));
    world.store.set_time(Ok(Some(jumped)));
    while one.anchor(&*world.store).await.is_err() {}
    while other.anchor(&*world.store).await.is_err() {}
    assert_eq!([one.now(), other.now()], [jumped; 2]);
}

#[tokio::test]
async fn what_others_compare_with_their_clocks_is_the_machines_time() {
    let world = World::new();
    let clock = world.clock(-7 * MINUTE);
    clock.anchor(&*world.store).await.unwrap();
    assert_eq!(clock.now(), world.right_time());
    assert_eq!(clock.machine().until(clock.now()), Duration::from_mins(7));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_starts_asks_a_few_times_and_then_gives_up() {
    let world = World::new();
    let clock = SystemClock::new();
    world.store.set_time(Err(unavailable()));
    let refused = clock.anchor_at_start(&*world.store).await;
    assert!(matches!(refused, Err(SyncError::Store(_))), "{refused:?}");
    world.store.set_time(Ok(Some(world.right_time())));
    assert_eq!(clock.anchor_at_start(&*world.store).await.unwrap(), Anchored::ToStore);
}

#[tokio::test]
async fn the_time_is_that_of_the_middle_of_the_round_trip() {
    // Asked at 600 and answered at 1,000, so it was 800 when the store said so.
    let clock = SystemClock::of(Hasty { at: AtomicI64::new(600), step: 400 });
    let store = Memory::new(Retention::default());
    store.set_time(Ok(Some(Timestamp::from_millis(BEGIN + 800))));
    clock.anchor(&store).await.unwrap();
    let passed = clock.0.machine.running() + 400;
    assert_eq!(clock.now(), Timestamp::from_millis(BEGIN + passed));
}

#[tokio::test]
async fn an_answer_that_took_long_says_too_little() {
    let clock = SystemClock::of(Hasty { at: AtomicI64::new(0), step: 2_001 });
    let store = Memory::new(Retention::default());
    store.set_time(Ok(Some(Timestamp::from_millis(BEGIN))));
    let late = clock.anchor(&store).await;
    assert!(matches!(late, Err(SyncError::Late(took)) if took == Duration::from_millis(2_001)), "{late:?}");
    assert!(!clock.is_anchored());
}

#[tokio::test]
async fn an_embedded_store_leaves_the_time_to_the_machine() {
    let world = World::new();
    let clock = world.clock(5 * MINUTE);
    world.store.set_time(Ok(None));
    assert_eq!(clock.anchor(&*world.store).await.unwrap(), Anchored::ToMachine);
    within("the end of the keeping", keep_anchored(clock.clone(), Arc::clone(&world.store) as _)).await;
    assert_eq!(clock.now(), world.right_time().after(Duration::from_mins(5)));
    assert_eq!((clock.is_anchored(), clock.machine_ahead()), (false, None));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_say_is_asked_again_and_the_clock_goes_on_meanwhile() {
    let world = World::new();
    let clock = world.clock(5 * MINUTE);
    world.store.set_time(Err(unavailable()));
    let keeping = tokio::spawn(keep_anchored(clock.clone(), Arc::clone(&world.store) as _));
    tokio::task::yield_now().await;
    assert!(!clock.is_anchored());
    // Time passes for sleepers when it does for the machine.
    let after = |millis: i64| {
        let (world, clock) = (&world, &clock);
        async move {
            eventually("the clock to be right", async || {
                world.passed.fetch_add(millis, Ordering::SeqCst);
                world.store.set_time(Ok(Some(world.right_time())));
                (clock.now() == world.right_time()).then_some(())
            })
            .await;
        }
    };
    after(100).await;
    world.store.set_time(Err(unavailable()));
    world.passed.fetch_add(60 * MINUTE, Ordering::SeqCst);
    assert_eq!(clock.now(), world.right_time(), "it goes by what it knew last");
    keeping.abort();
}

#[tokio::test]
async fn a_sleep_that_began_before_the_first_anchoring_takes_no_longer_for_it() {
    let world = World::new();
    let clock = world.clock(60 * MINUTE);
    let sleep = clock.sleep_until(clock.now().after(Duration::from_secs(5)));
    clock.anchor(&*world.store).await.unwrap();
    world.pass(5_000);
    within("the sleep", sleep).await;
    let longer = clock.sleep_until(clock.now().after(Duration::from_millis(1)));
    assert!(futures::FutureExt::now_or_never(longer).is_none(), "its time has not come");
}

#[tokio::test]
async fn a_sleep_lasts_until_its_time_and_one_to_the_past_not_at_all() {
    let clock = SystemClock::new();
    let soon = clock.now().after(Duration::from_millis(30));
    clock.sleep_until(soon).await;
    assert!(clock.now() >= soon);
    clock.sleep_until(Timestamp::default()).await;
}

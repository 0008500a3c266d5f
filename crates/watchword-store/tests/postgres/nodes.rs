//! Races among nodes: each has a store, and connections, of its own; they share a database.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::Barrier;
use watchword_core::address::Channel;
use watchword_core::ports::{Check, OnLive, Resend, Start, Store};
use watchword_core::throttle::ThrottleRule;
use watchword_core::verification::{Limits, OnRight};
use watchword_store::PostgresStore;
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::{
    Story, TTL, check_name, look_up_digest, send_name, start_name, started,
};

use crate::server::{modest, shared, store};

const NODES: usize = 4;
const RACERS: usize = 32;
const ROUNDS: usize = 10;

struct Nodes {
    nodes: Vec<Arc<PostgresStore>>,
    story: Story,
}

impl Nodes {
    async fn new() -> Self {
        let server = shared();
        let url = server.url();
        let story = Story::new(Fresh::new(store(&url, modest()).await).keeping(server));
        let mut nodes = Vec::new();
        for _ in 0..NODES {
            nodes.push(Arc::new(store(&url, modest()).await));
        }
        Self { nodes, story }
    }

    /// Does all of this at once, on the nodes by turns; the names of the outcomes, and how often each came.
    async fn at_once<Job, Doing>(
        &self,
        jobs: impl IntoIterator<Item = Job>,
        run: impl Fn(Arc<PostgresStore>, Job) -> Doing,
    ) -> BTreeMap<&'static str, usize>
    where
        Doing: Future<Output = &'static str> + Send + 'static,
    {
        let jobs: Vec<Job> = jobs.into_iter().collect();
        let barrier = Arc::new(Barrier::new(jobs.len()));
        let running: Vec<_> = jobs
            .into_iter()
            .zip(self.nodes.iter().cycle())
            .map(|(job, node)| {
                let (barrier, work) = (Arc::clone(&barrier), run(Arc::clone(node), job));
                tokio::spawn(async move {
                    barrier.wait().await;
                    work.await
                })
            })
            .collect();
        let mut tally = BTreeMap::new();
        for outcome in join_all(running).await {
            *tally.entry(outcome.expect("no racer panics")).or_default() += 1;
        }
        tally
    }

    async fn checks(&self, checks: Vec<Check>) -> BTreeMap<&'static str, usize> {
        let run =
            |node: Arc<PostgresStore>, check| async move { check_name(&node.check(check).await.unwrap()) };
        self.at_once(checks, run).await
    }

    async fn starts(&self, starts: Vec<Start>) -> BTreeMap<&'static str, usize> {
        let run =
            |node: Arc<PostgresStore>, start| async move { start_name(&node.start(start).await.unwrap()) };
        self.at_once(starts, run).await
    }
}

/// Never one over and never one under, whichever node they ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn senders_on_all_nodes_fill_a_rule_exactly() {
    let mut nodes = Nodes::new().await;
    let story = &nodes.story;
    let rule = |rate| Some(vec![ThrottleRule { rate, window: TTL }]);
    let sms = Channel::new("sms").unwrap();
    story.store.put_rules(story.namespace.clone(), sms, rule(7), rule(5)).await.unwrap();
    for round in 0..ROUNDS {
        let story = &nodes.story;
        let from = |ip: String, to: &str| Start {
            throttle: Some(story.throttle("sms", Some(&ip), Some(to))),
            on_live: OnLive::Add,
            ..story.by_target("sms", to, "111111")
        };
        let one_ip = (0..RACERS).map(|number| from("::1".into(), &format!("+{}", number % 16))).collect();
        let expected = BTreeMap::from([("started", 7), ("throttled", RACERS - 7)]);
        assert_eq!(nodes.starts(one_ip).await, expected, "by address, round {round}");
        let one_target = (0..RACERS).map(|number| from(format!("::{}", number + 2), "+99")).collect();
        let expected = BTreeMap::from([("started", 5), ("throttled", RACERS - 5)]);
        assert_eq!(nodes.starts(one_target).await, expected, "by target, round {round}");
        nodes.story.pass(TTL);
    }
}

/// Starts, resends, wrong and right checks of one id, all at once: every one is counted, and one right check wins at the most.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_that_happens_to_one_id_at_once_happens_in_some_order() {
    let mut nodes = Nodes::new().await;
    for round in 0..ROUNDS {
        let story = &nodes.story;
        let limits = Limits { max_attempts: Some(1_000), max_sends: Some(1_000) };
        let start = Start { limits, on_right: OnRight::Close, ..story.by_id("john-1", "111111") };
        let (first, _) = started(story.start(start.clone()).await);
        enum Job {
            Start(Box<Start>),
            Resend(Box<Resend>),
            Check(Check),
        }
        let jobs = (0..RACERS).map(|number| match number % 4 {
            0 => Job::Start(Box::new(Start { vid: story.vid(), ..with_new_message(story, &start) })),
            1 => Job::Resend(Box::new(story.resend_of(&first))),
            2 => Job::Check(story.check_id("john-1", "999999")),
            _ => Job::Check(Check { on_right: Some(OnRight::Keep), ..story.check_id("john-1", "111111") }),
        });
        let run = |node: Arc<PostgresStore>, job| async move {
            match job {
                Job::Start(start) => start_name(&node.start(*start).await.unwrap()),
                Job::Resend(resend) => send_name(&node.resend(*resend).await.unwrap()),
                Job::Check(check) => check_name(&node.check(check).await.unwrap()),
            }
        };
        let tally = nodes.at_once(jobs, run).await;
        let of = |name: &str| tally.get(name).copied().unwrap_or(0);
        assert_eq!(of("started"), RACERS / 4, "round {round}: {tally:?}");
        assert_eq!(of("wrong"), RACERS / 4, "round {round}: {tally:?}");
        assert_eq!(of("approved"), RACERS / 4, "round {round}: {tally:?}");
        assert_eq!(of("sent") + of("changed"), RACERS / 4, "round {round}: {tally:?}");
        let live = nodes.story.live("john-1").await.expect("one stands");
        // Each start and each check counts as an attempt; each start and each message sent again as a send.
        assert_eq!(live.attempts as usize, 1 + RACERS * 3 / 4, "round {round}");
        assert_eq!(live.sends as usize, 1 + RACERS / 4 + of("sent"), "round {round}");
        let right = vec![nodes.story.check_id("john-1", "111111"); RACERS];
        let right = right.into_iter().map(|check| Check { approved_again: false, ..check }).collect();
        let expected = BTreeMap::from([("approved", 1), ("used", RACERS - 1)]);
        assert_eq!(nodes.checks(right).await, expected, "round {round}");
        nodes.story.expect_nothing_unsent("it was approved").await;
        nodes.story.pass(TTL);
    }
}

/// The same start with a message of its own: no two messages have one id.
fn with_new_message(story: &Story, start: &Start) -> Start {
    let mut start = start.clone();
    start.candidates[0].deliveries = vec![story.message()];
    start
}

/// Nobody waits for somebody who waits for him, in whichever order codes were drawn; and no code is given twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn codes_drawn_in_any_order_on_all_nodes_are_unique() {
    const CODES: usize = 12;
    let mut nodes = Nodes::new().await;
    for round in 0..ROUNDS {
        let story = &nodes.story;
        let starts = (0..RACERS).map(|number| {
            let candidates = (0..CODES).map(|place| {
                let place = if number % 2 == 0 { place } else { CODES - 1 - place };
                let code = format!("{place:06}");
                let mut candidate =
                    story.by_target("telegram", &number.to_string(), &code).candidates.remove(0);
                candidate.taken_if = vec![look_up_digest("telegram", &code)];
                candidate
            });
            Start {
                candidates: candidates.collect(),
                unique_in: Some(Channel::new("telegram").unwrap()),
                ..story.by_target("telegram", &number.to_string(), "")
            }
        });
        let expected = BTreeMap::from([("started", CODES), ("no free candidate", RACERS - CODES)]);
        assert_eq!(nodes.starts(starts.collect()).await, expected, "round {round}");
        nodes.story.pass(TTL);
    }
}

/// A resend of an id that is approved, given up or replaced at the same time goes before that or not at all: nothing is left unsent
/// of what is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_unsent_of_what_ends_at_the_same_time() {
    let mut nodes = Nodes::new().await;
    for _ in 0..ROUNDS {
        let story = &nodes.story;
        let limits = Limits { max_attempts: Some(100), max_sends: Some(100) };
        let (first, _) = started(story.start(Start { limits, ..story.by_id("john-1", "111111") }).await);
        let resends =
            (0..RACERS).map(|number| (number, story.resend_of(&first), story.check_id("john-1", "111111")));
        let run = |node: Arc<PostgresStore>, (number, resend, check): (usize, Resend, Check)| async move {
            if number == RACERS / 2 {
                return check_name(&node.check(check).await.unwrap());
            }
            send_name(&node.resend(resend).await.unwrap())
        };
        let tally = nodes.at_once(resends.collect::<Vec<_>>(), run).await;
        assert_eq!(tally["approved"], 1, "{tally:?}");
        nodes.story.expect_nothing_unsent("it was approved").await;
        nodes.story.pass(TTL);
    }
}

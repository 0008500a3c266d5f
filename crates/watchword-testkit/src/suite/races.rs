//! Many at once: each race is run in as many rounds as the store is given, on several threads, all starting together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use watchword_core::address::Channel;
use watchword_core::ports::{
    Check, CheckOutcome, ClaimDue, Dedupe, Fenced, OnLive, Selector, Start, StartOutcome, Store,
};
use watchword_core::throttle::ThrottleRule;
use watchword_core::verification::{Limits, OnRight, State};

use super::Fresh;
use super::story::{
    ACCEPTED, FAILED, LEASE, Story, TTL, check_name, counts, look_up_digest, start_name, started, subject,
};

/// Does all of this at once; the answers in the order of the work.
async fn at_once<Work>(store: &Arc<dyn Store>, work: impl IntoIterator<Item = Work>) -> Vec<Work::Answer>
where
    Work: Job,
{
    let work: Vec<Work> = work.into_iter().collect();
    let barrier = Arc::new(Barrier::new(work.len()));
    let mut running = Vec::with_capacity(work.len());
    for job in work {
        let (store, barrier) = (Arc::clone(store), Arc::clone(&barrier));
        running.push(tokio::spawn(async move {
            barrier.wait().await;
            job.run(&*store).await
        }));
    }
    let mut answers = Vec::with_capacity(running.len());
    for task in running {
        answers.push(task.await.expect("no racer panics"));
    }
    answers
}

/// What a racer does.
trait Job: Send + 'static {
    type Answer: Send + 'static;
    fn run(self, store: &dyn Store) -> impl Future<Output = Self::Answer> + Send;
}

impl Job for Check {
    type Answer = CheckOutcome;
    async fn run(self, store: &dyn Store) -> CheckOutcome {
        store.check(self).await.expect("the store works")
    }
}

impl Job for Start {
    type Answer = StartOutcome;
    async fn run(self, store: &dyn Store) -> StartOutcome {
        store.start(self).await.expect("the store works")
    }
}

impl Job for ClaimDue {
    type Answer = Vec<watchword_core::delivery::Claim>;
    async fn run(self, store: &dyn Store) -> Self::Answer {
        store.claim(self).await.expect("the store works").claims
    }
}

struct Settle(watchword_core::time::Timestamp, watchword_core::ports::Settlement);

impl Job for Settle {
    type Answer = Fenced;
    async fn run(self, store: &dyn Store) -> Fenced {
        store.settle(self.0, vec![self.1]).await.expect("the store works")[0]
    }
}

/// How often each name is there.
fn tally<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut tally = BTreeMap::new();
    for name in names {
        *tally.entry(name).or_default() += 1;
    }
    tally
}

fn tally_checks(outcomes: &[CheckOutcome]) -> BTreeMap<&'static str, usize> {
    tally(outcomes.iter().map(check_name))
}

fn tally_starts(outcomes: &[StartOutcome]) -> BTreeMap<&'static str, usize> {
    tally(outcomes.iter().map(start_name))
}

/// A right check consumes, in the same step. None of the losers is an error; each is told what is so.
pub async fn of_many_right_checks_exactly_one_wins(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds {
        // By turns: one that is deleted, and one that is kept and must not be taken twice.
        let (on_right, losers) =
            if round % 2 == 0 { (OnRight::Delete, "gone") } else { (OnRight::Close, "used") };
        let limits = Limits { max_attempts: Some(100), max_sends: None };
        let start = Start { on_right, limits, ..story.by_id_without_address("john-1", "111111") };
        story.begin(start).await;
        let check = Check { approved_again: false, ..story.check_id("john-1", "111111") };
        let outcomes = at_once(&story.store, vec![check; 16]).await;
        assert_eq!(
            tally_checks(&outcomes),
            tally([["approved"].as_slice(), &[losers; 15]].concat()),
            "round {round}"
        );
        story.pass(TTL);
    }
}

/// Four of five attempts are left, so four are wrong and the rest locked, and so is the right one after them.
pub async fn wrong_checks_never_pass_the_attempts(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(10) {
        story.begin(story.by_id_without_address("john-1", "111111")).await;
        let wrong = story.check_id("john-1", "999999");
        let outcomes = at_once(&story.store, vec![wrong; 64]).await;
        let expected = BTreeMap::from([("wrong", 4), ("locked", 60)]);
        assert_eq!(tally_checks(&outcomes), expected, "round {round}");
        assert_eq!(story.check_ids("john-1", &["111111"]).await, ["locked"]);
        let row = story.live("john-1").await.expect("it is kept");
        assert_eq!(counts(&row), (State::Pending, 66, 1), "every check was counted");
        story.store.unlock(story.namespace.clone(), vec![story.guesses_of("john-1")]).await.unwrap();
        story.pass(TTL);
    }
}

/// Ten are looked at, over all verifications of the target; all others, and the right one after them, are refused.
pub async fn wrong_checks_never_pass_the_guess_limits(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(10) {
        for channel in ["sms", "call"] {
            story.begin(story.by_target(channel, "+1", "111111")).await;
        }
        let wrong = ["sms", "call"].map(|channel| story.check_targets(&[(channel, "+1")], "999999"));
        let outcomes = at_once(&story.store, wrong.into_iter().cycle().take(64)).await;
        let expected = BTreeMap::from([("wrong", 10), ("refused", 54)]);
        assert_eq!(tally_checks(&outcomes), expected, "round {round}");
        for channel in ["sms", "call"] {
            let right = story.check_targets(&[(channel, "+1")], "111111");
            assert_eq!(check_name(&story.check(right).await), "refused");
        }
        story.store.unlock(story.namespace.clone(), vec![story.guesses_of("+1")]).await.unwrap();
        story.pass(TTL);
    }
}

/// Two callers ask for the same id: both count, one code stands, and it is that of the one that was last.
pub async fn starts_at_once_are_all_counted(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(5) {
        let limits = Limits { max_attempts: Some(100), max_sends: Some(3) };
        let codes = ["111111", "222222", "333333", "444444", "555555"];
        let starts = codes.map(|code| Start { limits, ..story.by_id("john-1", code) });
        let outcomes = at_once(&story.store, starts).await;
        let expected = BTreeMap::from([("started", 3), ("locked", 2)]);
        assert_eq!(tally_starts(&outcomes), expected, "round {round}");
        let live = story.live("john-1").await.expect("one stands");
        assert_eq!(counts(&live), (State::Pending, 3, 3));
        let mut right = 0;
        for (code, outcome) in codes.iter().zip(&outcomes) {
            let check = Check { on_right: Some(OnRight::Keep), ..story.check_id("john-1", code) };
            let is_right = matches!(story.check(check).await, CheckOutcome::Approved(_));
            let stands =
                matches!(outcome, StartOutcome::Started { verification, .. } if verification.vid == live.vid);
            assert_eq!(is_right, stands, "only the code of the one that stands is right");
            right += usize::from(is_right);
        }
        assert_eq!((right, story.store.stats().await.unwrap().outbox), (1, 1), "round {round}");
        assert_eq!(
            story.check_ids("john-1", &codes).await.iter().filter(|name| **name == "approved").count(),
            1
        );
        story.expect_nothing_unsent("it was approved").await;
        story.pass(TTL);
    }
}

/// Whoever is first starts it; the others are told that it is there.
pub async fn starts_at_once_leave_one_live_one(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(10) {
        for (on_live, others) in [(OnLive::Refuse, "exists"), (OnLive::Reuse, "reused")] {
            let starts = [(); 8].map(|()| Start { on_live, ..story.by_id("john-1", "111111") });
            let outcomes = at_once(&story.store, starts).await;
            assert_eq!(
                tally_starts(&outcomes),
                BTreeMap::from([("started", 1), (others, 7)]),
                "round {round}"
            );
            assert_eq!(story.check_ids("john-1", &["111111", "111111"]).await, ["approved", "gone"]);
        }
        story.pass(TTL);
    }
}

/// Never one over, and never one under: a refused racer takes nobody's room.
pub async fn sends_at_once_fill_a_rule_exactly(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let (by_ip, by_target) = (ThrottleRule { rate: 5, window: TTL }, ThrottleRule { rate: 3, window: TTL });
    let channel = Channel::new("sms").unwrap();
    let put =
        story.store.put_rules(story.namespace.clone(), channel, Some(vec![by_ip]), Some(vec![by_target]));
    put.await.unwrap();
    for round in 0..story.rounds.div_ceil(10) {
        let from = |ip: &str, to: &str| Start {
            throttle: Some(story.throttle("sms", Some(ip), Some(to))),
            ..story.by_target("sms", to, "111111")
        };
        // From one address of the network, to eight targets twice each: five in all.
        let starts: Vec<_> = (0..16).map(|number| from("::1", &format!("+{}", number % 8))).collect();
        let outcomes = at_once(&story.store, starts).await;
        let expected = BTreeMap::from([("started", 5), ("throttled", 11)]);
        assert_eq!(tally_starts(&outcomes), expected, "by address, round {round}");
        // From many, to one: three in all.
        let starts: Vec<_> = (2..18).map(|number| from(&format!("::{number}"), "+99")).collect();
        let outcomes = at_once(&story.store, starts).await;
        let expected = BTreeMap::from([("started", 3), ("throttled", 13)]);
        assert_eq!(tally_starts(&outcomes), expected, "by target, round {round}");
        story.pass(TTL);
    }
}

/// One is handled, all others are told so.
pub async fn a_request_that_comes_many_times_at_once_counts_once(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(10) {
        let key = subject(&["request", story.namespace.as_str(), &format!("update {round}")]);
        let dedupe = Some(Dedupe { key, until: story.now.after(TTL) });
        let starts =
            [(); 8].map(|()| Start { dedupe: dedupe.clone(), ..story.by_target("telegram", "1", "111111") });
        let outcomes = at_once(&story.store, starts).await;
        assert_eq!(
            tally_starts(&outcomes),
            BTreeMap::from([("started", 1), ("duplicate", 7)]),
            "round {round}"
        );
        story.pass(TTL);
    }
}

/// All draw the same codes in the same order; each gets one of its own, and those who come last get none.
pub async fn codes_drawn_at_once_are_unique(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(10) {
        let codes: Vec<_> = (0..4).map(|code| format!("{code}{code}{code}")).collect();
        let starts = (0..6).map(|number| {
            let address = format!("{number}");
            let candidates = codes.iter().map(|code| {
                let mut candidate = story.by_target("telegram", &address, code).candidates.remove(0);
                candidate.taken_if = vec![look_up_digest("telegram", code)];
                candidate
            });
            Start {
                candidates: candidates.collect(),
                unique_in: Some(Channel::new("telegram").unwrap()),
                ..story.by_target("telegram", &address, "")
            }
        });
        let starts: Vec<_> = starts.collect();
        let outcomes = at_once(&story.store, starts).await;
        let mut used = Vec::new();
        for outcome in &outcomes {
            match outcome {
                StartOutcome::Started { candidate, .. } => used.push(*candidate),
                StartOutcome::NoFreeCandidate => {}
                other => panic!("{other:?}"),
            }
        }
        used.sort_unstable();
        assert_eq!(used, [0, 1, 2, 3], "round {round}");
        story.pass(TTL);
    }
}

/// However many nodes look for work at once.
pub async fn a_message_is_claimed_by_one_node(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let partitions = story.store.partitions();
    for round in 0..story.rounds.div_ceil(10) {
        let mut ids = Vec::new();
        for number in 0..8 {
            let start = Start { claimant: None, ..story.by_target("sms", &format!("+{number}"), "111111") };
            ids.push(start.candidates[0].deliveries[0].id);
            story.begin(start).await;
        }
        let claims = partitions.iter().flat_map(|partition| {
            let story = &story;
            (0..4).map(move |node| ClaimDue {
                partition: *partition,
                now: story.now,
                claimant: story.node(&format!("node-{node}")),
                max: 3,
            })
        });
        let claims: Vec<_> = claims.collect();
        let mut claimed: Vec<_> = at_once(&story.store, claims).await.into_iter().flatten().collect();
        claimed.sort_by_key(|claim| claim.delivery.id);
        let handed: Vec<_> = claimed.iter().map(|claim| (claim.delivery.id, claim.delivery.fence)).collect();
        let expected: Vec<_> = ids.into_iter().map(|id| (id, 1)).collect();
        assert_eq!(handed, expected, "round {round}");
        story.pass(TTL);
        story.purge_all().await;
        story.claim("last", 100).await;
    }
}

/// The node that was taken for dead and the one that took over settle at the same moment.
pub async fn of_two_holders_the_newest_settles(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(10) {
        let (row, claims) = started(story.start(story.by_id("john-1", "111111")).await);
        story.pass(LEASE);
        let held = story.claim("b", 1).await.claims.remove(0);
        let settles = [
            (Fenced::Stale, Settle(story.now, story.settlement(&claims[0], FAILED))),
            (Fenced::Done, Settle(story.now, story.settlement(&held, ACCEPTED))),
        ];
        // By turns, so that each is first sometimes.
        let (expected, settles): (Vec<_>, Vec<_>) =
            if round % 2 == 0 { settles.into_iter().unzip() } else { settles.into_iter().rev().unzip() };
        let answers = at_once(&story.store, settles).await;
        assert_eq!(answers, expected, "round {round}");
        story.store.cancel(story.select(Selector::Vid(row.vid))).await.unwrap();
        story.pass(Duration::from_millis(1));
    }
}

/// As a node would that got no answer the first time.
pub async fn a_settlement_sent_twice_is_done_once(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for round in 0..story.rounds.div_ceil(10) {
        let (row, claims) = started(story.start(story.by_id("john-1", "111111")).await);
        let settles = [(); 8].map(|()| Settle(story.now, story.settlement(&claims[0], ACCEPTED)));
        let answers = at_once(&story.store, settles).await;
        let done = answers.iter().filter(|answer| **answer == Fenced::Done).count();
        assert_eq!(done, 1, "round {round}");
        story.store.cancel(story.select(Selector::Vid(row.vid))).await.unwrap();
        story.pass(Duration::from_millis(1));
    }
}

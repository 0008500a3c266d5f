//! Beginning a verification, and beginning it again.

use std::sync::Arc;
use std::time::Duration;

use watchword_core::delivery::{Delivery, DeliveryState, Ended, Verdict};
use watchword_core::ports::{Fenced, OnLive, Selector, Start, StartOutcome};
use watchword_core::verification::{Attributes, Limits, OnRight, RouteName, State, Verification};

use super::Fresh;
use super::story::{Story, TTL, counts, namespace, start_name, started, target};

/// What is stored of a start that found nothing before it.
fn as_started(start: &Start, attempts: u32) -> Verification {
    Verification {
        vid: start.vid,
        namespace: start.namespace.clone(),
        external_id: start.external_id.clone(),
        target: start.target.clone(),
        route: start.route.clone(),
        guess_subject: start.guess_subject,
        passcode: start.candidates[0].passcode.clone(),
        attributes: start.attributes.clone(),
        state: State::Pending,
        attempts,
        sends: 1,
        limits: start.limits,
        on_right: start.on_right,
        created_at: start.now,
        expires_at: start.expires_at,
        kept_after: start.kept_after,
        last_sent_at: (!start.candidates[0].deliveries.is_empty()).then_some(start.now),
    }
}

/// Every field comes back as it was given, whether few or all are set.
pub async fn what_is_started_is_found_again_whole(fresh: Fresh) {
    let story = Story::new(fresh);
    let full = Start {
        attributes: Attributes {
            channel_description: "Your \u{1F4F1}".to_owned(),
            address_description: "with \"quotes\" and \\".to_owned(),
            extra: Some(r#"{"b":1.0,"a":[null,1e5],"b":2}"#.into()),
        },
        route: RouteName::new("sms first").unwrap(),
        kept_after: Duration::from_secs(86_400),
        on_right: OnRight::Close,
        limits: Limits { max_attempts: Some(1_000_000), max_sends: None },
        ..story.by_target("sms", "жанна +7", "111111")
    };
    for (start, attempts) in [
        (story.by_id("john-1", "111111"), 1),
        (story.by_id_without_address("john-2", "111111"), 1),
        (story.by_target("sms", "+1", "111111"), 0),
        (full, 0),
    ] {
        let expected = as_started(&start, attempts);
        let message = start.candidates[0].deliveries.first().cloned();
        let outcome = story.start(start.clone()).await;
        let StartOutcome::Started { verification, candidate: 0, claims } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(*verification, expected);
        let delivery = message.map(|message| Delivery {
            id: message.id,
            vid: start.vid,
            namespace: story.namespace.clone(),
            route: message.route,
            message: Some(message.message),
            masked_to: message.masked_to,
            state: DeliveryState::Claimed,
            due_at: story.node("a").lease_until,
            fence: 1,
            claimed_by: Some(story.node("a").node),
            attempts: Vec::new(),
            created_at: story.now,
            expires_at: start.expires_at,
        });
        let handed: Vec<_> = claims.iter().map(|claim| claim.delivery.clone()).collect();
        assert_eq!(handed, Vec::from_iter(delivery));
        assert!(claims.iter().all(|claim| *claim.verification == expected));
        for selector in [
            Some(Selector::Vid(start.vid)),
            start.external_id.clone().map(Selector::Id),
            start.target.clone().filter(|_| start.external_id.is_none()).map(Selector::Target),
        ] {
            let Some(selector) = selector else { continue };
            assert_eq!(story.get(selector).await.as_deref(), Some(&expected));
        }
        assert_eq!(story.store.find(start.vid, story.now).await.unwrap().as_deref(), Some(&expected));
    }
}

/// Only `Replace` counts a start as an attempt; every start is a send.
pub async fn a_first_start_counts_as_its_kind_says(fresh: Fresh) {
    let story = Story::new(fresh);
    for (id, on_live, attempts) in [
        ("replace", OnLive::Replace, 1),
        ("reuse", OnLive::Reuse, 0),
        ("refuse", OnLive::Refuse, 0),
        ("beside", OnLive::Add, 0),
    ] {
        let verification = story.begin(Start { on_live, ..story.by_id(id, "111111") }).await;
        assert_eq!(counts(&verification), (State::Pending, attempts, 1), "{id}");
    }
}

/// Code, address, texts, limits and time are the new ones; attempts and sends go on, one more of each.
pub async fn starting_an_id_again_replaces_everything_but_the_counts(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let first = story.begin(story.by_id("john-1", "111111")).await;
    assert_eq!(story.check_ids("john-1", &["999999"]).await, ["wrong"]);
    story.pass(Duration::from_secs(60));
    let again = Start {
        limits: Limits { max_attempts: Some(9), max_sends: Some(9) },
        attributes: Attributes { channel_description: "other".to_owned(), ..Attributes::default() },
        route: RouteName::new("other").unwrap(),
        on_right: OnRight::Close,
        kept_after: Duration::from_secs(5),
        ..story.by_id_without_address("john-1", "222222")
    };
    let expected = Verification { attempts: 3, sends: 2, ..as_started(&again, 0) };
    let second = story.begin(again).await;
    assert_eq!(*second, expected);
    assert_eq!(story.live("john-1").await.as_deref(), Some(&expected));
    assert_eq!(story.get(Selector::Vid(first.vid)).await, None, "the replaced one is gone");
    assert_eq!(story.store.find(first.vid, story.now).await.unwrap(), None);
    assert_eq!(story.check_ids("john-1", &["111111", "222222"]).await, ["wrong", "approved"]);
    assert_eq!(story.store.stats().await.unwrap().verifications, 1);
}

/// A start whose own count would pass a limit is refused, and shows the live one as it is.
pub async fn a_start_that_would_lock_changes_nothing(fresh: Fresh) {
    let story = Story::new(fresh);
    for (id, limits) in [
        ("attempts", Limits { max_attempts: Some(2), max_sends: None }),
        ("sends", Limits { max_attempts: None, max_sends: Some(2) }),
    ] {
        let start = |code| Start { limits, ..story.by_id(id, code) };
        story.begin(start("111111")).await;
        let before = story.begin(start("222222")).await;
        let outcome = story.start(start("333333")).await;
        assert!(matches!(&outcome, StartOutcome::Locked(live) if *live == before), "{outcome:?}");
        assert_eq!(story.live(id).await, Some(before), "{id}");
    }
    // Its own limits count, not those of the one before.
    let more = Limits { max_attempts: Some(3), max_sends: Some(3) };
    let verification = story.begin(Start { limits: more, ..story.by_id("attempts", "333333") }).await;
    assert_eq!(counts(&verification), (State::Pending, 3, 3));
    assert_eq!(story.store.stats().await.unwrap().outbox, 2, "one message each, of the last that stood");
}

/// Nobody unlocks by starting again, however high the new limits are.
pub async fn a_start_on_a_locked_one_changes_nothing(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let limits = Limits { max_attempts: Some(1), max_sends: None };
    story.begin(Start { limits, ..story.by_id("john-1", "111111") }).await;
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["locked"]);
    let locked = story.live("john-1").await;
    let generous = Limits { max_attempts: Some(100), max_sends: Some(100) };
    let again = |story: &Story| Start { limits: generous, ..story.by_id("john-1", "222222") };
    assert_eq!(start_name(&story.start(again(&story)).await), "locked");
    assert_eq!(story.live("john-1").await, locked);
    // Locked until its time is over, and not longer.
    story.pass(TTL - Duration::from_millis(1));
    assert_eq!(start_name(&story.start(again(&story)).await), "locked");
    story.pass(Duration::from_millis(1));
    assert_eq!(counts(&*story.begin(again(&story)).await), (State::Pending, 1, 1));
}

/// The old code never goes out once a new one stands.
pub async fn a_replacement_leaves_nothing_unsent_of_the_one_before(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let later = Start { claimant: None, ..story.by_id("john-1", "111111") };
    let later_id = later.candidates[0].deliveries[0].id;
    story.begin(later).await;
    let (_, claimed) = started(story.start(story.by_id("john-1", "222222")).await);
    let (second, newest) = started(story.start(story.by_id("john-1", "333333")).await);
    assert_eq!(story.settle(&claimed[0], Verdict::Ended(Ended::Failed)).await, Fenced::Stale);
    assert_eq!(
        story.settle(&claimed[0], Verdict::Retry { at: story.now }).await,
        Fenced::Stale,
        "it can't come back into the outbox"
    );
    story.pass(Duration::from_secs(60));
    let found = story.claim("b", 10).await.claims;
    let ids: Vec<_> = found.iter().map(|claim| claim.delivery.id).collect();
    assert_eq!(ids, [newest[0].delivery.id], "and not {later_id} or {}", claimed[0].delivery.id);
    assert_eq!(*found[0].verification, *second);
}

/// `Reuse` changes nothing.
pub async fn reuse_gives_the_live_one_back_and_sends_nothing(fresh: Fresh) {
    let story = Story::new(fresh);
    for start in [story.by_id("john-1", "111111"), story.by_target("sms", "+1", "111111")] {
        let live = story.begin(start.clone()).await;
        let again = Start { vid: story.vid(), on_live: OnLive::Reuse, ..start };
        let outcome = story.start(again).await;
        assert!(matches!(&outcome, StartOutcome::Reused(found) if *found == live), "{outcome:?}");
        assert_eq!(story.store.find(live.vid, story.now).await.unwrap(), Some(live));
    }
    assert_eq!(story.store.stats().await.unwrap().outbox, 2);
}

/// `Refuse` changes nothing.
pub async fn refuse_leaves_the_live_one_as_it_is(fresh: Fresh) {
    let story = Story::new(fresh);
    for start in [story.by_id("john-1", "111111"), story.by_target("sms", "+1", "111111")] {
        let live = story.begin(start.clone()).await;
        let again = Start { vid: story.vid(), on_live: OnLive::Refuse, ..start };
        let outcome = story.start(again).await;
        assert!(matches!(&outcome, StartOutcome::Exists(found) if *found == live), "{outcome:?}");
        assert_eq!(story.store.find(live.vid, story.now).await.unwrap(), Some(live));
    }
    assert_eq!(story.store.stats().await.unwrap().outbox, 2);
}

/// Not even `Add` puts a second one beside a live id.
pub async fn an_id_never_has_two_live_ones(fresh: Fresh) {
    let story = Story::new(fresh);
    let live = story.begin(story.by_id("john-1", "111111")).await;
    let beside = Start { on_live: OnLive::Add, ..story.by_id("john-1", "222222") };
    let outcome = story.start(beside).await;
    assert!(matches!(&outcome, StartOutcome::Exists(found) if *found == live), "{outcome:?}");
    assert_eq!(story.live("john-1").await, Some(live));
}

/// Each stands for itself, and the newest is the one that is shown.
pub async fn a_target_may_have_many_live_ones(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut all: Vec<Arc<Verification>> = Vec::new();
    for code in ["111111", "222222", "222222"] {
        all.push(story.begin(story.by_target("sms", "+1", code)).await);
        story.pass(Duration::from_millis(1));
    }
    assert_eq!(story.get(Selector::Target(target("sms", "+1"))).await.as_ref(), all.last());
    for verification in all {
        assert_eq!(story.get(Selector::Vid(verification.vid)).await, Some(verification));
    }
}

/// Replacing by target replaces the newest live one; others stay as they are.
pub async fn a_replacement_is_the_newest_of_its_target(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let by_target = || Selector::Target(target("sms", "+1"));
    let mut begin = async |on_live, ttl| {
        story.pass(Duration::from_millis(1));
        let expires_at = story.now.after(Duration::from_secs(ttl));
        story.begin(Start { on_live, expires_at, ..story.by_target("sms", "+1", "111111") }).await
    };
    let oldest = begin(OnLive::Add, 300).await;
    let middle = begin(OnLive::Add, 300).await;
    // This one is over before the next is started, so that one is not the newest live one.
    begin(OnLive::Add, 0).await;
    let newest = begin(OnLive::Replace, 300).await;
    assert_eq!(counts(&newest), (State::Pending, 1, 2));
    assert_eq!(story.get(by_target()).await, Some(newest.clone()));
    assert_eq!(story.get(Selector::Vid(middle.vid)).await, None);
    assert_eq!(story.get(Selector::Vid(oldest.vid)).await, Some(oldest.clone()));
    let canceled = story.store.cancel(story.select(Selector::Vid(newest.vid))).await.unwrap();
    assert_eq!(canceled.map(|row| row.vid), Some(newest.vid));
    assert_eq!(story.get(by_target()).await, Some(oldest));
}

/// An expired or canceled one counts as none, and its counts are not carried on.
pub async fn one_that_is_over_does_not_stand_in_the_way(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for on_live in [OnLive::Replace, OnLive::Reuse, OnLive::Refuse, OnLive::Add] {
        for is_canceled in [false, true] {
            let kept = Start { kept_after: Duration::from_secs(9), ..story.by_id("john-1", "111111") };
            let over = story.begin(kept).await;
            if is_canceled {
                let canceled = story.store.cancel(story.select(Selector::Vid(over.vid))).await.unwrap();
                assert_eq!(canceled.map(|row| row.state), Some(State::Canceled));
            } else {
                story.pass(TTL);
            }
            let start = Start { on_live, ..story.by_id("john-1", "222222") };
            let expected = as_started(&start, u32::from(on_live == OnLive::Replace));
            assert_eq!(*story.begin(start).await, expected, "{on_live:?}");
            assert_eq!(story.live("john-1").await.as_deref(), Some(&expected));
            assert_eq!(
                story.store.find(over.vid, story.now).await.unwrap().map(|row| row.vid),
                Some(over.vid),
                "it is still kept, beside the new one"
            );
            story.pass(TTL + Duration::from_secs(10));
        }
    }
}

/// A new code must be proven anew.
pub async fn an_approved_one_is_replaced_by_a_pending_one(fresh: Fresh) {
    let story = Story::new(fresh);
    let closing = Start { on_right: OnRight::Close, ..story.by_id("john-1", "111111") };
    story.begin(closing).await;
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    let again = story.begin(story.by_id("john-1", "222222")).await;
    assert_eq!(counts(&again), (State::Pending, 3, 2));
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["wrong"]);
}

/// Tenants share nothing.
pub async fn the_same_names_in_two_namespaces_are_two(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mine = story.begin(story.by_id("john-1", "111111")).await;
    let mine_too = story.begin(story.by_target("sms", "+1", "111111")).await;
    story.namespace = namespace("other");
    assert_eq!(story.live("john-1").await, None);
    assert_eq!(story.get(Selector::Target(target("sms", "+1"))).await, None);
    assert_eq!(story.get(Selector::Vid(mine.vid)).await, None, "a vid names it in its own namespace only");
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["gone"]);
    let theirs = story.begin(story.by_id("john-1", "222222")).await;
    assert_eq!(counts(&theirs), (State::Pending, 1, 1));
    assert_eq!(story.live("john-1").await, Some(theirs));
    story.namespace = namespace("tenant");
    assert_eq!(story.live("john-1").await, Some(mine));
    assert_eq!(story.get(Selector::Target(target("sms", "+1"))).await, Some(mine_too));
}

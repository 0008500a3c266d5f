//! The outbox: claim, commit, send, settle. A message is never lost, never sent twice by the store's doing, never after expiry.

use std::time::Duration;

use watchword_core::delivery::{Claim, DeliveryAttempt, DeliveryState, Ended, Verdict};
use watchword_core::ports::{Claimed, Extend, Fenced, Selector, Settlement, Start};
use watchword_core::verification::{Limits, OnRight};

use super::Fresh;
use super::story::{ACCEPTED, FAILED, LEASE, Story, TTL, namespace, started};

const SECOND: Duration = Duration::from_secs(1);

/// Starts, and gives back the one claim that comes with it.
async fn claim_of(story: &Story, start: Start) -> Claim {
    let (_, mut claims) = started(story.start(start).await);
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims.remove(0)
}

fn extend(story: &Story, claim: &Claim) -> Extend {
    Extend {
        namespace: story.namespace.clone(),
        now: story.now,
        id: claim.delivery.id,
        fence: claim.delivery.fence,
        lease_until: story.now.after(LEASE),
    }
}

fn attempt(story: &Story, outcome: &str) -> DeliveryAttempt {
    DeliveryAttempt {
        provider: "main".into(),
        at: story.now,
        outcome: outcome.into(),
        message_id: None,
        detail: Some("said \"no\"\n".to_owned()),
    }
}

/// The common path polls nothing: nobody else gets the message while the lease lasts.
pub async fn a_start_claims_its_messages_for_its_node(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    let lease_until = story.now.after(LEASE);
    for _ in 0..2 {
        let claimed = story.claim("b", 10).await;
        assert_eq!(claimed, Claimed { claims: Vec::new(), next_due: Some(lease_until) });
        story.now = lease_until.before(Duration::from_millis(1));
    }
    assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Done);
    story.expect_nothing_unsent("it is settled").await;
}

/// It is due at once, whole as it was given.
pub async fn without_a_claimant_messages_wait_for_a_claim(fresh: Fresh) {
    let story = Story::new(fresh);
    let start = Start { claimant: None, ..story.by_id("john-1", "111111") };
    let message = start.candidates[0].deliveries[0].clone();
    let (verification, claims) = started(story.start(start).await);
    assert_eq!(claims, []);
    let claimed = story.claim("b", 10).await;
    let [claim] = &claimed.claims[..] else { panic!("{claimed:?}") };
    assert_eq!(claim.verification, verification);
    let delivery = &claim.delivery;
    assert_eq!(
        (delivery.id, &delivery.route, &delivery.message),
        (message.id, &message.route, &Some(message.message))
    );
    assert_eq!((delivery.state, delivery.fence), (DeliveryState::Claimed, 1));
    assert_eq!(
        (delivery.due_at, &delivery.claimed_by),
        (story.now.after(LEASE), &Some(story.node("b").node))
    );
    assert_eq!(claimed.next_due, Some(story.now.after(LEASE)));
}

/// Same delivery id, same message, a fence that is higher each time.
pub async fn a_dead_nodes_message_is_taken_over_under_a_higher_fence(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    for node in ["b", "c", "b"] {
        story.pass(LEASE);
        let claimed = story.claim(node, 10).await;
        let [taken] = &claimed.claims[..] else { panic!("{claimed:?}") };
        let mut expected = claim.clone();
        expected.delivery.fence += 1;
        expected.delivery.due_at = story.now.after(LEASE);
        expected.delivery.claimed_by = Some(story.node(node).node);
        assert_eq!(*taken, expected);
        claim = expected;
    }
    assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Done);
}

/// Whoever lost the message can't end it, put it back, or make its lease longer.
pub async fn a_stale_settlement_changes_nothing(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let lost = claim_of(&story, story.by_id("john-1", "111111")).await;
    story.pass(LEASE);
    let held = story.claim("b", 10).await.claims.remove(0);
    for verdict in [ACCEPTED, FAILED, Verdict::Retry { at: story.now }] {
        assert_eq!(story.settle(&lost, verdict).await, Fenced::Stale, "{verdict:?}");
    }
    assert_eq!(story.store.extend(extend(&story, &lost)).await.unwrap(), Fenced::Stale);
    assert_eq!(story.claim("c", 10).await.claims, [], "the holder has it still");
    assert_eq!(story.store.extend(extend(&story, &held)).await.unwrap(), Fenced::Done);
    assert_eq!(story.settle(&held, ACCEPTED).await, Fenced::Done);
    story.expect_nothing_unsent("its holder settled it").await;
}

/// Once it ended nothing brings it back, and its claim is worth nothing.
pub async fn a_message_ends_once(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for ended in [Ended::Accepted, Ended::Failed, Ended::Expired, Ended::Canceled] {
        let claim = claim_of(&story, story.by_target("sms", "+1", "111111")).await;
        assert_eq!(story.settle(&claim, Verdict::Ended(ended)).await, Fenced::Done, "{ended:?}");
        for verdict in [FAILED, Verdict::Retry { at: story.now }] {
            assert_eq!(story.settle(&claim, verdict).await, Fenced::Stale, "{ended:?}, then {verdict:?}");
        }
        assert_eq!(story.store.extend(extend(&story, &claim)).await.unwrap(), Fenced::Stale);
        story.pass(LEASE);
        story.expect_nothing_unsent("it ended").await;
    }
}

/// Until then nobody gets it; then it comes with all that was tried, oldest first.
pub async fn a_retry_comes_back_at_its_time_with_its_history(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    let mut tried = Vec::new();
    for fence in 2..4 {
        let attempts = vec![attempt(&story, "throttled"), attempt(&story, "transient")];
        tried.extend(attempts.clone());
        let at = story.now.after(SECOND * 5);
        let retry = Settlement { attempts, ..story.settlement(&claim, Verdict::Retry { at }) };
        assert_eq!(story.store.settle(story.now, vec![retry]).await.unwrap(), [Fenced::Done]);
        story.pass(SECOND * 5 - Duration::from_millis(1));
        assert_eq!(story.claim("b", 10).await, Claimed { claims: Vec::new(), next_due: Some(at) });
        story.pass(Duration::from_millis(1));
        claim = story.claim("b", 10).await.claims.remove(0);
        assert_eq!((claim.delivery.fence, &claim.delivery.attempts), (fence, &tried));
        assert!(claim.delivery.message.is_some());
    }
}

/// A retry at or after the expiry would never be sent, so it is not kept.
pub async fn a_retry_that_would_come_too_late_ends_the_message(fresh: Fresh) {
    let story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    let at = story.now.after(TTL);
    assert_eq!(story.settle(&claim, Verdict::Retry { at }).await, Fenced::Done);
    story.expect_nothing_unsent("it would come too late").await;
}

/// Not when it waited, and not when its holder died.
pub async fn nothing_is_sent_after_expiry(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let kept_after = Duration::from_secs(3_600);
    let waiting = Start { claimant: None, kept_after, ..story.by_id("john-1", "111111") };
    story.begin(waiting).await;
    let held = claim_of(&story, Start { kept_after, ..story.by_id("jane-1", "111111") }).await;
    story.pass(TTL);
    assert_eq!(story.claim("b", 10).await, Claimed::default());
    assert_eq!(story.settle(&held, Verdict::Retry { at: story.now }).await, Fenced::Stale);
    story.expect_nothing_unsent("their time is over").await;
}

/// Nobody waits for ever behind newer ones.
pub async fn what_is_due_longest_goes_first(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut ids = Vec::new();
    for number in 0..5 {
        let start = Start { claimant: None, ..story.by_id(&format!("john-{number}"), "111111") };
        ids.push(start.candidates[0].deliveries[0].id);
        story.begin(start).await;
        story.pass(SECOND);
    }
    let due = |claimed: Claimed| claimed.claims.iter().map(|claim| claim.delivery.id).collect::<Vec<_>>();
    let claimed = story.claim("b", 2).await;
    assert!(claimed.next_due.is_some_and(|at| at <= story.now), "more are waiting");
    assert_eq!(due(claimed), ids[..2]);
    assert_eq!(due(story.claim("b", 2).await), ids[2..4]);
    assert_eq!(due(story.claim("b", 2).await), ids[4..]);
    assert_eq!(due(story.claim("b", 2).await), []);
}

/// Replace, approve, cancel, delete and lock, in the same step. (Replacing has a promise of its own.)
pub async fn whatever_ends_a_verification_cancels_what_is_unsent(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for way in ["close", "delete", "lock", "cancel", "delete if approved"] {
        let on_right = if way == "close" { OnRight::Close } else { OnRight::Delete };
        let limits = Limits { max_attempts: Some(2), max_sends: None };
        let start = Start { on_right, limits, ..story.by_id("john-1", "111111") };
        let claim = claim_of(&story, start).await;
        // A second message waits unclaimed, beside the claimed one.
        let mut resend = story.resend_of(&claim.verification);
        resend.claimant = None;
        story.resend(resend).await;
        let select = story.select(Selector::Vid(claim.verification.vid));
        match way {
            "lock" => assert_eq!(story.check_ids("john-1", &["999999", "999999"]).await, ["wrong", "locked"]),
            "cancel" => assert!(story.store.cancel(select).await.unwrap().is_some()),
            "delete if approved" => {
                let mut check = story.check_id("john-1", "111111");
                check.on_right = Some(OnRight::Close);
                story.check(check).await;
                // The code was sent again after it was approved; this goes with the verification.
                story.resend(story.resend_of(&claim.verification)).await;
                story.store.delete_if_approved(select).await.unwrap();
            }
            _ => assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"], "{way}"),
        }
        for verdict in [FAILED, Verdict::Retry { at: story.now }] {
            assert_eq!(story.settle(&claim, verdict).await, Fenced::Stale, "{way}");
        }
        story.expect_nothing_unsent(way).await;
        story.pass(TTL);
    }
}

/// The provider had it already when the verification ended: that is what happened. Another fence changes nothing.
pub async fn what_went_out_just_before_the_cancellation_is_recorded(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let lost = claim_of(&story, story.by_id("john-1", "111111")).await;
    story.pass(LEASE);
    let held = story.claim("b", 1).await.claims.remove(0);
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    assert_eq!(story.settle(&lost, ACCEPTED).await, Fenced::Stale);
    assert_eq!(story.settle(&held, ACCEPTED).await, Fenced::Done);
    assert_eq!(story.settle(&held, ACCEPTED).await, Fenced::Stale);
    story.expect_nothing_unsent("it went out").await;
}

/// A slow provider keeps its message.
pub async fn a_lease_can_be_extended_by_its_holder_alone(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    story.pass(LEASE - SECOND);
    assert_eq!(story.store.extend(extend(&story, &claim)).await.unwrap(), Fenced::Done);
    let longer = story.now.after(LEASE);
    let wrong = Extend { fence: 2, lease_until: story.now, ..extend(&story, &claim) };
    assert_eq!(story.store.extend(wrong).await.unwrap(), Fenced::Stale);
    story.now = longer.before(Duration::from_millis(1));
    assert_eq!(story.claim("b", 1).await, Claimed { claims: Vec::new(), next_due: Some(longer) });
    story.now = longer;
    let taken = story.claim("b", 1).await.claims;
    assert_eq!(taken.iter().map(|claim| claim.delivery.fence).collect::<Vec<_>>(), [2]);
}

/// A node that was slow, but not taken for dead by anybody, did its work.
pub async fn a_lease_that_ran_out_is_good_while_nobody_else_claimed(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    story.pass(LEASE * 2);
    assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Done);
    story.expect_nothing_unsent("it went out").await;
}

/// One answer each, in order; one that is stale does not harm the others.
pub async fn settlements_are_answered_one_by_one(fresh: Fresh) {
    let story = Story::new(fresh);
    let mut settlements = Vec::new();
    for number in 0..4 {
        let claim = claim_of(&story, story.by_id(&format!("john-{number}"), "111111")).await;
        settlements.push(story.settlement(&claim, ACCEPTED));
    }
    settlements[1].fence = 9;
    settlements.push(settlements[0].clone());
    let answers = story.store.settle(story.now, settlements).await.unwrap();
    assert_eq!(answers, [Fenced::Done, Fenced::Stale, Fenced::Done, Fenced::Done, Fenced::Stale]);
    assert_eq!(story.store.settle(story.now, Vec::new()).await.unwrap(), []);
    assert_eq!(story.store.stats().await.unwrap().outbox, 1);
}

/// A delivery id alone is not enough.
pub async fn a_wrong_namespace_settles_nothing(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    story.namespace = namespace("other");
    assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Stale);
    assert_eq!(story.store.extend(extend(&story, &claim)).await.unwrap(), Fenced::Stale);
    assert_eq!(story.store.stats().await.unwrap().outbox, 1);
}

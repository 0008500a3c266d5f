//! More messages for a verification that stands: resends, an address set later, follow-ups.

use std::time::Duration;

use watchword_core::delivery::NewDelivery;
use watchword_core::ports::{Enqueue, Resend, Selector, SendOutcome, SetAddress, Start};
use watchword_core::verification::{Limits, OnRight, State, Verification, Vid};

use super::Fresh;
use super::story::{Story, TTL, counts, external_id, send_name, sent, target};

const SECOND: Duration = Duration::from_secs(1);

fn set_address(story: &Story, id: &str, expected: Vid) -> SetAddress {
    SetAddress {
        namespace: story.namespace.clone(),
        now: story.now,
        external_id: external_id(id),
        expected,
        target: target("sms", "+1"),
        guess_subject: story.guesses_of("+1"),
        throttle: None,
        deliveries: vec![story.message()],
        claimant: Some(story.node("a")),
    }
}

fn enqueue(story: &Story, vid: Vid) -> Enqueue {
    Enqueue {
        namespace: story.namespace.clone(),
        now: story.now,
        vid,
        deliveries: vec![story.message()],
        claimant: Some(story.node("a")),
    }
}

/// One more send; time, attempts and code stay.
pub async fn a_resend_adds_a_send_and_leaves_the_rest(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let before = story.begin(story.by_id("john-1", "111111")).await;
    story.pass(SECOND * 60);
    let resend = story.resend_of(&before);
    let message = resend.deliveries[0].clone();
    let (after, claims) = sent(story.resend(resend).await);
    let expected = Verification { sends: 2, last_sent_at: Some(story.now), ..(*before).clone() };
    assert_eq!(*after, expected);
    assert_eq!(story.live("john-1").await.as_deref(), Some(&expected));
    let [claim] = &claims[..] else { panic!("{claims:?}") };
    assert_eq!(*claim.verification, expected);
    assert_eq!(
        (claim.delivery.id, &claim.delivery.message, claim.delivery.expires_at, claim.delivery.fence),
        (message.id, &Some(message.message), before.expires_at, 1)
    );
    assert_eq!(story.store.stats().await.unwrap().outbox, 2, "the first message may still go out");
}

/// Nobody with the link can lock a good code by asking for it too often.
pub async fn a_resend_that_would_lock_is_refused(fresh: Fresh) {
    let story = Story::new(fresh);
    let verification = story.begin(story.by_id("john-1", "111111")).await;
    for expected in ["sent", "sent", "locked", "locked"] {
        assert_eq!(send_name(&story.resend(story.resend_of(&verification)).await), expected);
    }
    assert_eq!(story.live("john-1").await.map(|row| counts(&row)), Some((State::Pending, 1, 3)));
    assert_eq!(story.store.stats().await.unwrap().outbox, 3);
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    // One that is locked by its attempts sends nothing either.
    let limits = Limits { max_attempts: Some(1), max_sends: None };
    let verification = story.begin(Start { limits, ..story.by_id("jane-1", "111111") }).await;
    assert_eq!(story.check_ids("jane-1", &["999999"]).await, ["locked"]);
    let outcome = story.resend(story.resend_of(&verification)).await;
    assert!(
        matches!(&outcome, SendOutcome::Locked(row) if row.attempts == 2 && row.sends == 1),
        "{outcome:?}"
    );
}

/// otpgateway's pages resend also what is verified already.
pub async fn a_closed_one_can_be_sent_again(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let start = Start { on_right: OnRight::Close, ..story.by_id("john-1", "111111") };
    let verification = story.begin(start).await;
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    let (after, claims) = sent(story.resend(story.resend_of(&verification)).await);
    assert_eq!((counts(&after), claims.len()), ((State::Approved, 2, 2), 1));
    let over = story.resend_of(&verification);
    story.pass(TTL);
    let outcome = story.resend(Resend { now: story.now, ..over }).await;
    assert_eq!(outcome, SendOutcome::Gone);
}

/// The cool-down counts from the last message, whichever way it was sent.
pub async fn two_resends_keep_their_distance(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let verification = story.begin(story.by_id("john-1", "111111")).await;
    let again = |story: &Story| Resend { cool_down: SECOND * 30, ..story.resend_of(&verification) };
    for _ in 0..2 {
        let at = story.now.after(SECOND * 30);
        assert_eq!(story.resend(again(&story)).await, SendOutcome::TooSoon { at });
        story.pass(SECOND * 30 - Duration::from_millis(1));
        assert_eq!(story.resend(again(&story)).await, SendOutcome::TooSoon { at });
        story.pass(Duration::from_millis(1));
        sent(story.resend(again(&story)).await);
    }
    // What was never sent needs no distance.
    let verification = story.begin(story.by_id_without_address("jane-1", "111111")).await;
    assert_eq!(verification.last_sent_at, None);
    sent(story.resend(Resend { cool_down: SECOND * 30, ..story.resend_of(&verification) }).await);
}

/// A message is made for one code. When another stands by the time it arrives, it is thrown away.
pub async fn messages_for_a_replaced_code_are_not_sent(fresh: Fresh) {
    let story = Story::new(fresh);
    let first = story.begin(story.by_id_without_address("john-1", "111111")).await;
    let second = story.begin(story.by_id_without_address("john-1", "222222")).await;
    assert_eq!(story.resend(story.resend_of(&first)).await, SendOutcome::Changed);
    let set = set_address(&story, "john-1", first.vid);
    assert_eq!(story.store.set_address(set).await.unwrap(), SendOutcome::Changed);
    assert_eq!(story.live("john-1").await, Some(second));
    story.expect_nothing_unsent("both messages carried the old code").await;
}

/// The address, its message, and where its guesses are counted come in one step, once.
pub async fn an_address_is_set_once(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let before = story.begin(story.by_id_without_address("john-1", "111111")).await;
    story.pass(SECOND);
    let (after, claims) =
        sent(story.store.set_address(set_address(&story, "john-1", before.vid)).await.unwrap());
    let expected = Verification {
        target: Some(target("sms", "+1")),
        guess_subject: story.guesses_of("+1"),
        last_sent_at: Some(story.now),
        ..(*before).clone()
    };
    assert_eq!((&*after, claims.len()), (&expected, 1));
    assert_eq!(story.live("john-1").await.as_deref(), Some(&expected));
    let again = SetAddress { target: target("sms", "+2"), ..set_address(&story, "john-1", before.vid) };
    let outcome = story.store.set_address(again).await.unwrap();
    assert!(matches!(&outcome, SendOutcome::AddressSet(row) if **row == expected), "{outcome:?}");
    assert_eq!(story.live("john-1").await.as_deref(), Some(&expected));
    assert_eq!(story.store.stats().await.unwrap().outbox, 1);
    assert_eq!(story.get(Selector::Target(target("sms", "+1"))).await, None, "found by its id only");
}

/// Locked, expired or missing: nothing is set and nothing sent.
pub async fn an_address_is_not_set_on_one_that_is_over(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let limits = Limits { max_attempts: Some(1), max_sends: None };
    let start = Start { limits, ..story.by_id_without_address("john-1", "111111") };
    let verification = story.begin(start).await;
    assert_eq!(story.check_ids("john-1", &["999999"]).await, ["locked"]);
    let set = async |story: &Story, id| {
        story.store.set_address(set_address(story, id, verification.vid)).await.unwrap()
    };
    assert_eq!(send_name(&set(&story, "john-1").await), "locked");
    assert_eq!(story.live("john-1").await.and_then(|row| row.target.clone()), None);
    assert_eq!(set(&story, "jane-1").await, SendOutcome::Gone);
    story.pass(TTL);
    assert_eq!(set(&story, "john-1").await, SendOutcome::Gone);
    story.expect_nothing_unsent("none was accepted").await;
}

/// A second channel, tried later: it is not handed out before, and not at all when the person was faster.
pub async fn a_follow_up_message_waits_for_its_time(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let first = story.begin(story.by_id_without_address("john-1", "111111")).await;
    let second = story.begin(story.by_id_without_address("jane-1", "222222")).await;
    let later = story.now.after(SECOND * 30);
    for vid in [first.vid, second.vid] {
        let waiting = NewDelivery { not_before: Some(later), ..story.message() };
        // One that is for now, beside it, is claimed at once.
        let deliveries = vec![waiting, story.message()];
        let expected = deliveries[1].id;
        let enqueued = story.store.enqueue(Enqueue { deliveries, ..enqueue(&story, vid) }).await.unwrap();
        let (row, claims) = sent(enqueued);
        assert_eq!(claims.iter().map(|claim| claim.delivery.id).collect::<Vec<_>>(), [expected]);
        assert_eq!((row.sends, row.last_sent_at), (1, Some(story.now)));
        story.settle(&claims[0], super::story::ACCEPTED).await;
    }
    let claimed = story.claim("b", 10).await;
    assert_eq!((claimed.claims.len(), claimed.next_due), (0, Some(later)));
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    story.now = later;
    let claimed = story.claim("b", 10).await.claims;
    assert_eq!(claimed.iter().map(|claim| claim.delivery.vid).collect::<Vec<_>>(), [second.vid]);
}

/// Approved, locked, expired, replaced or unknown: there is nobody to remind.
pub async fn a_follow_up_is_only_for_one_that_waits(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let closing = |story: &Story, id| Start {
        on_right: OnRight::Close,
        limits: Limits { max_attempts: Some(2), max_sends: None },
        ..story.by_id_without_address(id, "111111")
    };
    let (approved, locked, expired) = (
        story.begin(closing(&story, "john-1")).await,
        story.begin(closing(&story, "jane-1")).await,
        story.begin(closing(&story, "jack-1")).await,
    );
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    assert_eq!(story.check_ids("jane-1", &["999999", "999999"]).await, ["wrong", "locked"]);
    let mut names = Vec::new();
    for vid in [approved.vid, locked.vid, story.vid()] {
        names.push(send_name(&story.store.enqueue(enqueue(&story, vid)).await.unwrap()));
    }
    story.pass(TTL);
    names.push(send_name(&story.store.enqueue(enqueue(&story, expired.vid)).await.unwrap()));
    assert_eq!(names, ["gone", "locked", "gone", "gone"]);
    story.expect_nothing_unsent("none was accepted").await;
}

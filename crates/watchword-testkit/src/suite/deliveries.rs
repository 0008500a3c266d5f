//! What operators see of messages, and the one thing they can do about them: what happened is told whole, and what waits can be
//! made to go now.

use std::time::Duration;

use watchword_core::delivery::{
    Claim, Delivery, DeliveryAttempt, DeliveryId, DeliveryState, Ended, NewDelivery, Verdict,
};
use watchword_core::ports::{DeliveryQuery, Enqueue, Fenced, HastenOutcome, Settlement, Start};
use watchword_core::verification::Verification;

use super::Fresh;
use super::story::{ACCEPTED, EVERY_DELIVERY, FAILED, LEASE, Story, TTL, namespace, started};

const SECOND: Duration = Duration::from_secs(1);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Starts, and gives back the one claim that comes with it.
async fn claim_of(story: &Story, start: Start) -> Claim {
    let (_, mut claims) = started(story.start(start).await);
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims.remove(0)
}

/// Adds a message that waits for `after`.
async fn follow_up(story: &Story, of: &Verification, after: Duration) -> DeliveryId {
    let message = NewDelivery { not_before: Some(story.now.after(after)), ..story.message() };
    let id = message.id;
    let enqueue = Enqueue {
        namespace: story.namespace.clone(),
        now: story.now,
        vid: of.vid,
        deliveries: vec![message],
        claimant: Some(story.node("a")),
    };
    story.store.enqueue(enqueue).await.expect("the store works");
    id
}

fn ids(deliveries: &[Delivery]) -> Vec<DeliveryId> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

/// Each step is seen as it was told, and the message itself until it ended.
pub async fn a_delivery_is_found_by_its_id_from_beginning_to_end(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    let mut expected = claim.delivery.clone();
    let id = expected.id;
    assert!(expected.message.is_some());
    assert_eq!(story.delivery(id).await.as_ref(), Some(&expected));
    let attempt = |story: &Story, outcome: &str, message_id: Option<&str>| DeliveryAttempt {
        provider: "main".into(),
        at: story.now,
        outcome: outcome.into(),
        message_id: message_id.map(str::to_owned),
        detail: Some("said \"no\"\n".to_owned()),
    };

    story.pass(SECOND);
    let at = story.now.after(SECOND);
    let settle = async |story: &Story, claim: &Claim, verdict, attempt| {
        let settlement = Settlement { attempts: vec![attempt], ..story.settlement(claim, verdict) };
        let settled = story.store.settle(story.now, vec![settlement]).await.expect("the store works");
        assert_eq!(settled, [Fenced::Done]);
    };
    let tried = attempt(&story, "transient", None);
    settle(&story, &claim, Verdict::Retry { at }, tried.clone()).await;
    expected = Delivery { state: DeliveryState::Due, due_at: at, attempts: vec![tried], ..expected };
    assert_eq!(story.delivery(id).await.as_ref(), Some(&expected));

    story.pass(SECOND);
    let claim = story.claim("b", 1).await.claims.remove(0);
    assert_eq!(story.delivery(id).await.as_ref(), Some(&claim.delivery));
    let accepted = attempt(&story, "accepted", Some("m-1"));
    settle(&story, &claim, ACCEPTED, accepted.clone()).await;
    expected.attempts.push(accepted);
    expected = Delivery {
        state: DeliveryState::Accepted,
        due_at: story.now,
        message: None,
        attempts: expected.attempts,
        ..claim.delivery
    };
    assert_eq!(story.delivery(id).await.as_ref(), Some(&expected));
    assert_eq!(story.deliveries().await, [expected]);
    assert_eq!(story.delivery(story.message().id).await, None);
}

/// Whatever became of them since, they stand in the order in which they were made.
pub async fn open_ones_and_records_are_listed_together_the_newest_first(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut made = Vec::new();
    for number in 0..6 {
        let claim = claim_of(&story, story.by_id(&format!("john-{number}"), "111111")).await;
        story.pass(Duration::from_millis(number % 2));
        made.insert(0, claim);
    }
    let newest_first: Vec<_> = made.iter().map(|claim| claim.delivery.id).collect();
    assert_eq!(ids(&story.deliveries().await), newest_first);
    for (index, verdict) in [(4, FAILED), (0, ACCEPTED), (2, Verdict::Retry { at: story.now })] {
        assert_eq!(story.settle(&made[index], verdict).await, Fenced::Done);
        assert_eq!(ids(&story.deliveries().await), newest_first);
    }
    let states: Vec<_> = story.deliveries().await.iter().map(|delivery| delivery.state).collect();
    use DeliveryState::{Accepted, Claimed, Due, Failed};
    assert_eq!(states, [Accepted, Claimed, Due, Claimed, Failed, Claimed]);
}

/// Page after page each comes once, and none is larger than asked for.
pub async fn a_list_is_read_page_by_page(fresh: Fresh) {
    let story = Story::new(fresh);
    for number in 0..7 {
        let claim = claim_of(&story, story.by_id(&format!("john-{number}"), "111111")).await;
        if number % 3 == 0 {
            assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Done);
        }
    }
    let all = story.deliveries().await;
    let mut read = Vec::new();
    for size in [3, 3, 1, 0] {
        let before = read.last().map(|last: &Delivery| last.id);
        let page = story.list(DeliveryQuery { before, max: 3, ..EVERY_DELIVERY }).await;
        assert_eq!(page.len(), size);
        read.extend(page);
    }
    assert_eq!(read, all);
    assert_eq!(story.list(DeliveryQuery { max: 0, ..EVERY_DELIVERY }).await, []);
}

/// Each field narrows the list, alone and together, before the page is counted.
pub async fn a_list_holds_what_was_asked_for_and_nothing_else(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for (number, tenant) in ["tenant", "other", "tenant", "other"].into_iter().enumerate() {
        story.namespace = namespace(tenant);
        let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
        if number < 2 {
            assert_eq!(story.settle(&claim, FAILED).await, Fenced::Done);
        }
        story.pass(SECOND);
    }
    let all = story.deliveries().await;
    let [d, c, b, a] = &ids(&all)[..] else { panic!("{all:?}") };
    let other = || Some(namespace("other"));
    let failed = Some(DeliveryState::Failed);
    for (query, expected) in [
        (DeliveryQuery { namespace: other(), ..EVERY_DELIVERY }, vec![*d, *b]),
        (DeliveryQuery { namespace: other(), max: 1, ..EVERY_DELIVERY }, vec![*d]),
        (DeliveryQuery { namespace: Some(namespace("nobody")), ..EVERY_DELIVERY }, vec![]),
        (DeliveryQuery { state: failed, ..EVERY_DELIVERY }, vec![*b, *a]),
        (DeliveryQuery { state: failed, max: 1, ..EVERY_DELIVERY }, vec![*b]),
        (DeliveryQuery { state: Some(DeliveryState::Claimed), ..EVERY_DELIVERY }, vec![*d, *c]),
        (DeliveryQuery { state: Some(DeliveryState::Due), ..EVERY_DELIVERY }, vec![]),
        (DeliveryQuery { state: failed, namespace: other(), ..EVERY_DELIVERY }, vec![*b]),
        (DeliveryQuery { from: Some(*b), ..EVERY_DELIVERY }, vec![*d, *c, *b]),
        (DeliveryQuery { before: Some(*c), ..EVERY_DELIVERY }, vec![*b, *a]),
        (DeliveryQuery { from: Some(*b), before: Some(*c), ..EVERY_DELIVERY }, vec![*b]),
        (DeliveryQuery { from: Some(*c), before: Some(*b), ..EVERY_DELIVERY }, vec![]),
        (
            DeliveryQuery { from: Some(DeliveryId::first_at(all[1].created_at)), ..EVERY_DELIVERY },
            vec![*d, *c],
        ),
    ] {
        assert_eq!(ids(&story.list(query.clone()).await), expected, "{query:?}");
    }
}

/// Then it is gone from the list and by its id.
pub async fn a_record_is_found_for_a_week(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    let id = claim.delivery.id;
    assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Done);
    story.pass(WEEK - Duration::from_millis(1));
    story.purge_all().await;
    assert_eq!(ids(&story.deliveries().await), [id]);
    assert!(story.delivery(id).await.is_some());
    story.pass(Duration::from_millis(1));
    story.purge_all().await;
    assert_eq!(story.deliveries().await, []);
    assert_eq!(story.delivery(id).await, None);
    assert_eq!(story.hasten(id).await, HastenOutcome::Gone);
}

/// The next claim has it, and only it, whether it waited for another try or for its time.
pub async fn a_message_that_waits_can_be_hastened(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let (verification, claims) = started(story.start(story.by_id("john-1", "111111")).await);
    assert_eq!(story.settle(&claims[0], Verdict::Retry { at: story.now.after(TTL / 2) }).await, Fenced::Done);
    let later = follow_up(&story, &verification, TTL / 3).await;
    let last = story.now.after(TTL / 2);
    for (id, fence) in [(later, 1), (claims[0].delivery.id, 2)] {
        story.pass(SECOND);
        assert_eq!(story.claim("b", 10).await.claims, [], "nothing is due yet");
        let before = story.delivery(id).await.expect("it is open");
        for _ in 0..2 {
            assert_eq!(story.hasten(id).await, HastenOutcome::Hastened);
        }
        assert_eq!(story.delivery(id).await, Some(Delivery { due_at: story.now, ..before.clone() }));
        let claimed = story.claim("b", 10).await;
        let [claim] = &claimed.claims[..] else { panic!("{claimed:?}") };
        let node = story.node("b");
        let expected = Delivery {
            state: DeliveryState::Claimed,
            due_at: node.lease_until,
            fence,
            claimed_by: Some(node.node),
            ..before
        };
        assert_eq!(claim.delivery, expected);
        assert!(claimed.next_due <= Some(last));
        assert_eq!(story.settle(claim, ACCEPTED).await, Fenced::Done);
    }
    story.expect_nothing_unsent("both went out").await;
}

/// Its holder keeps it, and the lease is as long as it was: or it would be sent twice.
pub async fn a_message_that_somebody_has_is_not_hastened(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    story.pass(SECOND);
    assert_eq!(story.hasten(claim.delivery.id).await, HastenOutcome::Claimed);
    assert_eq!(story.delivery(claim.delivery.id).await.as_ref(), Some(&claim.delivery));
    assert_eq!(story.claim("b", 10).await.claims, []);
    assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Done);
}

/// It is said how it ended; nothing brings it back, and nobody else's is touched.
pub async fn what_ended_is_not_hastened(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for ended in [Ended::Accepted, Ended::Failed, Ended::Expired, Ended::Canceled] {
        let claim = claim_of(&story, story.by_target("sms", "+1", "111111")).await;
        assert_eq!(story.settle(&claim, Verdict::Ended(ended)).await, Fenced::Done);
        let before = story.delivery(claim.delivery.id).await;
        story.pass(SECOND);
        assert_eq!(story.hasten(claim.delivery.id).await, HastenOutcome::Ended(ended));
        assert_eq!(story.delivery(claim.delivery.id).await, before, "{ended:?}");
        story.expect_nothing_unsent("it ended").await;
    }
    let claim = claim_of(&story, story.by_id("john-1", "111111")).await;
    let at = story.now.after(SECOND);
    assert_eq!(story.settle(&claim, Verdict::Retry { at }).await, Fenced::Done);
    assert_eq!(story.hasten(story.message().id).await, HastenOutcome::Gone);
    story.namespace = namespace("other");
    assert_eq!(story.hasten(claim.delivery.id).await, HastenOutcome::Gone);
    assert_eq!(story.delivery(claim.delivery.id).await.map(|delivery| delivery.due_at), Some(at));
}

/// No claim would send it, so it ends in the same step; nothing is sent past its time.
pub async fn a_message_past_its_time_ends_where_it_would_be_hastened(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let waiting = Start { claimant: None, ..story.by_id("john-1", "111111") };
    story.begin(waiting).await;
    let [delivery] = &story.deliveries().await[..] else { panic!("one was made") };
    story.pass(TTL.max(LEASE));
    let expired = HastenOutcome::Ended(Ended::Expired);
    assert_eq!(story.hasten(delivery.id).await, expired);
    let ended =
        Delivery { state: DeliveryState::Expired, due_at: story.now, message: None, ..delivery.clone() };
    story.pass(SECOND);
    assert_eq!(story.hasten(delivery.id).await, expired);
    assert_eq!(story.delivery(delivery.id).await, Some(ended));
    story.expect_nothing_unsent("its time is over").await;
}

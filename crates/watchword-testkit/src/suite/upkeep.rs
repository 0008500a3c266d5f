//! Purging, receipts, keys and numbers.

use std::time::Duration;

use watchword_core::delivery::{DeliveryAttempt, ProviderId};
use watchword_core::key_slot::{KeySlot, Salt, SlotKey};
use watchword_core::passcode::Sealed;
use watchword_core::ports::{Fenced, KeyUse, Purged, Receipt, Selector, Settlement, Start, StoreStats};
use watchword_core::throttle::ThrottleRule;

use super::Fresh;
use super::story::{ACCEPTED, LEASE, Story, TTL, check_name, key, start_name, started, target};
use crate::random::SeededRandom;

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn stats(story: &Story) -> StoreStats {
    story.store.stats().await.expect("the store works")
}

/// No batch is larger than asked for, so none keeps other work waiting; in the end all is gone.
pub async fn a_purge_removes_what_is_over_in_small_batches(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for number in 0..25 {
        story.begin(story.by_id_without_address(&format!("john-{number}"), "111111")).await;
    }
    assert_eq!(story.purge(10).await, Purged::default(), "all are live");
    story.pass(TTL);
    let mut left = 25;
    for _ in 0..3 {
        let purged = story.purge(10).await;
        assert!(purged.rows <= 10, "{purged:?}");
        assert_eq!(stats(&story).await.verifications, left - purged.rows as u64);
        left = stats(&story).await.verifications;
        assert!(purged.more || left == 0, "{left} are left, and it says there is no more");
    }
    assert_eq!(left, 0);
    assert_eq!(story.purge(10).await, Purged::default());
}

/// What is live, kept, counted or remembered stays.
pub async fn a_purge_leaves_everything_that_counts(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let rule = ThrottleRule { rate: 1, window: DAY };
    let channel = watchword_core::address::Channel::new("sms").unwrap();
    story.store.put_rules(story.namespace.clone(), channel, None, Some(vec![rule])).await.unwrap();
    let throttle = |story: &Story| Some(story.throttle("sms", None, Some("+1")));
    let forever = Start {
        expires_at: story.now.after(DAY * 9),
        throttle: throttle(&story),
        ..story.by_target("sms", "+1", "111111")
    };
    let live = story.begin(forever).await;
    let kept = Start { kept_after: DAY * 9, ..story.by_target("sms", "+2", "111111") };
    let kept = story.begin(kept).await;
    for _ in 0..9 {
        story.check(story.check_targets(&[("sms", "+1")], "999999")).await;
    }
    story.pass(DAY - Duration::from_millis(1));
    story.purge_all().await;
    assert_eq!(story.get(Selector::Vid(live.vid)).await, Some(live));
    assert_eq!(story.get(Selector::Vid(kept.vid)).await, Some(kept));
    let throttled = Start { throttle: throttle(&story), ..story.by_target("sms", "+1", "222222") };
    assert_eq!(start_name(&story.start(throttled).await), "throttled");
    for expected in ["wrong", "refused"] {
        let outcome = story.check(story.check_targets(&[("sms", "+1")], "999999")).await;
        assert_eq!(check_name(&outcome), expected, "nine wrong ones were counted before");
    }
}

/// Its holder may have handed it to the provider just before the expiry, and says so after it.
pub async fn a_purge_leaves_a_message_on_its_way(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let expires_at = story.now.after(LEASE / 2);
    let start = Start { expires_at, ..story.by_id("john-1", "111111") };
    let (_, claims) = started(story.start(start).await);
    story.pass(LEASE / 2);
    story.purge_all().await;
    assert_eq!((stats(&story).await.verifications, stats(&story).await.outbox), (0, 1));
    assert_eq!(story.settle(&claims[0], ACCEPTED).await, Fenced::Done);
    // One whose holder died is ended by the next claim.
    let expires_at = story.now.after(LEASE / 2);
    story.begin(Start { expires_at, ..story.by_id("john-1", "111111") }).await;
    story.pass(LEASE);
    story.purge_all().await;
    assert_eq!(story.claim("b", 10).await.claims, []);
    story.expect_nothing_unsent("its time is over").await;
}

/// A purge makes no name free that was not, and leaves no name behind.
pub async fn what_was_purged_is_gone_for_good(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let old = story.begin(story.by_id("john-1", "111111")).await;
    let by_target = story.begin(story.by_target("sms", "+1", "111111")).await;
    story.pass(TTL);
    story.purge_all().await;
    for vid in [old.vid, by_target.vid] {
        assert_eq!(story.store.find(vid, story.now).await.unwrap(), None);
    }
    assert_eq!(story.live("john-1").await, None);
    assert_eq!(story.get(Selector::Target(target("sms", "+1"))).await, None);
    let new = story.begin(story.by_id("john-1", "222222")).await;
    assert_eq!((new.attempts, new.sends), (1, 1));
    assert_eq!(story.check_ids("john-1", &["222222"]).await, ["approved"]);
}

/// By provider and message id; not for another's id, and not for ever.
pub async fn a_receipt_finds_its_record_for_a_week(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let (_, claims) = started(story.start(story.by_id("john-1", "111111")).await);
    let attempts = vec![
        DeliveryAttempt {
            provider: "first".into(),
            at: story.now,
            outcome: "transient".into(),
            message_id: None,
            detail: Some("503".to_owned()),
        },
        DeliveryAttempt {
            provider: "second".into(),
            at: story.now,
            outcome: "accepted".into(),
            message_id: Some("m-1".to_owned()),
            detail: None,
        },
    ];
    let settlement = Settlement { attempts, ..story.settlement(&claims[0], ACCEPTED) };
    let found = async |story: &Story, provider, message_id: &str| {
        let receipt = Receipt {
            now: story.now,
            provider: ProviderId::new(provider).unwrap(),
            message_id: message_id.to_owned(),
            status: "delivered".to_owned(),
        };
        story.store.receipt(receipt).await.expect("the store works")
    };
    assert!(!found(&story, "second", "m-1").await, "nothing is recorded yet");
    assert_eq!(story.store.settle(story.now, vec![settlement]).await.unwrap(), [Fenced::Done]);
    assert!(!found(&story, "first", "m-1").await);
    assert!(!found(&story, "second", "m-2").await);
    for _ in 0..2 {
        assert!(found(&story, "second", "m-1").await);
    }
    story.pass(DAY * 7 - Duration::from_millis(1));
    story.purge_all().await;
    assert!(found(&story, "second", "m-1").await);
    story.pass(Duration::from_millis(1));
    story.purge_all().await;
    assert!(!found(&story, "second", "m-1").await);
}

/// Registering is adding: a key that is known stays known once.
pub async fn keys_are_registered_once_each(fresh: Fresh) {
    let story = Story::new(fresh);
    let keys = async || {
        let mut keys = story.store.keys().await.expect("the store works");
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys().await, []);
    story.store.register_keys(vec![key(2), key(1)]).await.unwrap();
    story.store.register_keys(vec![key(3), key(2)]).await.unwrap();
    story.store.register_keys(Vec::new()).await.unwrap();
    assert_eq!(keys().await, [key(1), key(2), key(3)]);
}

/// Of servers that start at once on an empty store, one's data key is the store's; slots are added to it, and none is lost.
pub async fn the_first_data_key_stays(fresh: Fresh) {
    let story = Story::new(fresh);
    let random = SeededRandom::new(9);
    let key = SlotKey::new(b"secret", Salt::generate(&random));
    let slots: Vec<_> = (0..4_u8).map(|number| key.wrap(&[number; 32], &random)).collect();
    let stored = async || {
        let mut slots = story.store.key_slots().await.expect("the store works");
        slots.sort_unstable();
        slots
    };
    assert_eq!(stored().await, []);
    let add = |slots: &[KeySlot], first| story.store.add_key_slots(slots.to_vec(), first);
    let (one, other) = futures::join!(add(&slots[..1], true), add(&slots[1..2], true));
    assert_eq!([one.unwrap(), other.unwrap()].iter().filter(|done| **done).count(), 1, "one is first");
    let first = stored().await;
    assert_eq!(first.len(), 1);
    assert!(!add(&slots[2..3], true).await.unwrap(), "there is one already");
    assert_eq!(stored().await, first);
    assert!(add(&slots[2..], false).await.unwrap());
    assert!(add(&slots[2..], false).await.unwrap());
    let mut all = [&first[..], &slots[2..]].concat();
    all.sort_unstable();
    assert_eq!(stored().await, all, "each is there once");
}

/// A slot that is dropped is gone; others, and what is dropped twice, stay as they are. With the last, a new first one may come.
pub async fn a_dropped_slot_opens_nothing(fresh: Fresh) {
    let story = Story::new(fresh);
    let random = SeededRandom::new(9);
    let key = SlotKey::new(b"secret", Salt::generate(&random));
    let mut slots: Vec<_> = (0..3_u8).map(|number| key.wrap(&[number; 32], &random)).collect();
    slots.sort_unstable();
    let stored = async || {
        let mut slots = story.store.key_slots().await.expect("the store works");
        slots.sort_unstable();
        slots
    };
    story.store.drop_key_slots(slots.clone()).await.expect("there are none");
    assert!(story.store.add_key_slots(slots.clone(), true).await.unwrap());
    for _ in 0..2 {
        story.store.drop_key_slots(vec![slots[1].clone()]).await.unwrap();
        assert_eq!(stored().await, [slots[0].clone(), slots[2].clone()]);
    }
    story.store.drop_key_slots(Vec::new()).await.unwrap();
    assert_eq!(stored().await.len(), 2);
    story.store.drop_key_slots(slots.clone()).await.unwrap();
    assert_eq!(stored().await, []);
    assert!(story.store.add_key_slots(slots[..1].to_vec(), true).await.unwrap());
}

/// A verification as long as it is kept, a message until it ended: whichever takes longer.
pub async fn a_key_is_needed_while_something_is_under_it(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let uses = async |story: &Story| story.store.key_uses(story.now).await.expect("the store works");
    assert_eq!(uses(&story).await, []);
    let under = |number: u8, mut start: Start, kept_after: Duration| {
        start.candidates[0].passcode.check.key = key(number);
        let sealed = [&[number; 8][..], b"nonce and so on"].concat();
        for message in &mut start.candidates[0].deliveries {
            message.message = Sealed::from_bytes(sealed.clone());
        }
        Start { kept_after, ..start }
    };
    let began = story.now;
    // The message of the second is under another key than its passcode, as when one node has promoted a key and another has not.
    let mut two = under(2, story.by_id("john-2", "111111"), Duration::ZERO);
    two.candidates[0].deliveries[0].message = Sealed::from_bytes(vec![1; 40]);
    story.begin(under(2, story.by_target("sms", "+1", "111111"), DAY)).await;
    let (_, claims) = started(story.start(two).await);
    story.begin(under(3, story.by_id_without_address("john-3", "111111"), Duration::ZERO)).await;
    let needs = |number, verifications, messages, until: Duration| KeyUse {
        key: key(number),
        verifications,
        messages,
        until: began.after(until),
    };
    let (one, three) = (needs(1, 0, 1, TTL), needs(3, 1, 0, TTL));
    assert_eq!(uses(&story).await, [one, needs(2, 2, 1, TTL + DAY), three]);
    assert_eq!(story.settle(&claims[0], ACCEPTED).await, Fenced::Done);
    assert_eq!(story.check_ids("john-3", &["111111"]).await, ["unknown key"], "it is no guess");
    assert_eq!(uses(&story).await, [needs(2, 2, 1, TTL + DAY), three]);
    story.pass(TTL);
    // Whatever a purge did not come to yet.
    let mut left = uses(&story).await;
    left.iter_mut().for_each(|left| left.messages = 0);
    assert_eq!(left, [needs(2, 1, 0, TTL + DAY)]);
    story.pass(DAY);
    story.claim("b", 10).await;
    assert_eq!(uses(&story).await, []);
}

/// Verifications until they are purged, messages until they ended.
pub async fn the_store_knows_how_much_it_holds(fresh: Fresh) {
    let mut story = Story::new(fresh);
    assert_eq!(stats(&story).await, StoreStats::default());
    let waiting = Start { claimant: None, ..story.by_id("john-1", "111111") };
    story.begin(waiting).await;
    let due = story.now;
    story.pass(Duration::from_secs(1));
    story.begin(story.by_target("sms", "+1", "111111")).await;
    story.begin(story.by_id_without_address("jane-1", "111111")).await;
    let expected = StoreStats { verifications: 3, outbox: 2, oldest_due: Some(due) };
    assert_eq!(stats(&story).await, expected);
    let claim = story.claim("b", 1).await.claims.remove(0);
    assert_eq!(story.settle(&claim, ACCEPTED).await, Fenced::Done);
    assert_eq!((stats(&story).await.verifications, stats(&story).await.outbox), (3, 1));
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    assert_eq!((stats(&story).await.verifications, stats(&story).await.outbox), (2, 1));
}

/// It takes work at once, and has somewhere to look for more.
pub async fn an_empty_store_is_ready(fresh: Fresh) {
    let story = Story::new(fresh);
    story.store.ready().await.expect("the store is ready");
    assert!(!story.store.partitions().is_empty());
    story.expect_nothing_unsent("nothing was started").await;
}

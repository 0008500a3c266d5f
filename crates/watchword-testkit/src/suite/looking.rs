//! Looking verifications, targets and passcodes up.

use std::time::Duration;

use watchword_core::address::{Channel, Target};
use watchword_core::guess::LookupRule;
use watchword_core::ports::{NewestTarget, SealedRow, Selector, Start};
use watchword_core::verification::{State, Verification};

use super::Fresh;
use super::story::{Story, TTL, look_up_digest, namespace, sealed, subject, target};

const WAIT: Duration = Duration::from_secs(10);

async fn target_of(story: &Story, channel: &str, code: &str) -> Option<Target> {
    let look_up = NewestTarget {
        namespace: story.namespace.clone(),
        now: story.now,
        channel: Channel::new(channel).unwrap(),
        digests: vec![look_up_digest(channel, code), look_up_digest("an older key", code)],
        subject: subject(&["look-ups", story.namespace.as_str(), channel]),
        lookup_rule: LookupRule { burst: 5, wait: WAIT },
    };
    story.store.newest_target(look_up).await.expect("the store works")
}

async fn newest_passcode(story: &Story, targets: &[(&str, &str)]) -> Option<SealedRow> {
    let targets = targets.iter().map(|(channel, address)| target(channel, address)).collect();
    story.store.newest_passcode(story.namespace.clone(), story.now, targets).await.expect("the store works")
}

/// By external id, or by target where it has none, and by vid in any case.
pub async fn a_live_one_is_found_by_every_name_it_has(fresh: Fresh) {
    let story = Story::new(fresh);
    let by_id = story.begin(story.by_id("john-1", "111111")).await;
    let by_target = story.begin(story.by_target("sms", "+1", "111111")).await;
    let email = by_id.target.clone().unwrap();
    for (selector, expected) in [
        (Selector::Id(by_id.external_id.clone().unwrap()), Some(&by_id)),
        (Selector::Vid(by_id.vid), Some(&by_id)),
        (Selector::Target(email), None),
        (Selector::Target(target("sms", "+1")), Some(&by_target)),
        (Selector::Target(target("sms", "+1 ")), None),
        (Selector::Target(target("SMS", "+1")), None),
        (Selector::Vid(by_target.vid), Some(&by_target)),
        (Selector::Vid(story.vid()), None),
    ] {
        assert_eq!(story.get(selector.clone()).await.as_ref(), expected, "{selector:?}");
    }
    assert_eq!(story.store.find(story.vid(), story.now).await.unwrap(), None);
}

/// eGov shows used and expired tokens for a day. Whether a purge was there is not seen.
pub async fn one_that_is_over_is_found_by_vid_while_it_is_kept(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let kept_after = Duration::from_secs(24 * 3_600);
    let start = Start { kept_after, ..story.by_target("sms", "+1", "111111") };
    let row = story.begin(start).await;
    let by_target = || Selector::Target(target("sms", "+1"));
    let shown = async |story: &Story| {
        (
            story.get(Selector::Vid(row.vid)).await,
            story.store.find(row.vid, story.now).await.unwrap(),
            story.get(by_target()).await,
        )
    };
    let found = || Some(row.clone());
    story.pass(TTL - Duration::from_millis(1));
    assert_eq!(shown(&story).await, (found(), found(), found()));
    story.pass(Duration::from_millis(1));
    assert_eq!(shown(&story).await, (found(), found(), None));
    story.pass(kept_after - Duration::from_millis(1));
    story.purge_all().await;
    assert_eq!(shown(&story).await, (found(), found(), None));
    story.pass(Duration::from_millis(1));
    assert_eq!(shown(&story).await, (None, None, None));
    story.purge_all().await;
    assert_eq!(shown(&story).await, (None, None, None));
}

/// Of the channel, live, and of this tenant.
pub async fn the_newest_target_that_holds_a_code_is_found(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for (address, lives) in [("+1", TTL), ("+2", TTL), ("+3", TTL / 2), ("+4", TTL / 2)] {
        let expires_at = story.now.after(lives);
        story.begin(Start { expires_at, ..story.by_target("sms", address, "111111") }).await;
        story.pass(Duration::from_millis(1));
    }
    let newest = story.get(Selector::Target(target("sms", "+4"))).await.unwrap();
    assert_eq!(target_of(&story, "sms", "111111").await, Some(target("sms", "+4")));
    assert_eq!(target_of(&story, "call", "111111").await, None);
    assert_eq!(target_of(&story, "sms", "222222").await, None);
    story.store.cancel(story.select(Selector::Vid(newest.vid))).await.unwrap();
    assert_eq!(target_of(&story, "sms", "111111").await, Some(target("sms", "+3")));
    story.pass(TTL / 2);
    assert_eq!(target_of(&story, "sms", "111111").await, Some(target("sms", "+2")));
    story.namespace = namespace("other");
    assert_eq!(target_of(&story, "sms", "111111").await, None);
    story.namespace = namespace("tenant");
    story.pass(TTL / 2);
    assert_eq!(target_of(&story, "sms", "111111").await, None);
}

/// A search through all codes is slowed; a refused look-up looks like a miss and makes the wait no longer.
pub async fn many_missed_look_ups_refuse_the_next_for_a_while(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story
        .begin(Start { expires_at: story.now.after(TTL * 100), ..story.by_target("sms", "+1", "111111") })
        .await;
    story.begin(story.by_target("call", "+1", "111111")).await;
    for _ in 0..5 {
        assert_eq!(target_of(&story, "sms", "999999").await, None);
    }
    for _ in 0..50 {
        assert_eq!(target_of(&story, "sms", "111111").await, None, "refused");
        assert_eq!(target_of(&story, "sms", "999999").await, None, "refused");
    }
    assert_eq!(target_of(&story, "call", "111111").await, Some(target("call", "+1")), "another channel");
    story.pass(WAIT - Duration::from_millis(1));
    assert_eq!(target_of(&story, "sms", "111111").await, None);
    story.pass(Duration::from_millis(1));
    // One more miss after the wait refuses again, for as long, and never longer.
    for _ in 0..3 {
        assert_eq!(target_of(&story, "sms", "999999").await, None);
        assert_eq!(target_of(&story, "sms", "111111").await, None);
        story.pass(WAIT);
    }
    assert_eq!(target_of(&story, "sms", "111111").await, Some(target("sms", "+1")));
}

/// Misses count only in a row.
pub async fn a_hit_starts_the_misses_afresh(fresh: Fresh) {
    let story = Story::new(fresh);
    story.begin(story.by_target("sms", "+1", "111111")).await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(target_of(&story, "sms", "999999").await, None);
        }
        assert_eq!(target_of(&story, "sms", "111111").await, Some(target("sms", "+1")));
    }
}

/// Over all the channels asked for; what has no sealed copy is passed over.
pub async fn the_newest_passcode_of_an_address_is_found(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let both = [("sms", "+1"), ("call", "+1")];
    assert_eq!(newest_passcode(&story, &both).await, None);
    let row =
        |verification: &Verification, code| Some(SealedRow { vid: verification.vid, sealed: sealed(code) });
    let sms = story.begin(story.by_target("sms", "+1", "111111")).await;
    story.pass(Duration::from_millis(1));
    let call = story.begin(story.by_target("call", "+1", "222222")).await;
    story.pass(Duration::from_millis(1));
    let mut unsealed = story.by_target("call", "+1", "333333");
    unsealed.candidates[0].passcode.sealed = None;
    story.begin(unsealed).await;
    story.begin(story.by_target("sms", "+2", "444444")).await;
    assert_eq!(newest_passcode(&story, &both).await, row(&call, "222222"));
    assert_eq!(newest_passcode(&story, &both[..1]).await, row(&sms, "111111"));
    assert_eq!(newest_passcode(&story, &[]).await, None);
    let canceled = story.store.cancel(story.select(Selector::Vid(call.vid))).await.unwrap();
    assert_eq!(canceled.map(|row| row.state), Some(State::Canceled));
    assert_eq!(newest_passcode(&story, &both).await, row(&sms, "111111"));
    story.namespace = namespace("other");
    assert_eq!(newest_passcode(&story, &both).await, None);
    story.namespace = namespace("tenant");
    story.pass(TTL);
    assert_eq!(newest_passcode(&story, &both).await, None);
}

//! Passcodes that nobody else holds, and requests that come twice.

use std::time::Duration;

use watchword_core::address::Channel;
use watchword_core::passcode::StoredPasscode;
use watchword_core::ports::{Dedupe, OnLive, Selector, Start, StartOutcome};
use watchword_core::throttle::ThrottleRule;

use super::Fresh;
use super::story::{
    Story, TTL, digest, external_id, look_up_digest, namespace, start_name, started, subject, target,
};

/// A start that takes the first of these codes that nobody on the channel holds.
fn unique(story: &Story, channel: &str, address: &str, codes: &[&str]) -> Start {
    let candidates = codes.iter().map(|code| {
        let mut candidate = story.by_target(channel, address, code).candidates.remove(0);
        // Under the key that seals now, and under an old one.
        candidate.taken_if = vec![digest(2, &["look-up", channel], code), look_up_digest(channel, code)];
        candidate
    });
    Start {
        candidates: candidates.collect(),
        unique_in: Some(Channel::new(channel).unwrap()),
        ..story.by_target(channel, address, "")
    }
}

/// Candidates are tried in order, and the rest leaves no trace.
pub async fn the_first_free_code_is_used_and_only_its_message_goes_out(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut old = story.by_target("telegram", "1", "111111");
    let old_key = digest(2, &["look-up", "telegram"], "111111");
    old.candidates[0].passcode =
        StoredPasscode { lookup: Some(old_key), ..old.candidates[0].passcode.clone() };
    story.begin(old).await;
    story.begin(story.by_target("telegram", "2", "222222")).await;
    let start = unique(&story, "telegram", "3", &["111111", "222222", "333333", "444444"]);
    let chosen = start.candidates[2].clone();
    let outcome = story.start(start).await;
    let StartOutcome::Started { verification, candidate, claims } = outcome else { panic!("{outcome:?}") };
    assert_eq!((candidate, &verification.passcode), (2, &chosen.passcode));
    let ids: Vec<_> = claims.iter().map(|claim| claim.delivery.id).collect();
    assert_eq!(ids, [chosen.deliveries[0].id]);
    assert_eq!(story.store.stats().await.unwrap().outbox, 3);
    story.pass(Duration::from_millis(1));
    let (next, _) = started(story.start(unique(&story, "telegram", "4", &["333333", "444444"])).await);
    assert_eq!(next.passcode.lookup, Some(look_up_digest("telegram", "444444")));
}

/// It changes nothing: no verification, no message, no send counted.
pub async fn with_every_code_taken_nothing_starts(fresh: Fresh) {
    let story = Story::new(fresh);
    story.begin(story.by_target("telegram", "1", "111111")).await;
    let rule = ThrottleRule { rate: 1, window: TTL };
    let channel = Channel::new("telegram").unwrap();
    story.store.put_rules(story.namespace.clone(), channel, None, Some(vec![rule])).await.unwrap();
    let throttle = || Some(story.throttle("telegram", None, Some("2")));
    let taken = Start { throttle: throttle(), ..unique(&story, "telegram", "2", &["111111", "111111"]) };
    assert_eq!(story.start(taken).await, StartOutcome::NoFreeCandidate);
    assert_eq!(story.get(Selector::Target(target("telegram", "2"))).await, None);
    assert_eq!(story.store.stats().await.unwrap().outbox, 1);
    let free = Start { throttle: throttle(), ..unique(&story, "telegram", "2", &["222222"]) };
    assert_eq!(start_name(&story.start(free).await), "started");
}

/// Expired and given up ones hold their codes no more; other channels and tenants never did.
pub async fn only_live_ones_of_the_channel_take_a_code(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let kept = Start { kept_after: Duration::from_secs(3_600), ..story.by_target("telegram", "1", "111111") };
    story.begin(kept).await;
    story.pass(TTL);
    let canceled = story.begin(story.by_target("telegram", "2", "111111")).await;
    story.store.cancel(story.select(Selector::Vid(canceled.vid))).await.unwrap();
    // Its digest is the same, as it would be only by a mistake; the channel decides.
    let mut by_call = story.by_target("call", "3", "111111");
    by_call.candidates[0].passcode.lookup = Some(look_up_digest("telegram", "111111"));
    story.begin(by_call).await;
    story.namespace = namespace("other");
    story.begin(story.by_target("telegram", "4", "111111")).await;
    story.namespace = namespace("tenant");
    let start = || unique(&story, "telegram", "5", &["111111"]);
    assert_eq!(start_name(&story.start(start()).await), "started");
    assert_eq!(start_name(&story.start(start()).await), "no free candidate");
}

fn request(story: &Story, key: &str, id: &str) -> Start {
    let key = subject(&["request", story.namespace.as_str(), key]);
    let until = story.now.after(Duration::from_secs(3_600));
    Start { dedupe: Some(Dedupe { key, until }), ..story.by_id(id, "111111") }
}

/// Telegram repeats an update until it is acknowledged.
pub async fn a_request_that_comes_twice_counts_once(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let first = story.begin(request(&story, "update 1", "john-1")).await;
    for id in ["john-1", "jane-1"] {
        assert_eq!(story.start(request(&story, "update 1", id)).await, StartOutcome::Duplicate);
    }
    assert_eq!(story.live("john-1").await, Some(first));
    assert_eq!(story.get(Selector::Id(external_id("jane-1"))).await, None);
    assert_eq!(start_name(&story.start(request(&story, "update 2", "jane-1")).await), "started");
    // It is remembered as long as was asked, longer than the verification lives, and not longer.
    story.pass(Duration::from_millis(3_599_999));
    assert_eq!(story.start(request(&story, "update 1", "john-2")).await, StartOutcome::Duplicate);
    story.pass(Duration::from_millis(1));
    assert_eq!(start_name(&story.start(request(&story, "update 1", "john-2")).await), "started");
    assert_eq!(story.start(request(&story, "update 1", "john-3")).await, StartOutcome::Duplicate);
}

/// What was refused may be asked again.
pub async fn a_refused_request_is_not_remembered(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.begin(story.by_id("john-1", "111111")).await;
    let refusing = || Start { on_live: OnLive::Refuse, ..request(&story, "update 1", "john-1") };
    assert_eq!(start_name(&story.start(refusing()).await), "exists");
    assert_eq!(start_name(&story.start(refusing()).await), "exists");
    story.pass(TTL);
    assert_eq!(start_name(&story.start(request(&story, "update 1", "john-1")).await), "started");
}

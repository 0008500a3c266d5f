//! Deleting what is proven, and giving up.

use std::sync::Arc;
use std::time::Duration;

use watchword_core::ports::{DeleteOutcome, Selector, SendOutcome, Start};
use watchword_core::verification::{OnRight, State, Verification};

use super::Fresh;
use super::story::{Story, TTL, check_name, counts, external_id, target};

async fn delete(story: &Story, id: &str) -> DeleteOutcome {
    let select = story.select(Selector::Id(external_id(id)));
    story.store.delete_if_approved(select).await.expect("the store works")
}

async fn cancel(story: &Story, selector: Selector) -> Option<Arc<Verification>> {
    story.store.cancel(story.select(selector)).await.expect("the store works")
}

/// An open one is shown and stays; an approved one is shown once.
pub async fn only_an_approved_one_can_be_deleted(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let start = Start { on_right: OnRight::Close, ..story.by_id("john-1", "111111") };
    let open = story.begin(start).await;
    assert_eq!(delete(&story, "john-1").await, DeleteOutcome::NotApproved(open.clone()));
    assert_eq!(story.live("john-1").await, Some(open.clone()));
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
    let approved = story.live("john-1").await.unwrap();
    assert_eq!(counts(&approved), (State::Approved, 2, 1));
    assert_eq!(delete(&story, "jane-1").await, DeleteOutcome::Gone);
    assert_eq!(delete(&story, "john-1").await, DeleteOutcome::Deleted(approved));
    assert_eq!(delete(&story, "john-1").await, DeleteOutcome::Gone);
    assert_eq!(story.store.find(open.vid, story.now).await.unwrap(), None);
    // What expired can't be asked about any more, approved or not.
    let start = Start { on_right: OnRight::Close, ..story.by_id("jack-1", "111111") };
    story.begin(start).await;
    assert_eq!(story.check_ids("jack-1", &["111111"]).await, ["approved"]);
    story.pass(TTL);
    assert_eq!(delete(&story, "jack-1").await, DeleteOutcome::Gone);
}

/// What was proven stays proven when somebody uses up the attempts afterwards.
pub async fn an_approved_one_can_be_deleted_when_locked_since(fresh: Fresh) {
    let story = Story::new(fresh);
    let start = Start { on_right: OnRight::Close, ..story.by_id("john-1", "111111") };
    story.begin(start).await;
    let codes = ["111111", "999999", "999999", "999999", "111111"];
    let expected = ["approved", "wrong", "wrong", "wrong", "locked"];
    assert_eq!(story.check_ids("john-1", &codes).await, expected);
    let outcome = delete(&story, "john-1").await;
    assert!(matches!(&outcome, DeleteOutcome::Deleted(row) if row.attempts == 6), "{outcome:?}");
    assert_eq!(story.live("john-1").await, None);
}

/// The newest is given back; all are canceled, approved ones too, and no other target's.
pub async fn giving_up_ends_all_live_ones_of_a_target(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let kept_after = Duration::from_secs(60);
    let start = |story: &Story, code| Start {
        kept_after,
        on_right: OnRight::Close,
        ..story.by_target("sms", "+1", code)
    };
    let mut all = Vec::new();
    for code in ["111111", "222222"] {
        all.push(story.begin(start(&story, code)).await);
        story.pass(Duration::from_millis(1));
    }
    let other = story.begin(story.by_target("sms", "+2", "333333")).await;
    let check = story.check_targets(&[("sms", "+1")], "111111");
    assert_eq!(check_name(&story.check(check).await), "approved");
    let by_target = || Selector::Target(target("sms", "+1"));
    let canceled = cancel(&story, by_target()).await;
    let expected = Verification { state: State::Canceled, ..(*all[1]).clone() };
    assert_eq!(canceled.as_deref(), Some(&expected));
    for row in &all {
        let found = story.get(Selector::Vid(row.vid)).await.unwrap();
        assert_eq!(found.state, State::Canceled);
    }
    assert_eq!(cancel(&story, by_target()).await, None);
    assert_eq!(story.get(by_target()).await, None);
    assert_eq!(story.get(Selector::Vid(other.vid)).await, Some(other));
}

/// No check, no resend, no deletion; it is only kept to be found by vid, as long as was asked.
pub async fn what_was_given_up_is_over(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let kept_after = Duration::from_secs(60);
    let row = story.begin(Start { kept_after, ..story.by_id("john-1", "111111") }).await;
    let canceled = cancel(&story, Selector::Id(external_id("john-1"))).await;
    assert_eq!(canceled.as_deref(), Some(&Verification { state: State::Canceled, ..(*row).clone() }));
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["gone"]);
    assert_eq!(story.resend(story.resend_of(&row)).await, SendOutcome::Gone);
    assert_eq!(delete(&story, "john-1").await, DeleteOutcome::Gone);
    assert_eq!(story.live("john-1").await, None);
    story.pass(TTL + kept_after - Duration::from_millis(1));
    assert_eq!(story.store.find(row.vid, story.now).await.unwrap(), canceled);
    story.pass(Duration::from_millis(1));
    assert_eq!(story.store.find(row.vid, story.now).await.unwrap(), None);
    story.expect_nothing_unsent("it was given up").await;
}

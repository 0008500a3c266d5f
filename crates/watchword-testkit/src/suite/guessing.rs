//! Guess limits: wrong checks in a row of one target, over all its verifications.

use std::time::Duration;

use watchword_core::guess::GuessRule;
use watchword_core::keyring::SubjectKey;
use watchword_core::ports::{Check, CheckOutcome, SendOutcome, SetAddress, Start};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Limits, OnRight};

use super::Fresh;
use super::story::{Story, check_name, external_id, sent, target};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const TO: [(&str, &str); 1] = [("sms", "+1")];

/// A verification without limits of its own that outlives the test.
fn endless(story: &Story, address: &str, code: &str) -> Start {
    Start { expires_at: story.now.after(DAY * 100), ..story.by_target("sms", address, code) }
}

async fn guess(story: &Story, code: &str) -> CheckOutcome {
    story.check(story.check_targets(&TO, code)).await
}

/// Guesses wrong so many times.
async fn guess_wrong(story: &Story, times: usize) {
    for time in 1..=times {
        let outcome = guess(story, "999999").await;
        assert_eq!(check_name(&outcome), "wrong", "guess {time} of {times}");
    }
}

/// Until when the right code is refused; the check that asks counts nothing.
async fn refused_until(story: &Story) -> Option<Timestamp> {
    match guess(story, "111111").await {
        CheckOutcome::Refused { until, .. } => Some(until),
        CheckOutcome::Approved(_) => None,
        other => panic!("{other:?}"),
    }
}

async fn unlock(story: &Story, subject: SubjectKey) -> bool {
    story.store.unlock(story.namespace.clone(), vec![subject]).await.expect("the store works")
}

/// 1, 2, 4, 8 minutes, then 15 each time.
pub async fn from_the_tenth_wrong_check_the_wait_doubles(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.begin(endless(&story, "+1", "111111")).await;
    guess_wrong(&story, 9).await;
    for minutes in [1, 2, 4, 8, 15, 15] {
        guess_wrong(&story, 1).await;
        let wait = MINUTE * minutes;
        assert_eq!(refused_until(&story).await, Some(story.now.after(wait)));
        story.pass(wait - Duration::from_millis(1));
        assert_eq!(refused_until(&story).await, Some(story.now.after(Duration::from_millis(1))));
        story.pass(Duration::from_millis(1));
    }
    assert_eq!(refused_until(&story).await, None, "the wait is over, and the code still good");
}

/// Nodes go by the store's time, each as well as it can: one may be a little behind another that counted a wrong guess.
pub async fn a_node_whose_clock_is_behind_is_refused_nothing_before_the_limit(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.begin(endless(&story, "+1", "111111")).await;
    story.pass(MINUTE);
    let ahead = story.now;
    for _ in 0..4 {
        guess_wrong(&story, 1).await;
        story.now = ahead.before(Duration::from_millis(5));
        guess_wrong(&story, 1).await;
        story.now = ahead;
    }
    story.now = ahead.before(Duration::from_millis(5));
    assert_eq!(check_name(&guess(&story, "111111").await), "approved");
}

/// Not its attempts, not the wrong checks in a row, and the wait grows no longer.
pub async fn a_refused_check_counts_nothing_even_when_it_is_right(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let limits = Limits { max_attempts: Some(100), max_sends: None };
    let start = Start { limits, ..story.by_id("john-1", "111111") };
    story.begin(start).await;
    assert_eq!(story.check_ids("john-1", &["999999"; 10]).await, ["wrong"; 10]);
    let before = story.live("john-1").await.unwrap();
    for _ in 0..30 {
        for code in ["111111", "999999"] {
            let outcome = story.check(story.check_id("john-1", code)).await;
            let expected =
                CheckOutcome::Refused { verification: before.clone(), until: story.now.after(MINUTE) };
            assert_eq!(outcome, expected);
        }
    }
    assert_eq!(story.live("john-1").await, Some(before));
    story.pass(MINUTE);
    assert_eq!(story.check_ids("john-1", &["999999", "111111"]).await, ["wrong", "refused"]);
    story.pass(MINUTE * 2);
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["approved"]);
}

/// NIST SP 800-63B: at most 100 in a row. The doubling is off here, to get there at once.
pub async fn from_the_hundredth_the_wait_is_a_day(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.guess_rule = GuessRule { burst: 0, ..GuessRule::default() };
    story.begin(endless(&story, "+1", "111111")).await;
    guess_wrong(&story, 100).await;
    for _ in 0..2 {
        assert_eq!(refused_until(&story).await, Some(story.now.after(DAY)));
        story.pass(DAY - Duration::from_millis(1));
        assert!(refused_until(&story).await.is_some());
        story.pass(Duration::from_millis(1));
        guess_wrong(&story, 1).await;
    }
}

/// Wrong checks count only in a row.
pub async fn a_right_check_starts_the_count_afresh(fresh: Fresh) {
    let story = Story::new(fresh);
    story.begin(endless(&story, "+1", "111111")).await;
    for _ in 0..3 {
        guess_wrong(&story, 9).await;
        assert_eq!(refused_until(&story).await, None);
    }
    guess_wrong(&story, 10).await;
    assert_eq!(refused_until(&story).await, Some(story.now.after(MINUTE)));
}

/// Starting over, replacing and resending change nothing about it.
pub async fn no_send_and_no_new_code_refills_the_guesses(fresh: Fresh) {
    let story = Story::new(fresh);
    let limits = Limits { max_attempts: Some(100), max_sends: Some(100) };
    let start = |code| Start { limits, ..story.by_id("john-1", code) };
    for code in ["111111", "222222", "333333"] {
        let verification = story.begin(start(code)).await;
        assert_eq!(story.check_ids("john-1", &["999999"; 3]).await, ["wrong"; 3]);
        sent(story.resend(story.resend_of(&verification)).await);
    }
    assert_eq!(story.check_ids("john-1", &["999999", "333333"]).await, ["wrong", "refused"]);
    story.begin(start("444444")).await;
    assert_eq!(story.check_ids("john-1", &["444444"]).await, ["refused"]);
    // Another verification of the same address, on another channel, is no way around.
    let around = Start { guess_subject: start("").guess_subject, ..story.by_target("sms", "+1", "111111") };
    story.begin(around).await;
    assert_eq!(check_name(&guess(&story, "111111").await), "refused");
}

/// One row a target.
pub async fn a_target_is_counted_over_all_its_verifications_and_no_other(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let other = story.begin(endless(&story, "+2", "222222")).await;
    for channel in ["sms", "call"] {
        story.begin(story.by_target(channel, "+1", "111111")).await;
        for _ in 0..5 {
            let check = story.check_targets(&[(channel, "+1")], "999999");
            assert_eq!(check_name(&story.check(check).await), "wrong");
        }
        story.pass(Duration::from_millis(1));
    }
    for channel in ["sms", "call"] {
        let check = story.check_targets(&[(channel, "+1")], "111111");
        assert_eq!(check_name(&story.check(check).await), "refused", "{channel}");
    }
    let outcome = story.check(story.check_targets(&[("sms", "+2")], "222222")).await;
    assert!(matches!(&outcome, CheckOutcome::Approved(shown) if *shown == other), "{outcome:?}");
}

/// What was no guess at a live code does not bring the limit nearer.
pub async fn locked_used_and_missing_ones_are_not_counted(fresh: Fresh) {
    let story = Story::new(fresh);
    let limits = Limits { max_attempts: Some(1), max_sends: None };
    story.begin(Start { limits, ..story.by_id("locked", "111111") }).await;
    assert_eq!(story.check_ids("locked", &["999999"; 20]).await, ["locked"; 20]);
    let closing = Start { on_right: OnRight::Close, ..story.by_id("closed", "222222") };
    story.begin(closing).await;
    let once = |code| Check { approved_again: false, ..story.check_id("closed", code) };
    assert_eq!(check_name(&story.check(once("222222")).await), "approved");
    for _ in 0..20 {
        assert_eq!(check_name(&story.check(once("222222")).await), "used");
        assert_eq!(check_name(&story.check(once("999999")).await), "gone");
    }
    assert_eq!(story.check_ids("missing", &["999999"; 20]).await, ["gone"; 20]);
    let open = Start { limits: Limits::default(), ..story.by_id("john-1", "333333") };
    story.begin(open).await;
    assert_eq!(story.check_ids("john-1", &["999999"; 9]).await, ["wrong"; 9], "all of one address");
    assert_eq!(story.check_ids("john-1", &["999999", "333333"]).await, ["wrong", "refused"]);
}

/// For an operator whose user is locked out.
pub async fn unlocking_lets_the_next_check_in(fresh: Fresh) {
    let story = Story::new(fresh);
    story.begin(endless(&story, "+1", "111111")).await;
    let (subject, other) = (story.guesses_of("+1"), story.guesses_of("+2"));
    assert!(!unlock(&story, subject).await, "nothing was counted yet");
    guess_wrong(&story, 10).await;
    assert!(!unlock(&story, other).await);
    assert!(refused_until(&story).await.is_some());
    assert!(story.store.unlock(story.namespace.clone(), vec![other, subject]).await.unwrap());
    assert!(!unlock(&story, subject).await);
    guess_wrong(&story, 9).await;
    assert_eq!(refused_until(&story).await, None, "the count began anew");
}

/// A day after the last wrong check, or after the wait it caused.
pub async fn wrong_guesses_are_forgotten_a_day_later(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.begin(endless(&story, "+1", "111111")).await;
    guess_wrong(&story, 9).await;
    story.pass(DAY - Duration::from_millis(1));
    guess_wrong(&story, 1).await;
    assert!(refused_until(&story).await.is_some(), "still the tenth in a row");
    story.pass(MINUTE + DAY);
    guess_wrong(&story, 9).await;
    assert_eq!(refused_until(&story).await, None);
}

/// Each on its own.
pub async fn zero_switches_the_limits_off(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.begin(endless(&story, "+1", "111111")).await;
    story.guess_rule = GuessRule { burst: 0, budget: 0, ..GuessRule::default() };
    guess_wrong(&story, 150).await;
    assert_eq!(refused_until(&story).await, None);
    story.guess_rule = GuessRule { budget: 0, ..GuessRule::default() };
    guess_wrong(&story, 10).await;
    assert_eq!(refused_until(&story).await, Some(story.now.after(MINUTE)));
}

/// Without an address the external id stands for it; from the moment one is set, the address does.
pub async fn with_an_address_the_target_is_counted_not_the_id(fresh: Fresh) {
    let story = Story::new(fresh);
    let limits = Limits { max_attempts: Some(100), max_sends: None };
    let start = Start { limits, ..story.by_id_without_address("john-1", "111111") };
    let verification = story.begin(start).await;
    assert_eq!(story.check_ids("john-1", &["999999"; 9]).await, ["wrong"; 9]);
    let set = SetAddress {
        namespace: story.namespace.clone(),
        now: story.now,
        external_id: external_id("john-1"),
        expected: verification.vid,
        target: target("sms", "+1"),
        guess_subject: story.guesses_of("+1"),
        throttle: None,
        deliveries: vec![story.message()],
        claimant: None,
    };
    let outcome = story.store.set_address(set).await.unwrap();
    assert!(matches!(outcome, SendOutcome::Sent { .. }), "{outcome:?}");
    assert_eq!(story.check_ids("john-1", &["999999"; 10]).await, ["wrong"; 10]);
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["refused"]);
    story.begin(endless(&story, "+1", "222222")).await;
    assert_eq!(check_name(&guess(&story, "222222").await), "refused", "it is the address's row");
    assert!(unlock(&story, story.guesses_of("+1")).await);
    assert!(unlock(&story, story.guesses_of("john-1")).await, "the id's own row is still there");
}

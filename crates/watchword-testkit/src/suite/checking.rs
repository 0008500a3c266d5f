//! Checking a guess: counted before it is compared, consumed in the same step.

use std::time::Duration;

use watchword_core::passcode::KeyedDigest;
use watchword_core::ports::{Check, CheckOutcome, Guess, Selector, Start};
use watchword_core::verification::{Limits, OnRight, State, Verification};

use super::Fresh;
use super::story::{Story, TTL, check_name, counts, digest, key, namespace, target};

/// The check's own word wins over the verification's; `Keep` changes nothing, `Close` approves, `Delete` leaves nothing.
pub async fn a_right_check_does_what_it_or_the_start_says(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let (keep, close, delete) = (OnRight::Keep, OnRight::Close, OnRight::Delete);
    for (as_stored, as_asked, what_is_left) in [
        (keep, None, Some(State::Pending)),
        (close, None, Some(State::Approved)),
        (delete, None, None),
        (delete, Some(keep), Some(State::Pending)),
        (delete, Some(close), Some(State::Approved)),
        (keep, Some(delete), None),
    ] {
        let verification =
            story.begin(Start { on_right: as_stored, ..story.by_id("john-1", "111111") }).await;
        let check = Check { on_right: as_asked, ..story.check_id("john-1", "111111") };
        let state = if as_asked.unwrap_or(as_stored) == keep { State::Pending } else { State::Approved };
        let expected = Verification { state, attempts: 2, ..(*verification).clone() };
        let outcome = story.check(check).await;
        assert!(
            matches!(&outcome, CheckOutcome::Approved(shown) if **shown == expected),
            "{as_stored:?} {as_asked:?}: {outcome:?}"
        );
        let left = what_is_left.map(|_| expected);
        assert_eq!(story.live("john-1").await.as_deref(), left.as_ref(), "{as_stored:?} {as_asked:?}");
        assert_eq!(story.store.find(verification.vid, story.now).await.unwrap().as_deref(), left.as_ref());
        story.pass(TTL);
    }
}

/// A wrong check shows the attempt it used, and changes nothing else.
pub async fn a_wrong_check_is_counted(fresh: Fresh) {
    let story = Story::new(fresh);
    let before = story.begin(story.by_id("john-1", "111111")).await;
    let outcome = story.check(story.check_id("john-1", "999999")).await;
    let after = Verification { attempts: 2, ..(*before).clone() };
    assert!(matches!(&outcome, CheckOutcome::Wrong(shown) if **shown == after), "{outcome:?}");
    assert_eq!(story.live("john-1").await.as_deref(), Some(&after));
}

/// The start used one of five attempts. The sixth locks, whatever the code, and attempts go on being counted.
pub async fn after_the_last_attempt_the_right_code_is_refused_too(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.begin(story.by_id("john-1", "111111")).await;
    let wrong = ["999999"; 4];
    assert_eq!(story.check_ids("john-1", &wrong).await, ["wrong"; 4]);
    let outcome = story.check(story.check_id("john-1", "111111")).await;
    assert!(matches!(&outcome, CheckOutcome::Locked(shown) if shown.attempts == 6), "{outcome:?}");
    assert_eq!(story.check_ids("john-1", &["111111", "999999"]).await, ["locked"; 2]);
    assert_eq!(story.live("john-1").await.map(|row| counts(&row)), Some((State::Pending, 8, 1)));
    story.pass(TTL);
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["gone"]);
}

/// The limit is not one too low either.
pub async fn the_last_attempt_is_as_good_as_the_first(fresh: Fresh) {
    let story = Story::new(fresh);
    story.begin(story.by_id("john-1", "111111")).await;
    let codes = ["999999", "999999", "999999", "111111"];
    assert_eq!(story.check_ids("john-1", &codes).await, ["wrong", "wrong", "wrong", "approved"]);
}

/// Where nothing limits them, checks write nothing to the verification.
pub async fn what_has_no_limit_counts_no_attempts(fresh: Fresh) {
    let story = Story::new(fresh);
    let verification = story.begin(story.by_target("sms", "+1", "111111")).await;
    for (code, expected) in [("999999", "wrong"), ("111111", "approved"), ("111111", "approved")] {
        let outcome = story.check(story.check_targets(&[("sms", "+1")], code)).await;
        assert_eq!(check_name(&outcome), expected);
    }
    assert_eq!(story.get(Selector::Vid(verification.vid)).await, Some(verification));
}

/// A verification whose sends are past its limit is locked for checks too.
pub async fn past_the_most_sends_no_code_is_right(fresh: Fresh) {
    let story = Story::new(fresh);
    let limits = Limits { max_attempts: None, max_sends: Some(0) };
    let start = Start { limits, ..story.by_target("sms", "+1", "111111") };
    story.begin(start).await;
    let check = || story.check_targets(&[("sms", "+1")], "111111");
    assert_eq!(check_name(&story.check(check()).await), "locked");
}

/// Closed and kept: otpgateway takes the code again, and counts it; eGov does not, and counts nothing.
pub async fn a_closed_one_takes_its_code_again_only_where_asked_to(fresh: Fresh) {
    let story = Story::new(fresh);
    story.begin(Start { on_right: OnRight::Close, ..story.by_id("john-1", "111111") }).await;
    assert_eq!(story.check_ids("john-1", &["111111", "111111"]).await, ["approved"; 2]);
    let before = story.live("john-1").await.unwrap();
    assert_eq!(counts(&before), (State::Approved, 3, 1));
    for (code, expected) in [("111111", "used"), ("999999", "gone")] {
        let once = Check { approved_again: false, ..story.check_id("john-1", code) };
        let outcome = story.check(once).await;
        assert_eq!(check_name(&outcome), expected);
        if let CheckOutcome::Used(shown) = outcome {
            assert_eq!(shown, before);
        }
    }
    assert_eq!(story.live("john-1").await, Some(before.clone()), "neither was counted");
    // Attempts go on being used up, and lock it; what was proven stays so.
    let codes = ["999999", "111111", "111111"];
    assert_eq!(story.check_ids("john-1", &codes).await, ["wrong", "approved", "locked"]);
    assert_eq!(story.live("john-1").await.map(|row| counts(&row)), Some((State::Approved, 6, 1)));
}

/// eGov: several tokens of one identity live at once; each is taken once, in any order.
pub async fn any_live_code_of_a_target_is_right_once(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut all = Vec::new();
    for code in ["111111", "222222", "333333"] {
        let closing = Start { on_right: OnRight::Close, ..story.by_target("sms", "+1", code) };
        all.push(story.begin(closing).await.vid);
        story.pass(Duration::from_millis(1));
    }
    let once = |code| Check { approved_again: false, ..story.check_targets(&[("sms", "+1")], code) };
    for (code, right) in [("222222", 1), ("333333", 2), ("111111", 0)] {
        let outcome = story.check(once(code)).await;
        assert!(matches!(&outcome, CheckOutcome::Approved(shown) if shown.vid == all[right]), "{outcome:?}");
        let outcome = story.check(once(code)).await;
        assert!(matches!(&outcome, CheckOutcome::Used(shown) if shown.vid == all[right]), "{outcome:?}");
    }
    assert_eq!(check_name(&story.check(once("999999")).await), "gone", "none is left that could be guessed");
}

/// Codes are short: two live ones may have the same, and each is good once.
pub async fn a_used_code_may_be_that_of_another_one_too(fresh: Fresh) {
    let mut story = Story::new(fresh);
    for _ in 0..2 {
        story.begin(Start { on_right: OnRight::Close, ..story.by_target("sms", "+1", "111111") }).await;
        story.pass(Duration::from_millis(1));
    }
    for expected in ["approved", "approved", "used"] {
        let check = story.check_targets(&[("sms", "+1")], "111111");
        let outcome = story.check(Check { approved_again: false, ..check }).await;
        assert_eq!(check_name(&outcome), expected);
    }
}

/// perfumer: a check of `sms` takes codes that were sent by `call`, in one step and counted once.
pub async fn one_guess_can_be_tried_on_two_targets(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let call = story.begin(story.by_target("call", "+1", "111111")).await;
    story.pass(Duration::from_millis(1));
    let sms = story.begin(story.by_target("sms", "+1", "222222")).await;
    let both = [("sms", "+1"), ("call", "+1")];
    for (targets, code, expected) in [
        (&both[..], "111111", Some(&call)),
        (&both, "222222", Some(&sms)),
        (&both[1..], "111111", Some(&call)),
        (&both[1..], "222222", None),
        (&both[..1], "111111", None),
    ] {
        match (story.check(story.check_targets(targets, code)).await, expected) {
            (CheckOutcome::Approved(shown), Some(expected)) => assert_eq!(shown, *expected),
            (CheckOutcome::Wrong(_), None) => {}
            (outcome, _) => panic!("{targets:?} {code}: {outcome:?}"),
        }
    }
    // A miss on both is one wrong guess: the tenth refuses, not the fifth.
    story.pass(Duration::from_secs(1));
    story.check(story.check_targets(&both, "111111")).await;
    for _ in 0..10 {
        let outcome = story.check(story.check_targets(&both, "999999")).await;
        assert!(matches!(&outcome, CheckOutcome::Wrong(shown) if shown.vid == sms.vid), "{outcome:?}");
    }
    assert_eq!(check_name(&story.check(story.check_targets(&both, "111111")).await), "refused");
}

/// A guess for one id, target, kind or tenant is nothing to the others.
pub async fn a_code_is_right_only_where_it_belongs(fresh: Fresh) {
    let mut story = Story::new(fresh);
    story.begin(story.by_id("john-1", "111111")).await;
    story.begin(story.by_id("jane-1", "222222")).await;
    story.begin(story.by_target("sms", "+1", "333333")).await;
    let address = story.by_id("john-1", "").target.unwrap().address;
    for (check, expected) in [
        (story.check_id("jane-1", "111111"), "wrong"),
        (story.check_id("john-2", "111111"), "gone"),
        (story.check_targets(&[("call", "+1")], "333333"), "gone"),
        (story.check_targets(&[("sms", "+2")], "333333"), "gone"),
        // One with an external id is not found by its target.
        (story.check_targets(&[("email", address.given())], "111111"), "gone"),
    ] {
        assert_eq!(check_name(&story.check(check).await), expected);
    }
    story.namespace = namespace("other");
    assert_eq!(story.check_ids("john-1", &["111111"]).await, ["gone"]);
}

/// Never "wrong code": whoever runs the store must give the key back.
pub async fn under_an_unknown_key_nothing_is_right_or_wrong(fresh: Fresh) {
    let story = Story::new(fresh);
    let before = story.begin(story.by_id("john-1", "111111")).await;
    let mut check = story.check_id("john-1", "111111");
    check.guesses[0].digests =
        vec![KeyedDigest { key: key(2), digest: digest(2, &["id", "john-1"], "111111") }];
    for _ in 0..20 {
        let outcome = story.check(check.clone()).await;
        assert!(matches!(outcome, CheckOutcome::UnknownKey(unknown) if unknown == key(1)), "{outcome:?}");
    }
    assert_eq!(story.live("john-1").await, Some(before), "nothing was counted");
    // With the key back beside the new one, it is right at once.
    let mut with_both = story.check_id("john-1", "111111");
    with_both.guesses[0].digests.insert(0, check.guesses[0].digests[0]);
    assert_eq!(check_name(&story.check(with_both).await), "approved");
}

/// Of several, those under a known key are right or counted; only where none is right the missing key is told of.
pub async fn what_is_under_a_known_key_is_still_checked(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let mut old = story.by_target("sms", "+1", "111111");
    let bound_to = ["target", "sms", "+1"];
    old.candidates[0].passcode.check = KeyedDigest { key: key(2), digest: digest(2, &bound_to, "111111") };
    story.begin(old).await;
    story.pass(Duration::from_millis(1));
    let limits = Limits { max_attempts: Some(2), max_sends: None };
    let known = story.begin(Start { limits, ..story.by_target("sms", "+1", "222222") }).await;
    for (code, expected, attempts) in
        [("222222", "approved", 1), ("111111", "unknown key", 2), ("222222", "unknown key", 3)]
    {
        let outcome = story.check(story.check_targets(&[("sms", "+1")], code)).await;
        assert_eq!(check_name(&outcome), expected, "{code}");
        let row = story.get(Selector::Vid(known.vid)).await.unwrap();
        assert_eq!(row.attempts, attempts, "the known one is counted");
    }
}

/// Live while now < expires_at, to the millisecond.
pub async fn a_code_is_right_until_the_moment_it_expires(fresh: Fresh) {
    let mut story = Story::new(fresh);
    let kept_after = Duration::from_secs(60);
    story.begin(Start { kept_after, ..story.by_target("sms", "+1", "111111") }).await;
    story.pass(TTL - Duration::from_millis(1));
    assert_eq!(check_name(&story.check(story.check_targets(&[("sms", "+1")], "111111")).await), "approved");
    story.pass(Duration::from_millis(1));
    for code in ["111111", "999999"] {
        assert_eq!(check_name(&story.check(story.check_targets(&[("sms", "+1")], code)).await), "gone");
    }
}

/// A check may name one verification by Watchword's own id.
pub async fn a_check_by_vid_is_for_that_one_alone(fresh: Fresh) {
    let story = Story::new(fresh);
    let (first, second) = (
        story.begin(story.by_target("sms", "+1", "111111")).await,
        story.begin(story.by_target("sms", "+1", "222222")).await,
    );
    let bound_to = ["target", "sms", "+1"];
    for (vid, code, expected) in [
        (first.vid, "111111", "approved"),
        (first.vid, "222222", "wrong"),
        (second.vid, "222222", "approved"),
    ] {
        let digests = vec![KeyedDigest { key: key(1), digest: digest(1, &bound_to, code) }];
        let guess = Guess { selector: Selector::Vid(vid), digests };
        let outcome = story.check(story.check_with(vec![guess])).await;
        assert_eq!(check_name(&outcome), expected, "{code}");
    }
    let guess = Guess { selector: Selector::Vid(story.vid()), digests: Vec::new() };
    assert_eq!(check_name(&story.check(story.check_with(vec![guess])).await), "gone");
    assert!(story.get(Selector::Target(target("sms", "+1"))).await.is_some());
}

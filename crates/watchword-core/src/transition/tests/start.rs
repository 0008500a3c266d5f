use super::{
    LIVES, NOW, external_id, later, message, node, passcode, start, subject, target, verification, vid,
};
use crate::delivery::{Delivery, DeliveryState};
use crate::ports::{Candidate, OnLive, Start, StartOutcome};
use crate::throttle::{SendTimes, Throttle, ThrottleKind, ThrottleRule, ThrottleRules, ThrottleSubject};
use crate::transition::{SendsView, StartView, start as decide};
use crate::verification::{Limits, State, Verification};

fn over(live: Option<Verification>) -> StartView {
    StartView { live, ..StartView::default() }
}

fn name(outcome: &StartOutcome) -> &'static str {
    match outcome {
        StartOutcome::Started { .. } => "started",
        StartOutcome::Reused(_) => "reused",
        StartOutcome::Locked(_) => "locked",
        StartOutcome::Exists(_) => "exists",
        StartOutcome::Throttled(_) => "throttled",
        StartOutcome::SubjectMissing(_) => "subject missing",
        StartOutcome::Duplicate => "duplicate",
        StartOutcome::NoFreeCandidate => "no free candidate",
    }
}

#[test]
fn a_put_counts_one_of_both_and_is_refused_where_that_would_lock() {
    // The wire contract of otpgateway, "Counting, exactly" and its difference number 7.
    for (attempts, sends, max_attempts, max_sends, expected) in [
        (1, 1, 5, 3, Some((2, 2))),
        (4, 1, 5, 3, Some((5, 2))),
        (5, 1, 5, 3, None),
        (1, 2, 5, 3, Some((2, 3))),
        (1, 3, 5, 3, None),
        // The new limits are what it is measured by …
        (5, 3, 6, 4, Some((6, 4))),
        (2, 1, 2, 3, None),
        // … unless the old ones have locked it already: those stay.
        (6, 1, 100, 100, None),
        (1, 4, 100, 100, None),
        (u32::MAX, 1, u32::MAX, 9, None),
    ] {
        let live = Verification { attempts, sends, ..verification() };
        let limits = Limits { max_attempts: Some(max_attempts), max_sends: Some(max_sends) };
        let decided = decide(Start { limits, ..start(OnLive::Replace) }, over(Some(live.clone())));
        let story = format!("attempts {attempts}, sends {sends}, at most {max_attempts} and {max_sends}");
        match (decided, expected) {
            (Ok(write), Some((attempts, sends))) => {
                assert_eq!(
                    (write.verification.attempts, write.verification.sends),
                    (attempts, sends),
                    "{story}"
                );
                assert!(write.replaces, "{story}");
            }
            (Err(StartOutcome::Locked(shown)), None) => assert_eq!(*shown, live, "{story}"),
            (decided, _) => panic!("{story}: {decided:?}"),
        }
    }
}

#[test]
fn a_live_one_is_treated_as_the_start_asks() {
    let live = verification;
    let by_target = || Verification { external_id: None, ..verification() };
    let expired = || Verification { expires_at: NOW, ..verification() };
    let canceled = || Verification { state: State::Canceled, ..verification() };
    let approved = || Verification { state: State::Approved, ..verification() };
    for (on_live, found, expected, attempts, replaces) in [
        (OnLive::Replace, None, "started", 1, false),
        (OnLive::Replace, Some(live()), "started", 2, true),
        (OnLive::Replace, Some(approved()), "started", 2, true),
        (OnLive::Replace, Some(expired()), "started", 1, false),
        (OnLive::Replace, Some(canceled()), "started", 1, false),
        (OnLive::Replace, Some(by_target()), "started", 2, true),
        (OnLive::Reuse, None, "started", 0, false),
        (OnLive::Reuse, Some(live()), "reused", 0, false),
        (OnLive::Reuse, Some(approved()), "reused", 0, false),
        (OnLive::Reuse, Some(expired()), "started", 0, false),
        (OnLive::Refuse, None, "started", 0, false),
        (OnLive::Refuse, Some(live()), "exists", 0, false),
        (OnLive::Refuse, Some(canceled()), "started", 0, false),
        (OnLive::Add, None, "started", 0, false),
        (OnLive::Add, Some(by_target()), "started", 0, false),
        (OnLive::Add, Some(live()), "exists", 0, false),
        (OnLive::Add, Some(expired()), "started", 0, false),
    ] {
        let external_id = found.as_ref().map_or(Some(external_id()), |found| found.external_id.clone());
        let story = format!("{on_live:?} over {found:?}");
        let decided = decide(Start { external_id, ..start(on_live) }, over(found));
        match decided {
            Err(outcome) => assert_eq!(name(&outcome), expected, "{story}"),
            Ok(write) => {
                assert_eq!((expected, write.replaces), ("started", replaces), "{story}");
                assert_eq!(
                    (write.verification.attempts, write.verification.state),
                    (attempts, State::Pending),
                    "{story}"
                );
            }
        }
    }
}

#[test]
fn what_is_written_is_what_was_asked_for() {
    let (now_and_then, without) = (vec![message(2, None), message(3, Some(later(30)))], Vec::new());
    for (deliveries, last_sent_at) in [(now_and_then, Some(NOW)), (without, None)] {
        let mut asked = start(OnLive::Replace);
        asked.candidates[0].deliveries.clone_from(&deliveries);
        let write = decide(asked.clone(), StartView::default()).unwrap();
        let expected = Verification {
            vid: vid(2),
            passcode: passcode(2),
            expires_at: NOW.after(LIVES),
            last_sent_at,
            ..verification()
        };
        assert_eq!(*write.verification, expected);
        let entered: Vec<_> = deliveries
            .into_iter()
            .map(|new| Delivery::enter(new, &expected, Some(&node("a")), NOW))
            .collect();
        assert_eq!(write.deliveries, entered);
        let StartOutcome::Started { claims, candidate: 0, verification } = write.into_outcome() else {
            panic!("it was started");
        };
        // What is for later is claimed by nobody.
        let claimed: Vec<_> =
            entered.into_iter().filter(|delivery| delivery.state == DeliveryState::Claimed).collect();
        assert_eq!(claims.iter().map(|claim| claim.delivery.clone()).collect::<Vec<_>>(), claimed);
        assert!(claims.iter().all(|claim| claim.verification == verification));
    }
}

#[test]
fn the_first_free_candidate_is_used() {
    for (taken, expected) in [
        (vec![], Some(0)),
        (vec![false, false, false], Some(0)),
        (vec![true], Some(1)),
        (vec![true, true, false], Some(2)),
        (vec![true, false, true], Some(1)),
        (vec![true, true, true], None),
    ] {
        let candidates = (0..3_u8).map(|number| Candidate {
            passcode: passcode(number),
            taken_if: Vec::new(),
            deliveries: vec![message(u128::from(number), None)],
        });
        let asked = Start { candidates: candidates.collect(), ..start(OnLive::Replace) };
        let view = StartView { taken: taken.clone(), ..StartView::default() };
        match (decide(asked, view), expected) {
            (Ok(write), Some(number)) => {
                assert_eq!(write.candidate, usize::from(number), "{taken:?}");
                assert_eq!(write.verification.passcode, passcode(number), "{taken:?}");
                assert_eq!(write.deliveries[0].id, message(u128::from(number), None).id, "{taken:?}");
            }
            (Err(outcome), None) => assert_eq!(outcome, StartOutcome::NoFreeCandidate),
            (decided, _) => panic!("{taken:?}: {decided:?}"),
        }
    }
    let none = Start { candidates: Vec::new(), ..start(OnLive::Replace) };
    assert_eq!(decide(none, StartView::default()), Err(StartOutcome::NoFreeCandidate));
}

#[test]
fn of_several_reasons_to_refuse_the_first_is_told() {
    let throttle = Throttle {
        channel: target().channel,
        subjects: vec![ThrottleSubject { kind: ThrottleKind::Target, key: subject(7) }],
    };
    let full = SendsView {
        rules: ThrottleRules { by_ip: Vec::new(), by_target: vec![ThrottleRule { rate: 1, window: LIVES }] },
        times: vec![SendTimes::new(vec![NOW])],
    };
    let locked = || Verification { attempts: 6, ..verification() };
    for (handled_before, live, is_full, is_taken, expected) in [
        (true, Some(locked()), true, true, "duplicate"),
        (false, Some(locked()), true, true, "locked"),
        (false, Some(verification()), true, true, "throttled"),
        (false, Some(verification()), false, true, "no free candidate"),
    ] {
        let sends = if is_full { full.clone() } else { SendsView::default() };
        let view = StartView { live, handled_before, sends, taken: vec![is_taken] };
        let asked = Start { throttle: Some(throttle.clone()), ..start(OnLive::Replace) };
        assert_eq!(decide(asked, view).map_err(|outcome| name(&outcome)), Err(expected));
    }
}

use super::{LIVES, NOW, delivery, later, message, node, verification};
use crate::delivery::{Delivery, DeliveryAttempt, DeliveryState, Ended, Verdict};
use crate::ports::{Extend, Fenced, HastenOutcome, Settlement};
use crate::time::Timestamp;
use crate::transition::{ClaimDecision, cancel_delivery, claim, extend, hasten, settle};

const ENDS: [(Ended, DeliveryState); 4] = [
    (Ended::Accepted, DeliveryState::Accepted),
    (Ended::Failed, DeliveryState::Failed),
    (Ended::Expired, DeliveryState::Expired),
    (Ended::Canceled, DeliveryState::Canceled),
];

fn ended(state: DeliveryState) -> Delivery {
    Delivery { state, message: None, due_at: NOW, ..delivery() }
}

fn attempt(number: usize) -> DeliveryAttempt {
    DeliveryAttempt {
        provider: "main".into(),
        at: NOW,
        outcome: format!("{number}").into(),
        message_id: None,
        detail: None,
    }
}

fn settlement(fence: u64, verdict: Verdict) -> Settlement {
    let delivery = delivery();
    Settlement { namespace: delivery.namespace, id: delivery.id, fence, verdict, attempts: vec![attempt(1)] }
}

#[test]
fn a_message_enters_claimed_where_it_is_due_and_somebody_is_there() {
    let claimed = (DeliveryState::Claimed, later(15), 1);
    for (not_before, claimant, expected) in [
        (None, true, claimed),
        (None, false, (DeliveryState::Due, NOW, 0)),
        (Some(later(30)), true, (DeliveryState::Due, later(30), 0)),
        (Some(later(30)), false, (DeliveryState::Due, later(30), 0)),
        (Some(NOW), true, claimed),
    ] {
        let claimant = claimant.then(|| node("a"));
        let entered = Delivery::enter(message(1, not_before), &verification(), claimant.as_ref(), NOW);
        assert_eq!((entered.state, entered.due_at, entered.fence), expected, "{not_before:?}");
        assert_eq!(entered.claimed_by, claimant.filter(|_| expected.2 == 1).map(|claimant| claimant.node));
        assert_eq!(entered.expires_at, verification().expires_at);
    }
}

#[test]
fn a_message_is_claimed_when_it_is_due_or_its_lease_is_over() {
    let due =
        |due_at| Delivery { state: DeliveryState::Due, due_at, fence: 0, claimed_by: None, ..delivery() };
    let leased = |due_at| Delivery { due_at, fence: 7, ..delivery() };
    let at = |delivery: Delivery, expires_at: Timestamp| Delivery { expires_at, ..delivery };
    for (found, expected) in [
        (due(NOW), "taken under fence 1"),
        (due(NOW.after(std::time::Duration::from_millis(1))), "left"),
        (leased(NOW), "taken under fence 8"),
        (leased(later(1)), "left"),
        (at(due(NOW), NOW), "expired"),
        (at(leased(NOW), NOW), "expired"),
        // Its holder may be handing it over this moment.
        (at(leased(later(1)), NOW), "left"),
        (ended(DeliveryState::Accepted), "left"),
        (ended(DeliveryState::Failed), "left"),
        (ended(DeliveryState::Expired), "left"),
        (ended(DeliveryState::Canceled), "left"),
    ] {
        let before = found.clone();
        let told = match claim(&found, &node("b"), NOW) {
            ClaimDecision::Left => "left".to_owned(),
            ClaimDecision::Expired(stored) => {
                assert_eq!(
                    *stored,
                    Delivery { state: DeliveryState::Expired, message: None, due_at: NOW, ..before }
                );
                "expired".to_owned()
            }
            ClaimDecision::Taken(stored) => {
                let fence = stored.fence;
                let expected = Delivery {
                    state: DeliveryState::Claimed,
                    due_at: later(15),
                    fence,
                    claimed_by: Some(node("b").node),
                    ..before
                };
                assert_eq!(*stored, expected);
                format!("taken under fence {fence}")
            }
        };
        assert_eq!(told, expected, "{found:?}");
    }
}

#[test]
fn only_the_newest_claim_settles_and_only_once() {
    let verdicts =
        || ENDS.iter().map(|(ended, _)| Verdict::Ended(*ended)).chain([Verdict::Retry { at: later(5) }]);
    for verdict in verdicts() {
        for fence in [0, 2] {
            assert_eq!(
                settle(delivery(), settlement(fence, verdict), NOW),
                Err(Fenced::Stale),
                "{verdict:?}"
            );
        }
        let waiting = Delivery { state: DeliveryState::Due, ..delivery() };
        assert_eq!(settle(waiting, settlement(1, verdict), NOW), Err(Fenced::Stale), "{verdict:?}");
        for (_, state) in ENDS {
            let decided = settle(ended(state), settlement(1, verdict), NOW);
            // What the provider had when it was canceled is recorded as what happened.
            let went_out = state == DeliveryState::Canceled && verdict == Verdict::Ended(Ended::Accepted);
            assert_eq!(decided.is_ok(), went_out, "{state:?}, then {verdict:?}");
            if let Ok(stored) = decided {
                assert_eq!((stored.state, stored.attempts), (DeliveryState::Accepted, vec![attempt(1)]));
            }
        }
    }
    let taken_over = Delivery { state: DeliveryState::Canceled, fence: 2, ..ended(DeliveryState::Canceled) };
    let accepted = Verdict::Ended(Ended::Accepted);
    assert_eq!(settle(taken_over, settlement(1, accepted), NOW), Err(Fenced::Stale));
}

#[test]
fn what_ended_keeps_no_message() {
    for (ended, state) in ENDS {
        let stored = settle(delivery(), settlement(1, Verdict::Ended(ended)), later(60)).unwrap();
        let expected =
            Delivery { state, message: None, due_at: later(60), attempts: vec![attempt(1)], ..delivery() };
        assert_eq!(stored, expected, "also when the lease ran out, as long as nobody else claimed");
    }
}

#[test]
fn a_retry_waits_for_its_time_unless_that_is_too_late() {
    let last = NOW.after(LIVES).before(std::time::Duration::from_millis(1));
    for (at, expected) in [
        (later(5), (DeliveryState::Due, later(5), true)),
        (NOW, (DeliveryState::Due, NOW, true)),
        (last, (DeliveryState::Due, last, true)),
        (NOW.after(LIVES), (DeliveryState::Expired, NOW, false)),
    ] {
        let stored = settle(delivery(), settlement(1, Verdict::Retry { at }), NOW).unwrap();
        assert_eq!((stored.state, stored.due_at, stored.message.is_some()), expected);
        assert_eq!((stored.fence, stored.attempts), (1, vec![attempt(1)]));
    }
}

#[test]
fn of_many_attempts_the_newest_are_kept() {
    let mut stored = delivery();
    for number in 0..100 {
        let tried =
            Settlement { attempts: vec![attempt(number)], ..settlement(1, Verdict::Retry { at: NOW }) };
        stored = settle(Delivery { state: DeliveryState::Claimed, ..stored }, tried, NOW).unwrap();
    }
    let newest: Vec<_> = (100 - Delivery::KEPT_ATTEMPTS..100).map(attempt).collect();
    assert_eq!(stored.attempts, newest);
}

#[test]
fn only_the_holder_extends_its_lease() {
    let asked = |fence| {
        let Delivery { namespace, id, .. } = delivery();
        Extend { namespace, now: NOW, id, fence, lease_until: later(99) }
    };
    assert_eq!(extend(delivery(), &asked(1)), Ok(Delivery { due_at: later(99), ..delivery() }));
    assert_eq!(extend(delivery(), &asked(2)), Err(Fenced::Stale));
    for state in [DeliveryState::Due, DeliveryState::Accepted, DeliveryState::Canceled] {
        assert_eq!(extend(Delivery { state, ..delivery() }, &asked(1)), Err(Fenced::Stale), "{state:?}");
    }
}

#[test]
fn what_is_still_to_be_sent_can_be_canceled() {
    let waiting = Delivery { state: DeliveryState::Due, ..delivery() };
    for open in [delivery(), waiting] {
        let expected =
            Delivery { state: DeliveryState::Canceled, message: None, due_at: NOW, ..open.clone() };
        assert_eq!(cancel_delivery(open, NOW), Some(expected));
    }
    for (_, state) in ENDS {
        assert_eq!(cancel_delivery(ended(state), NOW), None, "{state:?}");
    }
}

#[test]
fn only_what_waits_is_hastened() {
    let due = |due_at| Delivery { state: DeliveryState::Due, due_at, ..delivery() };
    let hastened = Ok((due(NOW), HastenOutcome::Hastened));
    let over = Delivery { expires_at: NOW, ..due(later(30)) };
    let expired = Delivery { state: DeliveryState::Expired, message: None, due_at: NOW, ..over.clone() };
    for (found, expected) in [
        (due(later(30)), hastened.clone()),
        (due(NOW), hastened),
        (due(Timestamp::default()), Ok((due(Timestamp::default()), HastenOutcome::Hastened))),
        (delivery(), Err(HastenOutcome::Claimed)),
        (over, Ok((expired, HastenOutcome::Ended(Ended::Expired)))),
    ] {
        assert_eq!(hasten(found.clone(), NOW), expected, "{found:?}");
    }
    for (how, state) in ENDS {
        assert_eq!(hasten(ended(state), NOW), Err(HastenOutcome::Ended(how)));
    }
}

use std::sync::Arc;
use std::time::Duration;

use super::{NOW, external_id, later, message, node, subject, target, verification, vid};
use crate::delivery::Delivery;
use crate::namespace::Namespace;
use crate::ports::{Enqueue, Resend, Selector, SendOutcome, SetAddress};
use crate::transition::{SendWrite, SendsView, enqueue, resend, set_address};
use crate::verification::{Limits, State, Verification};

fn name(decided: &Result<SendWrite, SendOutcome>) -> &'static str {
    match decided {
        Ok(_) => "sent",
        Err(SendOutcome::Sent { .. }) => "sent without a write",
        Err(SendOutcome::Locked(_)) => "locked",
        Err(SendOutcome::AddressSet(_)) => "address set",
        Err(SendOutcome::TooSoon { .. }) => "too soon",
        Err(SendOutcome::Throttled(_)) => "throttled",
        Err(SendOutcome::SubjectMissing(_)) => "subject missing",
        Err(SendOutcome::Changed) => "changed",
        Err(SendOutcome::Gone) => "gone",
    }
}

fn resend_of(expected: u128, cool_down: Duration) -> Resend {
    Resend {
        namespace: Namespace::new("tenant").unwrap(),
        now: NOW,
        selector: Selector::Id(external_id()),
        expected: vid(expected),
        cool_down,
        throttle: None,
        deliveries: vec![message(2, None)],
        claimant: Some(node("a")),
    }
}

fn address_for(expected: u128) -> SetAddress {
    SetAddress {
        namespace: Namespace::new("tenant").unwrap(),
        now: NOW,
        external_id: external_id(),
        expected: vid(expected),
        target: target(),
        guess_subject: subject(2),
        throttle: None,
        deliveries: vec![message(2, None)],
        claimant: Some(node("a")),
    }
}

fn without_address() -> Verification {
    Verification { target: None, last_sent_at: None, ..verification() }
}

fn enqueued(found: Option<Verification>) -> Result<SendWrite, SendOutcome> {
    let command = Enqueue {
        namespace: Namespace::new("tenant").unwrap(),
        now: NOW,
        vid: vid(1),
        deliveries: vec![message(2, None), message(3, Some(later(30)))],
        claimant: Some(node("a")),
    };
    enqueue(command, found)
}

#[test]
fn what_may_be_sent_once_more_depends_on_where_it_stands() {
    let expired = || Verification { expires_at: NOW, ..verification() };
    let canceled = || Verification { state: State::Canceled, ..verification() };
    let approved = || Verification { state: State::Approved, ..verification() };
    let locked = || Verification { attempts: 6, ..verification() };
    let replaced = || Verification { vid: vid(9), ..verification() };
    let has_no_address =
        |found: Option<Verification>| found.map(|found| Verification { target: None, ..found });
    for (found, resent, addressed, followed) in [
        (Some(verification()), "sent", "sent", "sent"),
        (Some(approved()), "sent", "sent", "gone"),
        (Some(locked()), "locked", "locked", "locked"),
        (Some(expired()), "gone", "gone", "gone"),
        (Some(canceled()), "gone", "gone", "gone"),
        (Some(replaced()), "changed", "changed", "changed"),
        (None, "gone", "gone", "gone"),
    ] {
        let view = SendsView::default();
        let story = format!("{found:?}");
        assert_eq!(
            name(&resend(resend_of(1, Duration::ZERO), found.clone(), &view)),
            resent,
            "resend: {story}"
        );
        let addressless = has_no_address(found.clone());
        assert_eq!(name(&set_address(address_for(1), addressless, &view)), addressed, "address: {story}");
        assert_eq!(name(&enqueued(found)), followed, "follow-up: {story}");
    }
}

#[test]
fn a_resend_counts_one_send_and_is_refused_where_that_would_lock() {
    for (sends, max_sends, expected) in
        [(1, Some(3), Some(2)), (2, Some(3), Some(3)), (3, Some(3), None), (u32::MAX, None, Some(u32::MAX))]
    {
        let limits = Limits { max_attempts: Some(5), max_sends };
        // Its attempts are used to the last: that is no reason, for the next check alone can lock.
        let found = Verification { sends, limits, attempts: 5, ..verification() };
        let decided = resend(resend_of(1, Duration::ZERO), Some(found.clone()), &SendsView::default());
        match (decided, expected) {
            (Ok(write), Some(sends)) => {
                assert_eq!(*write.verification, Verification { sends, last_sent_at: Some(NOW), ..found });
            }
            (Err(SendOutcome::Locked(shown)), None) => assert_eq!(*shown, found),
            (decided, _) => panic!("{sends} of {max_sends:?}: {decided:?}"),
        }
    }
}

#[test]
fn the_cool_down_counts_from_the_last_message() {
    let wait = Duration::from_secs(30);
    for (last_sent_at, expected) in [
        (None, Ok(())),
        (Some(NOW), Err(later(30))),
        (Some(NOW.before(wait - Duration::from_millis(1))), Err(NOW.after(Duration::from_millis(1)))),
        (Some(NOW.before(wait)), Ok(())),
    ] {
        let found = Verification { last_sent_at, ..verification() };
        let decided = resend(resend_of(1, wait), Some(found), &SendsView::default());
        let expected = expected.map_err(|at| SendOutcome::TooSoon { at });
        assert_eq!(decided.map(|_| ()), expected, "last sent {last_sent_at:?}");
    }
    // Who is locked is told so, not to come back later.
    let locked = Verification { sends: 3, ..verification() };
    assert_eq!(name(&resend(resend_of(1, wait), Some(locked), &SendsView::default())), "locked");
}

#[test]
fn an_address_moves_the_guess_count_and_is_set_once() {
    let write = set_address(address_for(1), Some(without_address()), &SendsView::default()).unwrap();
    let expected = Verification { guess_subject: subject(2), ..verification() };
    assert_eq!(*write.verification, expected, "a send was counted at the start");
    assert_eq!(write.deliveries, [Delivery::enter(message(2, None), &expected, Some(&node("a")), NOW)]);
    let again = set_address(address_for(1), Some(expected.clone()), &SendsView::default());
    assert_eq!(again, Err(SendOutcome::AddressSet(Arc::new(expected.clone()))));
    // Also when it is locked since.
    let locked = Verification { attempts: 6, ..expected };
    assert_eq!(name(&set_address(address_for(1), Some(locked), &SendsView::default())), "address set");
}

#[test]
fn a_follow_up_counts_nothing_and_claims_only_what_is_due() {
    let write = enqueued(Some(without_address())).unwrap();
    assert_eq!(*write.verification, Verification { last_sent_at: Some(NOW), ..without_address() });
    let ids: Vec<_> = write.deliveries.iter().map(|delivery| (delivery.id, delivery.due_at)).collect();
    assert_eq!(ids, [(message(2, None).id, later(15)), (message(3, None).id, later(30))]);
    let SendOutcome::Sent { claims, .. } = write.into_outcome() else { panic!("it was sent") };
    assert_eq!(claims.iter().map(|claim| claim.delivery.id).collect::<Vec<_>>(), [message(2, None).id]);
}

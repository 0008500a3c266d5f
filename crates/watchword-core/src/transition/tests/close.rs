use std::sync::Arc;

use super::{NOW, verification, vid};
use crate::ports::DeleteOutcome;
use crate::transition::{cancel, delete_if_approved};
use crate::verification::{State, Verification};

#[test]
fn giving_up_ends_every_live_one_and_no_other() {
    let one = |number, state| Verification { vid: vid(number), state, ..verification() };
    let expired = Verification { expires_at: NOW, ..one(4, State::Pending) };
    let found = vec![expired, one(3, State::Approved), one(2, State::Canceled), one(1, State::Pending)];
    let expected = [3, 1].map(|number| Arc::new(one(number, State::Canceled)));
    assert_eq!(cancel(found, NOW), expected);
    assert_eq!(cancel(Vec::new(), NOW), []);
}

#[test]
fn only_what_was_proven_is_deleted() {
    let (pending, approved) = (verification(), Verification { state: State::Approved, ..verification() });
    // Somebody used its attempts up afterwards; it was proven all the same.
    let locked_since = Verification { attempts: 9, ..approved.clone() };
    let expired = Verification { expires_at: NOW, ..approved.clone() };
    let canceled = Verification { state: State::Canceled, ..verification() };
    for (found, expected) in [
        (pending.clone(), DeleteOutcome::NotApproved(Arc::new(pending))),
        (approved.clone(), DeleteOutcome::Deleted(Arc::new(approved))),
        (locked_since.clone(), DeleteOutcome::Deleted(Arc::new(locked_since))),
        (expired, DeleteOutcome::Gone),
        (canceled, DeleteOutcome::Gone),
    ] {
        assert_eq!(delete_if_approved(Some(found), NOW), expected);
    }
    assert_eq!(delete_if_approved(None, NOW), DeleteOutcome::Gone);
}

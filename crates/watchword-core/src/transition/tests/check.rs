use std::sync::Arc;

use super::{NOW, RIGHT, WRONG, check, digest, key, later, passcode, subject, verification, vid};
use crate::guess::GuessCount;
use crate::passcode::{KeyedDigest, PasscodeDigest};
use crate::ports::{Check, CheckOutcome, Guess, Selector};
use crate::time::Timestamp;
use crate::transition::{CheckWrite, CountWrite, RowChange, RowWrite, check as decide, guess_subject};
use crate::verification::{Limits, OnRight, State, Verification};

fn name(outcome: &CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Approved(_) => "approved",
        CheckOutcome::Wrong(_) => "wrong",
        CheckOutcome::Locked(_) => "locked",
        CheckOutcome::Refused { .. } => "refused",
        CheckOutcome::Used(_) => "used",
        CheckOutcome::UnknownKey(_) => "unknown key",
        CheckOutcome::Gone => "gone",
    }
}

/// What a write does to a verification: its state and attempts after it (`None`: deleted), and whether messages are canceled.
type Row = (u128, Option<(State, u32)>, bool);

fn rows(write: &CheckWrite) -> Vec<Row> {
    let row = |row: &RowWrite| {
        let change = match &row.change {
            RowChange::Update(verification) => {
                assert_eq!(verification.vid, row.vid);
                Some((verification.state, verification.attempts))
            }
            RowChange::Delete => None,
        };
        (row.vid.as_uuid().as_u128(), change, row.cancel_deliveries)
    };
    write.rows.iter().map(row).collect()
}

fn wrong_in_a_row(wrong_in_a_row: u32) -> GuessCount {
    GuessCount { wrong_in_a_row, refused_until: Timestamp::default(), last_wrong_at: NOW }
}

#[test]
fn a_check_is_counted_then_compared_then_consumed() {
    use OnRight::{Close, Delete, Keep};
    use State::{Approved, Pending};
    // The wire contract of otpgateway, "Counting, exactly": five attempts, each check one, open or closed.
    for (state, attempts, on_right, code, expected, after, cancels) in [
        (Pending, 1, Delete, RIGHT, "approved", None, true),
        (Pending, 1, Close, RIGHT, "approved", Some((Approved, 2)), true),
        (Pending, 1, Keep, RIGHT, "approved", Some((Pending, 2)), false),
        (Pending, 1, Delete, WRONG, "wrong", Some((Pending, 2)), false),
        // The last attempt is as good as the first; the next locks, whatever the code.
        (Pending, 4, Delete, RIGHT, "approved", None, true),
        (Pending, 4, Delete, WRONG, "wrong", Some((Pending, 5)), false),
        (Pending, 5, Delete, RIGHT, "locked", Some((Pending, 6)), true),
        (Pending, 5, Delete, WRONG, "locked", Some((Pending, 6)), true),
        // Locked already: counted all the same, and nothing is left to cancel.
        (Pending, 6, Delete, RIGHT, "locked", Some((Pending, 7)), false),
        (Pending, u32::MAX, Delete, RIGHT, "locked", None, false),
        // Closed and kept: good again, until the attempts are used up; approved it stays.
        (Approved, 2, Close, RIGHT, "approved", Some((Approved, 3)), true),
        (Approved, 2, Close, WRONG, "wrong", Some((Approved, 3)), false),
        (Approved, 5, Close, RIGHT, "locked", Some((Approved, 6)), true),
    ] {
        let story = format!("{state:?}, {attempts} attempts, {on_right:?}, code {code}");
        let found = Verification { state, attempts, on_right, ..verification() };
        let write = decide(&check(code), vec![(0, found)], None);
        assert_eq!(name(&write.outcome), expected, "{story}");
        let expected_rows = match (attempts, after) {
            // Nothing more can be counted.
            (u32::MAX, _) => Vec::new(),
            (_, after) => vec![(1, after, cancels)],
        };
        assert_eq!(rows(&write), expected_rows, "{story}");
        let count = match expected {
            "wrong" => CountWrite::Set(wrong_in_a_row(1)),
            _ => CountWrite::Unchanged,
        };
        assert_eq!(write.count, count, "{story}");
    }
}

#[test]
fn the_one_that_is_shown_is_as_it_is_stored_afterwards() {
    for code in [RIGHT, WRONG] {
        let write = decide(&check(code), vec![(0, verification())], None);
        let (CheckOutcome::Approved(shown) | CheckOutcome::Wrong(shown)) = write.outcome else {
            panic!("{:?}", write.outcome);
        };
        let state = if code == RIGHT { State::Approved } else { State::Pending };
        assert_eq!(*shown, Verification { attempts: 2, state, ..verification() });
    }
}

#[test]
fn the_checks_own_word_wins_over_the_verifications() {
    for (stored, asked, expected) in [
        (OnRight::Delete, Some(OnRight::Close), vec![(1, Some((State::Approved, 2)), true)]),
        (OnRight::Close, Some(OnRight::Delete), vec![(1, None, true)]),
        (OnRight::Close, Some(OnRight::Keep), vec![(1, Some((State::Pending, 2)), false)]),
    ] {
        let found = Verification { on_right: stored, ..verification() };
        let write = decide(&Check { on_right: asked, ..check(RIGHT) }, vec![(0, found)], None);
        assert_eq!(rows(&write), expected, "{stored:?}, {asked:?}");
    }
}

#[test]
fn what_is_not_live_is_not_there() {
    let over = [
        Verification { expires_at: NOW, ..verification() },
        Verification { state: State::Canceled, ..verification() },
    ];
    for found in over {
        let found = vec![(0, found)];
        assert_eq!(guess_subject(&found, NOW), None);
        let write = decide(&check(RIGHT), found, Some(wrong_in_a_row(9)));
        let nothing =
            CheckWrite { outcome: CheckOutcome::Gone, rows: Vec::new(), count: CountWrite::Unchanged };
        assert_eq!(write, nothing);
    }
}

#[test]
fn the_tenth_wrong_one_in_a_row_refuses_the_next_and_a_right_one_clears() {
    for (before, code, expected, count) in [
        (Some(8), WRONG, "wrong", CountWrite::Set(wrong_in_a_row(9))),
        (
            Some(9),
            WRONG,
            "wrong",
            CountWrite::Set(GuessCount { refused_until: later(60), ..wrong_in_a_row(10) }),
        ),
        (Some(9), RIGHT, "approved", CountWrite::Clear),
        (None, RIGHT, "approved", CountWrite::Unchanged),
    ] {
        let found = Verification { limits: Limits::default(), ..verification() };
        let write = decide(&check(code), vec![(0, found)], before.map(wrong_in_a_row));
        assert_eq!((name(&write.outcome), write.count), (expected, count), "{before:?}, {code}");
    }
}

#[test]
fn a_refused_check_looks_at_nothing_and_counts_nothing() {
    let refusing = GuessCount { refused_until: later(60), ..wrong_in_a_row(10) };
    let used = Verification { state: State::Approved, ..verification() };
    for found in [verification(), used] {
        for code in [RIGHT, WRONG] {
            for approved_again in [false, true] {
                let asked = Check { approved_again, ..check(code) };
                let write = decide(&asked, vec![(0, found.clone())], Some(refusing));
                let outcome =
                    CheckOutcome::Refused { verification: Arc::new(found.clone()), until: later(60) };
                assert_eq!(write, CheckWrite { outcome, rows: Vec::new(), count: CountWrite::Unchanged });
            }
        }
    }
    let at_its_end = GuessCount { refused_until: NOW, ..refusing };
    let write = decide(&check(RIGHT), vec![(0, verification())], Some(at_its_end));
    assert_eq!(name(&write.outcome), "approved");
}

/// Of one identity: the newest first, with its code and state.
fn several(rows: &[(u8, State)]) -> Vec<(usize, Verification)> {
    let one = |(number, (code, state)): (usize, &(u8, State))| {
        let found = Verification {
            vid: vid(rows.len() as u128 - number as u128),
            passcode: passcode(*code),
            state: *state,
            limits: Limits::default(),
            on_right: OnRight::Close,
            ..verification()
        };
        (0, found)
    };
    rows.iter().enumerate().map(one).collect()
}

#[test]
fn of_several_live_codes_any_is_right_once() {
    use State::{Approved, Pending};
    // eGov: what was used is not taken again, and a wrong guess is one at what is left. Vids count up, the newest first.
    for (found, code, expected, consumed, is_counted) in [
        (&[(3, Pending), (2, Pending), (1, Pending)][..], 2, "approved", Some(2), false),
        (&[(3, Pending), (2, Pending), (1, Pending)], 1, "approved", Some(1), false),
        (&[(3, Pending), (2, Approved)], 2, "used", None, false),
        (&[(3, Pending), (2, Approved)], WRONG, "wrong", None, true),
        (&[(3, Approved), (2, Approved)], WRONG, "gone", None, false),
        (&[(3, Approved), (2, Approved)], 3, "used", None, false),
        // Two of one code: the newest that is left.
        (&[(2, Pending), (2, Pending)], 2, "approved", Some(2), false),
        (&[(2, Approved), (2, Pending)], 2, "approved", Some(1), false),
        (&[(2, Pending), (2, Approved)], 2, "approved", Some(2), false),
        (&[(2, Approved), (2, Approved)], 2, "used", None, false),
    ] {
        let asked = Check { approved_again: false, ..check(code) };
        let write = decide(&asked, several(found), None);
        let story = format!("{found:?}, code {code}");
        assert_eq!(name(&write.outcome), expected, "{story}");
        let expected_rows: Vec<_> =
            consumed.map(|vid| (vid, Some((Approved, 1)), true)).into_iter().collect();
        assert_eq!(rows(&write), expected_rows, "{story}");
        assert_eq!(matches!(write.count, CountWrite::Set(_)), is_counted, "{story}");
    }
}

#[test]
fn of_several_each_counts_its_own_attempts_and_locks_on_its_own() {
    let limited = |number, attempts| Verification {
        vid: vid(number),
        attempts,
        passcode: passcode(u8::try_from(number).unwrap()),
        on_right: OnRight::Close,
        ..verification()
    };
    let found = || vec![(0, limited(3, 5)), (0, limited(2, 1)), (0, limited(1, 6))];
    let counted = |state| {
        vec![
            (3, Some((State::Pending, 6)), true),
            (2, Some((state, 2)), state == State::Approved),
            (1, Some((State::Pending, 7)), false),
        ]
    };
    for (code, expected, state, shown) in [
        (2, "approved", State::Approved, 2),
        // The codes of the locked ones are wrong ones.
        (3, "wrong", State::Pending, 3),
        (1, "wrong", State::Pending, 3),
        (WRONG, "wrong", State::Pending, 3),
    ] {
        let write = decide(&check(code), found(), None);
        assert_eq!((name(&write.outcome), rows(&write)), (expected, counted(state)), "code {code}");
        let (CheckOutcome::Approved(row) | CheckOutcome::Wrong(row)) = write.outcome else {
            panic!("{code}")
        };
        assert_eq!(row.vid, vid(shown), "code {code}");
    }
}

#[test]
fn each_guess_is_compared_with_what_it_selects() {
    let both = |first, second| Check {
        guesses: [first, second]
            .map(|code| Guess { selector: Selector::Vid(vid(0)), digests: vec![digest(code)] })
            .into(),
        ..check(WRONG)
    };
    let found = || {
        let mut found = several(&[(2, State::Pending), (1, State::Pending)]);
        found[1].0 = 1;
        found
    };
    assert_eq!(name(&decide(&both(2, WRONG), found(), None).outcome), "approved");
    assert_eq!(name(&decide(&both(WRONG, 1), found(), None).outcome), "approved");
    let crossed = decide(&both(1, 2), found(), None);
    assert_eq!(name(&crossed.outcome), "wrong");
    assert_eq!(crossed.count, CountWrite::Set(wrong_in_a_row(1)), "one guess, however many it is tried on");
}

#[test]
fn the_newest_live_one_says_where_guesses_are_counted() {
    let of = |number, is_live| {
        let expires_at = if is_live { later(1) } else { NOW };
        (0, Verification { guess_subject: subject(number), expires_at, ..verification() })
    };
    assert_eq!(guess_subject(&[of(3, false), of(2, true), of(1, true)], NOW), Some(subject(2)));
    assert_eq!(guess_subject(&[of(3, false)], NOW), None);
    assert_eq!(guess_subject(&[], NOW), None);
}

#[test]
fn what_is_under_an_unknown_key_is_neither_right_nor_wrong() {
    let strange = |attempts| {
        let check = KeyedDigest { key: key(2), digest: PasscodeDigest::from_bytes([RIGHT; 32]) };
        let mut found = Verification { vid: vid(2), attempts, ..verification() };
        found.passcode.check = check;
        (0, found)
    };
    let known = |attempts| (0, Verification { attempts, ..verification() });
    let wrong = CountWrite::Set(wrong_in_a_row(1));
    for (found, code, expected, counted, count) in [
        (vec![strange(1)], RIGHT, "unknown key", None, CountWrite::Unchanged),
        (vec![strange(6)], RIGHT, "unknown key", None, CountWrite::Unchanged),
        (vec![strange(1), known(1)], RIGHT, "approved", Some((1, None, true)), CountWrite::Unchanged),
        (
            vec![strange(1), known(1)],
            WRONG,
            "unknown key",
            Some((1, Some((State::Pending, 2)), false)),
            wrong,
        ),
        // It may be the right one, so not even "locked" is said.
        (
            vec![known(6), strange(1)],
            WRONG,
            "unknown key",
            Some((1, Some((State::Pending, 7)), false)),
            CountWrite::Unchanged,
        ),
    ] {
        let story = format!("{found:?}, code {code}");
        let write = decide(&check(code), found, None);
        assert_eq!(name(&write.outcome), expected, "{story}");
        assert_eq!((rows(&write), write.count), (Vec::from_iter(counted), count), "{story}");
        if let CheckOutcome::UnknownKey(unknown) = write.outcome {
            assert_eq!(unknown, key(2), "{story}");
        }
    }
}

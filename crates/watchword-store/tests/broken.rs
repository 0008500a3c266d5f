//! The suite is worth something: it rejects stores that make the mistakes that stores make, and accepts the one that makes none.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use watchword_core::ports::Retention;
use watchword_store::{Fault, Memory};
use watchword_testkit::histories;
use watchword_testkit::suite::{Fresh, broken_promises};

/// Promises that a store with this fault breaks for certain.
const fn must_break(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::ReadThenWrite => &[
            "races::of_many_right_checks_exactly_one_wins",
            "races::wrong_checks_never_pass_the_attempts",
            "races::wrong_checks_never_pass_the_guess_limits",
            "races::starts_at_once_are_all_counted",
            "races::starts_at_once_leave_one_live_one",
            "races::sends_at_once_fill_a_rule_exactly",
            "races::a_request_that_comes_many_times_at_once_counts_once",
            "races::codes_drawn_at_once_are_unique",
        ],
        Fault::CountAfterCompare => &[
            "checking::after_the_last_attempt_the_right_code_is_refused_too",
            "ending::an_approved_one_can_be_deleted_when_locked_since",
        ],
        Fault::UnfencedSettle => &[
            "outbox::a_stale_settlement_changes_nothing",
            "outbox::what_went_out_just_before_the_cancellation_is_recorded",
            "outbox::settlements_are_answered_one_by_one",
        ],
        Fault::LimitOffByOne => &[
            "throttling::a_window_slides",
            "throttling::rules_by_ip_are_looked_at_first",
            "throttling::every_kind_of_send_counts",
            "races::sends_at_once_fill_a_rule_exactly",
        ],
        Fault::LostOutboxRow => &[
            "outbox::a_start_claims_its_messages_for_its_node",
            "outbox::without_a_claimant_messages_wait_for_a_claim",
            "outbox::a_dead_nodes_message_is_taken_over_under_a_higher_fence",
            "upkeep::the_store_knows_how_much_it_holds",
            "upkeep::a_key_is_needed_while_something_is_under_it",
            "deliveries::a_delivery_is_found_by_its_id_from_beginning_to_end",
            "deliveries::a_list_is_read_page_by_page",
        ],
        Fault::ExpiryIgnored => &[
            "checking::a_code_is_right_until_the_moment_it_expires",
            "checking::after_the_last_attempt_the_right_code_is_refused_too",
        ],
        Fault::ResetOnWrongGuess => &[
            "guessing::from_the_tenth_wrong_check_the_wait_doubles",
            "guessing::from_the_hundredth_the_wait_is_a_day",
            "guessing::no_send_and_no_new_code_refills_the_guesses",
            "races::wrong_checks_never_pass_the_guess_limits",
        ],
        Fault::HastenedWhileHeld => &["deliveries::a_message_that_somebody_has_is_not_hastened"],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_reference_keeps_every_promise() {
    assert_eq!(broken_promises(async || Fresh::new(Memory::new(Retention::default()))).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_rejects_every_broken_store() {
    for fault in Fault::ALL {
        // Only what happens in between takes many rounds to come up.
        let rounds = if fault == Fault::ReadThenWrite { 200 } else { 20 };
        let broken = broken_promises(async || Fresh::new(Memory::broken(fault)).with_rounds(rounds)).await;
        for promise in must_break(fault) {
            assert!(broken.contains(promise), "{fault:?} keeps {promise}; it breaks {broken:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_reject_every_broken_store_that_one_caller_can_tell() {
    for fault in Fault::ALL {
        // One step after the other there is nobody to come in between a read and a write: that is for the races.
        let can_tell = fault != Fault::ReadThenWrite;
        let broken = async || Fresh::new(Memory::broken(fault));
        let reference = async || Fresh::new(Memory::new(Retention::default()));
        let cases = if can_tell { 5_000 } else { 50 };
        let told = AssertUnwindSafe(histories::run(cases, broken, reference)).catch_unwind().await;
        assert_eq!(told.is_err(), can_tell, "{fault:?}");
    }
}

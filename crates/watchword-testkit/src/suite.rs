//! What every store must keep: one function a promise, each given a fresh store, named for what it proves.
//!
//! A store's own tests run them all with [`store_suite!`](crate::store_suite), each as a test of its own. Time is a plain
//! number that the promises pass in; nothing waits.

mod fresh;
mod outcome;

pub mod checking;
pub mod deliveries;
pub mod ending;
pub mod guessing;
pub mod looking;
pub mod outbox;
pub mod races;
pub mod sending;
pub mod starting;
pub mod story;
pub mod throttling;
pub mod uniqueness;
pub mod upkeep;

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::deadline::within;

pub use fresh::Fresh;

/// One promise.
#[derive(Clone, Copy)]
pub struct Promise {
    /// Its theme and name.
    pub name: &'static str,
    /// Panics where the store breaks it.
    pub keep: fn(Fresh) -> BoxFuture<'static, ()>,
}

/// The names of the promises that the stores which `make` makes do not keep.
pub async fn broken_promises(make: impl AsyncFn() -> Fresh) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for promise in ALL {
        let kept = AssertUnwindSafe((promise.keep)(make().await)).catch_unwind();
        if within(promise.name, kept).await.is_err() {
            broken.push(promise.name);
        }
    }
    broken
}

/// Calls the macro `$with` with `$arguments` and the list of all promises, by theme.
#[doc(hidden)]
#[macro_export]
macro_rules! every_promise {
    ($($with:ident)::+ ! ($($arguments:tt)*)) => {
        $($with)::+! {
            ($($arguments)*)
            starting {
                what_is_started_is_found_again_whole
                a_first_start_counts_as_its_kind_says
                starting_an_id_again_replaces_everything_but_the_counts
                a_start_that_would_lock_changes_nothing
                a_start_on_a_locked_one_changes_nothing
                a_replacement_leaves_nothing_unsent_of_the_one_before
                reuse_gives_the_live_one_back_and_sends_nothing
                refuse_leaves_the_live_one_as_it_is
                an_id_never_has_two_live_ones
                a_target_may_have_many_live_ones
                a_replacement_is_the_newest_of_its_target
                one_that_is_over_does_not_stand_in_the_way
                an_approved_one_is_replaced_by_a_pending_one
                the_same_names_in_two_namespaces_are_two
            }
            checking {
                a_right_check_does_what_it_or_the_start_says
                a_wrong_check_is_counted
                after_the_last_attempt_the_right_code_is_refused_too
                the_last_attempt_is_as_good_as_the_first
                what_has_no_limit_counts_no_attempts
                past_the_most_sends_no_code_is_right
                a_closed_one_takes_its_code_again_only_where_asked_to
                any_live_code_of_a_target_is_right_once
                a_used_code_may_be_that_of_another_one_too
                one_guess_can_be_tried_on_two_targets
                a_code_is_right_only_where_it_belongs
                under_an_unknown_key_nothing_is_right_or_wrong
                what_is_under_a_known_key_is_still_checked
                a_code_is_right_until_the_moment_it_expires
                a_check_by_vid_is_for_that_one_alone
            }
            guessing {
                from_the_tenth_wrong_check_the_wait_doubles
                a_node_whose_clock_is_behind_is_refused_nothing_before_the_limit
                a_refused_check_counts_nothing_even_when_it_is_right
                from_the_hundredth_the_wait_is_a_day
                a_right_check_starts_the_count_afresh
                no_send_and_no_new_code_refills_the_guesses
                a_target_is_counted_over_all_its_verifications_and_no_other
                locked_used_and_missing_ones_are_not_counted
                unlocking_lets_the_next_check_in
                wrong_guesses_are_forgotten_a_day_later
                zero_switches_the_limits_off
                with_an_address_the_target_is_counted_not_the_id
            }
            throttling {
                a_window_slides
                rules_by_ip_are_looked_at_first
                a_rule_needs_to_know_whom_to_count
                sends_from_before_a_rule_count
                a_refused_send_is_not_counted
                every_kind_of_send_counts
                what_was_checked_deleted_or_expired_counts_still
                of_several_rules_the_last_to_free_decides
                rules_are_replaced_one_kind_at_a_time
                channels_and_namespaces_have_their_own_rules
            }
            uniqueness {
                the_first_free_code_is_used_and_only_its_message_goes_out
                with_every_code_taken_nothing_starts
                only_live_ones_of_the_channel_take_a_code
                a_request_that_comes_twice_counts_once
                a_refused_request_is_not_remembered
            }
            sending {
                a_resend_adds_a_send_and_leaves_the_rest
                a_resend_that_would_lock_is_refused
                a_closed_one_can_be_sent_again
                two_resends_keep_their_distance
                messages_for_a_replaced_code_are_not_sent
                an_address_is_set_once
                an_address_is_not_set_on_one_that_is_over
                a_follow_up_message_waits_for_its_time
                a_follow_up_is_only_for_one_that_waits
            }
            outbox {
                a_start_claims_its_messages_for_its_node
                without_a_claimant_messages_wait_for_a_claim
                a_dead_nodes_message_is_taken_over_under_a_higher_fence
                a_stale_settlement_changes_nothing
                a_message_ends_once
                a_retry_comes_back_at_its_time_with_its_history
                a_retry_that_would_come_too_late_ends_the_message
                nothing_is_sent_after_expiry
                what_is_due_longest_goes_first
                whatever_ends_a_verification_cancels_what_is_unsent
                what_went_out_just_before_the_cancellation_is_recorded
                a_lease_can_be_extended_by_its_holder_alone
                a_lease_that_ran_out_is_good_while_nobody_else_claimed
                settlements_are_answered_one_by_one
                a_wrong_namespace_settles_nothing
            }
            deliveries {
                a_delivery_is_found_by_its_id_from_beginning_to_end
                open_ones_and_records_are_listed_together_the_newest_first
                a_list_is_read_page_by_page
                a_list_holds_what_was_asked_for_and_nothing_else
                a_record_is_found_for_a_week
                a_message_that_waits_can_be_hastened
                a_message_that_somebody_has_is_not_hastened
                what_ended_is_not_hastened
                a_message_past_its_time_ends_where_it_would_be_hastened
            }
            looking {
                a_live_one_is_found_by_every_name_it_has
                one_that_is_over_is_found_by_vid_while_it_is_kept
                the_newest_target_that_holds_a_code_is_found
                many_missed_look_ups_refuse_the_next_for_a_while
                a_hit_starts_the_misses_afresh
                the_newest_passcode_of_an_address_is_found
            }
            ending {
                only_an_approved_one_can_be_deleted
                an_approved_one_can_be_deleted_when_locked_since
                giving_up_ends_all_live_ones_of_a_target
                what_was_given_up_is_over
            }
            upkeep {
                a_purge_removes_what_is_over_in_small_batches
                a_purge_leaves_everything_that_counts
                a_purge_leaves_a_message_on_its_way
                what_was_purged_is_gone_for_good
                a_receipt_finds_its_record_for_a_week
                keys_are_registered_once_each
                the_first_data_key_stays
                a_dropped_slot_opens_nothing
                a_key_is_needed_while_something_is_under_it
                the_store_knows_how_much_it_holds
                an_empty_store_is_ready
            }
            races {
                of_many_right_checks_exactly_one_wins
                wrong_checks_never_pass_the_attempts
                wrong_checks_never_pass_the_guess_limits
                starts_at_once_are_all_counted
                starts_at_once_leave_one_live_one
                sends_at_once_fill_a_rule_exactly
                a_request_that_comes_many_times_at_once_counts_once
                codes_drawn_at_once_are_unique
                a_message_is_claimed_by_one_node
                of_two_holders_the_newest_settles
                a_settlement_sent_twice_is_done_once
            }
        }
    };
}

macro_rules! list_promises {
    (() $($theme:ident { $($promise:ident)* })*) => {
        /// Every promise, for a caller that wants to know which a store breaks.
        pub const ALL: &[Promise] = &[$($(
            Promise {
                name: concat!(stringify!($theme), "::", stringify!($promise)),
                keep: |fresh| Box::pin($theme::$promise(fresh)),
            },
        )*)*];
    };
}

every_promise!(list_promises!());

/// Declares one test a promise, for the store that `$make` makes: an `async fn() -> Fresh`, named by its path in the calling
/// module. The calling crate needs tokio with its macros and multi-thread runtime.
///
/// ```text
/// async fn make() -> Fresh { Fresh::new(Memory::new(Retention::default())) }
///
/// watchword_testkit::store_suite!(make);
/// ```
#[macro_export]
macro_rules! store_suite {
    ($make:ident) => {
        $crate::every_promise!($crate::declare_promise_tests!($make));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! declare_promise_tests {
    (($make:ident) $($theme:ident { $($promise:ident)* })*) => {$(
        mod $theme {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    $crate::suite::$theme::$promise(super::$make().await).await;
                }
            )*
        }
    )*};
}

//! The suite is worth something here too: it rejects scripts with the mistakes that scripts make.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use watchword_store::RedisOptions;
use watchword_testkit::deadline::within;
use watchword_testkit::suite::{ALL, Fresh};

use crate::server::{Keeping, Server, store};

/// What a script says, what it says by mistake, and the promises that it breaks then for certain.
const MISTAKES: &[(&str, &str, &str, &[&str])] = &[
    (
        "compares before it counts",
        "not is_locked(one) and matches(one) then right = place",
        "not one.was_locked and matches(one) then right = place",
        &["checking::after_the_last_attempt_the_right_code_is_refused_too"],
    ),
    (
        "consumes without a condition",
        "if not approved_again then",
        "if false then",
        &["races::of_many_right_checks_exactly_one_wins"],
    ),
    (
        "settles without a fence",
        "if not delivery or delivery.fence ~= settlement.fence then return 0 end",
        "if not delivery then return 0 end",
        &["outbox::a_stale_settlement_changes_nothing", "outbox::settlements_are_answered_one_by_one"],
    ),
    (
        "lets one too many through",
        "times[#times - rule.rate + 1]",
        "times[#times - rule.rate]",
        &[
            "throttling::a_window_slides",
            "throttling::every_kind_of_send_counts",
            "races::sends_at_once_fill_a_rule_exactly",
        ],
    ),
    (
        "ignores the expiry",
        "return now < one.expires_at and one.state ~= CANCELED end",
        "return one.state ~= CANCELED end",
        &["checking::a_code_is_right_until_the_moment_it_expires"],
    ),
    (
        "starts afresh on a wrong guess",
        "before and now < count_garbage_at(before) and before.wrong or 0",
        "0",
        &[
            "guessing::from_the_tenth_wrong_check_the_wait_doubles",
            "races::wrong_checks_never_pass_the_guess_limits",
        ],
    ),
    (
        "loses the row of the outbox",
        "redis.call('ZADD', due_key(), delivery.due_at, delivery.id)",
        "",
        &[
            "outbox::without_a_claimant_messages_wait_for_a_claim",
            "outbox::a_dead_nodes_message_is_taken_over_under_a_higher_fence",
        ],
    ),
    (
        "hastens what somebody has",
        "if delivery.state == CLAIMED then return { 'claimed' } end",
        "",
        &["deliveries::a_message_that_somebody_has_is_not_hastened"],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_rejects_every_script_with_a_mistake() {
    let server = Server::start(Keeping::Nothing);
    let fresh = || store(&server.url(), RedisOptions::default());
    for (mistake, right, wrong, breaks) in MISTAKES {
        for name in *breaks {
            let promise = ALL.iter().find(|promise| promise.name == *name).expect("a promise of this name");
            let keeps = async |store| {
                let keeping = AssertUnwindSafe((promise.keep)(Fresh::new(store).with_rounds(10)));
                within(name, keeping.catch_unwind()).await.is_ok()
            };
            assert!(keeps(fresh()).await, "as it is, it keeps {name}");
            assert!(!keeps(fresh().with_mistake(right, wrong)).await, "a script that {mistake} keeps {name}");
        }
    }
}

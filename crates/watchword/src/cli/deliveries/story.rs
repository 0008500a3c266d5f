//! What happened to a message, told in plain words.

use std::fmt::Write as _;

use watchword_core::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use watchword_core::time::Timestamp;

use crate::cli::moment::{utc, utc_and_distance};
use crate::cli::table::{plain, table};

/// The whole story, in the order in which it happened.
pub(super) fn tell(delivery: &Delivery, now: Timestamp) -> String {
    let mut text = format!("Message {}\n\n", delivery.id);
    let facts = [
        ("Namespace", delivery.namespace.to_string()),
        ("To", delivery.masked_to.clone()),
        ("Route", delivery.route.to_string()),
        ("Verification", delivery.vid.to_string()),
        ("Created", utc_and_distance(delivery.created_at, now)),
        ("Expires", utc_and_distance(delivery.expires_at, now)),
    ];
    for (name, value) in facts {
        // Writing to a text never fails.
        let _ = writeln!(text, "{name:<14}{}", plain(&value));
    }
    text.push('\n');
    text.push_str(&attempts(&delivery.attempts));
    let _ = writeln!(text, "{}", standing(delivery, now));
    text
}

fn attempts(attempts: &[DeliveryAttempt]) -> String {
    if attempts.is_empty() {
        return "No provider was asked, as far as is recorded.\n\n".to_owned();
    }
    let row = |attempt: &DeliveryAttempt| {
        let message_id = attempt.message_id.as_ref().map(|id| format!("message id {id}"));
        let said: Vec<String> = message_id.into_iter().chain(attempt.detail.clone()).collect();
        [utc(attempt.at), attempt.provider.to_string(), in_words(&attempt.outcome), said.join(", ")]
    };
    let rows: Vec<_> = attempts.iter().map(row).collect();
    let mut text = table(["WHEN", "PROVIDER", "ANSWER", "DETAIL"], &rows);
    if attempts.len() >= Delivery::KEPT_ATTEMPTS {
        text.push_str("Older tries are not kept.\n");
    }
    text.push('\n');
    text
}

/// What an outcome means. One that is none of ours is a provider's later word.
fn in_words(outcome: &str) -> String {
    let words = match outcome {
        "accepted" => "took it",
        "address_refused" => "refused the address",
        "provider_refused" => "refused us",
        "throttled" => "asked us to wait",
        "transient" => "failed for now",
        "unknown" => "did not answer; it may have gone out",
        DeliveryAttempt::LEFT_ALONE => "was left alone, for it kept failing",
        later => return format!("said later: {later}"),
    };
    words.to_owned()
}

/// Whether the last one asked may have sent it.
fn in_doubt(delivery: &Delivery) -> bool {
    delivery.attempts.last().is_some_and(|last| &*last.outcome == "unknown")
}

/// How it ended, or what comes next.
fn standing(delivery: &Delivery, now: Timestamp) -> String {
    let Delivery { state, due_at, claimed_by, expires_at, .. } = delivery;
    let at = utc_and_distance(*due_at, now);
    let node = claimed_by.as_ref().map_or_else(|| "A node".to_owned(), |node| format!("Node {node}"));
    let is_past = *due_at <= now;
    match state {
        DeliveryState::Due if *expires_at <= now => {
            "It was not sent in time: a running server ends it as expired.".to_owned()
        }
        DeliveryState::Due if is_past => {
            format!("It is due since {at}: a running server takes it within a second.")
        }
        DeliveryState::Due => {
            format!("It waits: next try {at}. `watchword deliveries retry {}` sends it now.", delivery.id)
        }
        DeliveryState::Claimed if is_past => {
            format!(
                "{node} had it until {at} and did not say what came of it: a running server takes it over."
            )
        }
        DeliveryState::Claimed => format!("{node} is sending it, and has it until {at}."),
        DeliveryState::Accepted => {
            format!("Accepted {at}: a provider took it. Whether the person got it, only the provider knows.")
        }
        DeliveryState::Failed if in_doubt(delivery) => {
            format!("Failed {at}: no provider said that it took it. It may have gone out all the same.")
        }
        DeliveryState::Failed => {
            format!("Failed {at}: no provider would take it. The application has to ask for a new code.")
        }
        DeliveryState::Expired => format!("Expired {at}: its time was over before a provider took it."),
        DeliveryState::Canceled => format!(
            "Canceled {at}: the verification was approved, replaced, locked, canceled or deleted first, or the caller's \
             time to wait was over."
        ),
    }
}

//! Deliveries as programs read them. The names stay; new ones may come.

use std::fmt;

use serde::Serialize;
use watchword_core::delivery::{Delivery, DeliveryAttempt, DeliveryState};

use crate::cli::moment::utc;

/// The same words in tables, JSON and refusals.
pub(super) const fn state_name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Due => "due",
        DeliveryState::Claimed => "claimed",
        DeliveryState::Accepted => "accepted",
        DeliveryState::Failed => "failed",
        DeliveryState::Expired => "expired",
        DeliveryState::Canceled => "canceled",
    }
}

/// One delivery.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    id: String,
    verification: String,
    namespace: &'a str,
    route: &'a str,
    to: &'a str,
    state: &'static str,
    created_at: String,
    expires_at: String,
    /// While it waits: when it is tried next.
    due_at: Option<String>,
    /// While it is being sent: until when its node has it.
    leased_until: Option<String>,
    ended_at: Option<String>,
    node: Option<&'a str>,
    claims: u64,
    attempts: Vec<Attempt<'a>>,
}

#[derive(Debug, Serialize)]
struct Attempt<'a> {
    at: String,
    provider: &'a str,
    outcome: &'a str,
    message_id: Option<&'a str>,
    detail: Option<&'a str>,
}

impl<'a> Record<'a> {
    pub(super) fn of(delivery: &'a Delivery) -> Self {
        let due_at = |is: bool| is.then(|| utc(delivery.due_at));
        Self {
            id: delivery.id.to_string(),
            verification: delivery.vid.to_string(),
            namespace: delivery.namespace.as_str(),
            route: delivery.route.as_str(),
            to: &delivery.masked_to,
            state: state_name(delivery.state),
            created_at: utc(delivery.created_at),
            expires_at: utc(delivery.expires_at),
            due_at: due_at(delivery.state == DeliveryState::Due),
            leased_until: due_at(delivery.state == DeliveryState::Claimed),
            ended_at: due_at(!delivery.state.is_open()),
            node: delivery.claimed_by.as_ref().map(|node| node.as_str()),
            claims: delivery.fence,
            attempts: delivery.attempts.iter().map(Attempt::of).collect(),
        }
    }
}

impl<'a> Attempt<'a> {
    fn of(attempt: &'a DeliveryAttempt) -> Self {
        Self {
            at: utc(attempt.at),
            provider: &attempt.provider,
            outcome: &attempt.outcome,
            message_id: attempt.message_id.as_deref(),
            detail: attempt.detail.as_deref(),
        }
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// An array, the newest first.
pub(super) fn list(deliveries: &[Delivery]) -> String {
    let records: Vec<Record<'_>> = deliveries.iter().map(Record::of).collect();
    // Texts and numbers always serialize.
    serde_json::to_string(&records).unwrap_or_default()
}

//! How deliveries and their attempts stand in rows. Numbers that stand for a state never change their meaning.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;
use watchword_core::delivery::{Delivery, DeliveryAttempt, DeliveryId, DeliveryState, NodeId};
use watchword_core::input::InvalidInput;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Sealed;
use watchword_core::ports::StoreError;
use watchword_core::time::Timestamp;
use watchword_core::verification::{RouteName, Vid};

use super::errors::told;

/// Something that a row holds and this version can't read: a newer one wrote it, or a hand.
fn unreadable(what: &str) -> StoreError {
    StoreError::unavailable(format!("a row holds {what} that can't be read"))
}

/// The column of that name.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, StoreError> {
    row.try_get(name).map_err(|error| StoreError::unavailable(told(error)))
}

/// The only column of a row.
pub(super) fn only<'a, T: FromSql<'a>>(row: &'a Row) -> Result<T, StoreError> {
    row.try_get(0).map_err(|error| StoreError::unavailable(told(error)))
}

fn name<T>(
    row: &Row,
    column_name: &'static str,
    read: fn(&str) -> Result<T, InvalidInput>,
) -> Result<T, StoreError> {
    read(column(row, column_name)?).map_err(|_| unreadable(column_name))
}

fn time(row: &Row, name: &'static str) -> Result<Timestamp, StoreError> {
    column(row, name).map(Timestamp::from_millis)
}

/// Reads the columns that functions answer a delivery with.
pub(super) fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    let claimed_by: Option<&str> = column(row, "d_claimed_by")?;
    let attempts: Vec<&str> = column(row, "d_attempts")?;
    Ok(Delivery {
        id: DeliveryId::from_uuid(column(row, "d_id")?),
        vid: Vid::from_uuid(column(row, "d_vid")?),
        namespace: name(row, "d_namespace", Namespace::new)?,
        route: name(row, "d_route", RouteName::new)?,
        message: column::<Option<Vec<u8>>>(row, "d_message")?.map(Sealed::from_bytes),
        masked_to: column(row, "d_masked_to")?,
        state: delivery_state(column(row, "d_state")?)?,
        due_at: time(row, "d_due_at")?,
        fence: column::<i64>(row, "d_fence")?.cast_unsigned(),
        claimed_by: claimed_by.map(NodeId::new).transpose().map_err(|_| unreadable("a node"))?,
        attempts: attempts.into_iter().map(attempt).collect::<Result<_, _>>()?,
        created_at: time(row, "d_created_at")?,
        expires_at: time(row, "d_expires_at")?,
    })
}

fn attempt(text: &str) -> Result<DeliveryAttempt, StoreError> {
    serde_json::from_str(text).map_err(|_| unreadable("an attempt"))
}

/// As [`attempt`] reads it.
pub(super) fn attempt_text(attempt: &DeliveryAttempt) -> String {
    // Strings and numbers always serialize.
    serde_json::to_string(attempt).unwrap_or_default()
}

/// What a message is found by when its provider has more to say: a hash, for both parts come from outside and may hold anything.
pub(super) fn message_key(provider: &str, message_id: &str) -> Uuid {
    let mut hash = SipHasher13::new();
    for part in [provider, message_id] {
        hash.write(&(part.len() as u64).to_le_bytes());
        hash.write(part.as_bytes());
    }
    Uuid::from_bytes(hash.finish128().as_bytes())
}

pub(super) const fn delivery_state_number(state: DeliveryState) -> i16 {
    match state {
        DeliveryState::Due => 0,
        DeliveryState::Claimed => 1,
        DeliveryState::Accepted => 2,
        DeliveryState::Failed => 3,
        DeliveryState::Expired => 4,
        DeliveryState::Canceled => 5,
    }
}

pub(super) fn delivery_state(number: i16) -> Result<DeliveryState, StoreError> {
    Ok(match number {
        0 => DeliveryState::Due,
        1 => DeliveryState::Claimed,
        2 => DeliveryState::Accepted,
        3 => DeliveryState::Failed,
        4 => DeliveryState::Expired,
        5 => DeliveryState::Canceled,
        _ => return Err(unreadable("a delivery's state")),
    })
}

//! Rows of `outbox` and `delivery_record`. A delivery is in exactly one of them: in the outbox while it is to be sent.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use watchword_core::delivery::{Delivery, DeliveryAttempt, DeliveryId, DeliveryState, NodeId};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Sealed;
use watchword_core::ports::Receipt;
use watchword_core::time::Timestamp;
use watchword_core::verification::{RouteName, Vid};

use super::row::{Columns, delivery_state_number};

/// The columns of the outbox, in the order in which [`delivery`] reads them.
macro_rules! select_open {
    ($which:literal) => {
        concat!(
            "SELECT id, vid, namespace, route, message, masked_to, claimed, due_at, fence, claimed_by, attempts, \
             created_at, expires_at FROM outbox WHERE ",
            $which
        )
    };
}

/// Puts one into the outbox.
pub(super) fn insert(connection: &Connection, delivery: &Delivery) -> Result<()> {
    let sql = "INSERT INTO outbox (id, vid, namespace, route, message, masked_to, claimed, due_at, fence,
         claimed_by, attempts, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        delivery.id.as_uuid().as_bytes(),
        delivery.vid.as_uuid().as_bytes(),
        delivery.namespace.as_str(),
        delivery.route.as_str(),
        delivery.message.as_ref().map(Sealed::as_bytes),
        delivery.masked_to,
        delivery_state_number(delivery.state),
        delivery.due_at.as_millis(),
        fence(delivery.fence),
        delivery.claimed_by.as_ref().map(NodeId::as_str),
        attempts(&delivery.attempts),
        delivery.created_at.as_millis(),
        delivery.expires_at.as_millis(),
    ])?;
    Ok(())
}

/// Stores an open one as it is now, or moves it to the records where it ended.
pub(super) fn store(connection: &Connection, delivery: &Delivery, records: Records) -> Result<()> {
    if !delivery.state.is_open() {
        remove(connection, delivery.id)?;
        return records.insert(connection, delivery);
    }
    let sql =
        "UPDATE outbox SET claimed = ?, due_at = ?, fence = ?, claimed_by = ?, attempts = ? WHERE id = ?";
    connection.prepare_cached(sql)?.execute(params![
        delivery_state_number(delivery.state),
        delivery.due_at.as_millis(),
        fence(delivery.fence),
        delivery.claimed_by.as_ref().map(NodeId::as_str),
        attempts(&delivery.attempts),
        delivery.id.as_uuid().as_bytes(),
    ])?;
    Ok(())
}

fn remove(connection: &Connection, id: DeliveryId) -> Result<()> {
    let sql = "DELETE FROM outbox WHERE id = ?";
    connection.prepare_cached(sql)?.execute([id.as_uuid().as_bytes()])?;
    Ok(())
}

/// The open one with that id.
pub(super) fn open(
    connection: &Connection,
    namespace: &Namespace,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let mut statement = connection.prepare_cached(select_open!("id = ? AND namespace = ?"))?;
    statement.query_row(params![id.as_uuid().as_bytes(), namespace.as_str()], delivery).optional()
}

/// All open ones of a verification.
pub(super) fn open_of(connection: &Connection, vid: Vid) -> Result<Vec<Delivery>> {
    let mut statement = connection.prepare_cached(select_open!("vid = ?"))?;
    statement.query_map([vid.as_uuid().as_bytes()], delivery)?.collect()
}

/// Open ones that are due, or whose lease is over, those due longest first.
pub(super) fn due(connection: &Connection, now: Timestamp, max: usize) -> Result<Vec<Delivery>> {
    let mut statement = connection.prepare_cached(select_open!("due_at <= ? ORDER BY due_at, id LIMIT ?"))?;
    statement.query_map(params![now.as_millis(), limit(max)], delivery)?.collect()
}

/// When the next open one is due, or its lease over.
pub(super) fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    let mut statement = connection.prepare_cached("SELECT min(due_at) FROM outbox")?;
    statement.query_row([], |row| Columns::of(row).optional_time())
}

/// How many are open.
pub(super) fn count(connection: &Connection) -> Result<u64> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM outbox")?;
    statement.query_row([], |row| Columns::of(row).unsigned())
}

/// The records of deliveries that ended: kept, or not at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records {
    pub(super) kept: bool,
}

impl Records {
    fn insert(self, connection: &Connection, delivery: &Delivery) -> Result<()> {
        if !self.kept {
            return Ok(());
        }
        let sql = "INSERT INTO delivery_record (id, vid, namespace, route, masked_to, state, ended_at, fence,
             claimed_by, attempts, created_at, expires_at, provider, message_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (provider, message_id) = message_id(delivery).unzip();
        connection.prepare_cached(sql)?.execute(params![
            delivery.id.as_uuid().as_bytes(),
            delivery.vid.as_uuid().as_bytes(),
            delivery.namespace.as_str(),
            delivery.route.as_str(),
            delivery.masked_to,
            delivery_state_number(delivery.state),
            delivery.due_at.as_millis(),
            fence(delivery.fence),
            delivery.claimed_by.as_ref().map(NodeId::as_str),
            attempts(&delivery.attempts),
            delivery.created_at.as_millis(),
            delivery.expires_at.as_millis(),
            provider,
            message_id,
        ])?;
        Ok(())
    }
}

/// The record of one that was canceled.
pub(super) fn canceled(
    connection: &Connection,
    namespace: &Namespace,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let sql =
        "SELECT id, vid, namespace, route, NULL, masked_to, state, ended_at, fence, claimed_by, attempts,
         created_at, expires_at FROM delivery_record WHERE state = 5 AND id = ? AND namespace = ?";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![id.as_uuid().as_bytes(), namespace.as_str()], delivery).optional()
}

/// Corrects the record of one that was canceled: it had gone out.
pub(super) fn correct(connection: &Connection, delivery: &Delivery) -> Result<()> {
    let sql = "UPDATE delivery_record SET state = ?, ended_at = ?, attempts = ?, provider = ?, message_id = ?
         WHERE state = 5 AND id = ?";
    let (provider, message_id) = message_id(delivery).unzip();
    connection.prepare_cached(sql)?.execute(params![
        delivery_state_number(delivery.state),
        delivery.due_at.as_millis(),
        attempts(&delivery.attempts),
        provider,
        message_id,
        delivery.id.as_uuid().as_bytes(),
    ])?;
    Ok(())
}

/// Adds a provider's later word to the newest record of its message.
pub(super) fn receipt(connection: &Connection, receipt: Receipt) -> Result<bool> {
    let sql = "SELECT number, attempts FROM delivery_record WHERE message_id = ? AND provider = ?
         ORDER BY number DESC LIMIT 1";
    let wanted = params![receipt.message_id, receipt.provider.as_str()];
    let found = connection.prepare_cached(sql)?.query_row(wanted, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.integer()?, columns.json::<Vec<DeliveryAttempt>>()?))
    });
    let Some((number, mut tried)) = found.optional()? else { return Ok(false) };
    tried.push(DeliveryAttempt {
        provider: receipt.provider.as_str().into(),
        at: receipt.now,
        outcome: receipt.status.into(),
        message_id: Some(receipt.message_id),
        detail: None,
    });
    let sql = "UPDATE delivery_record SET attempts = ? WHERE number = ?";
    connection.prepare_cached(sql)?.execute(params![attempts(&tried), number])?;
    Ok(true)
}

/// Who took it, and the id given to it.
fn message_id(delivery: &Delivery) -> Option<(&str, &str)> {
    let last = delivery.attempts.iter().rev().find(|attempt| attempt.message_id.is_some())?;
    Some((&last.provider, last.message_id.as_deref()?))
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let mut columns = Columns::of(row);
    Ok(Delivery {
        id: DeliveryId::from_uuid(columns.uuid()?),
        vid: Vid::from_uuid(columns.uuid()?),
        namespace: columns.name(Namespace::new)?,
        route: columns.name(RouteName::new)?,
        message: columns.optional_blob()?.map(Sealed::from_bytes),
        masked_to: columns.text()?.to_owned(),
        state: columns.delivery_state()?,
        due_at: columns.time()?,
        fence: columns.unsigned()?,
        claimed_by: columns.optional_name(NodeId::new)?,
        attempts: columns.json()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
    })
}

/// JSON; `NULL` while there are none, which is how most enter the outbox.
fn attempts(attempts: &[DeliveryAttempt]) -> Value {
    if attempts.is_empty() {
        return Value::Null;
    }
    // Strings and numbers always serialize.
    serde_json::to_string(attempts).map_or(Value::Null, Value::Text)
}

/// Fences count up from 1: none ever gets so far.
fn fence(fence: u64) -> i64 {
    i64::try_from(fence).unwrap_or(i64::MAX)
}

fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// Whether a delivery may be settled still: open, or canceled a moment ago.
pub(super) fn settleable(
    connection: &Connection,
    namespace: &Namespace,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    match open(connection, namespace, id)? {
        Some(delivery) => Ok(Some(delivery)),
        None => canceled(connection, namespace, id),
    }
}

/// Stores what a settlement made of `before`.
pub(super) fn store_settled(
    connection: &Connection,
    before: DeliveryState,
    delivery: &Delivery,
    records: Records,
) -> Result<()> {
    if before.is_open() { store(connection, delivery, records) } else { correct(connection, delivery) }
}

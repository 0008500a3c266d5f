//! Rows of `outbox` and `delivery_record`. A delivery is in exactly one of them: in the outbox while it is to be sent.

use rusqlite::types::Value;
use rusqlite::{Result, params};
use watchword_core::delivery::{Delivery, DeliveryAttempt, DeliveryId, NodeId};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Sealed;
use watchword_core::ports::Receipt;
use watchword_core::time::Timestamp;
use watchword_core::verification::{RouteName, Vid};

use super::row::{Columns, delivery_state_number};
use super::tables::Tables;

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
pub(super) use select_open;

/// Puts one into the outbox.
pub(super) fn insert(tables: &Tables<'_>, delivery: &Delivery) -> Result<()> {
    let sql = "INSERT INTO outbox (id, vid, namespace, route, message, masked_to, claimed, due_at, fence,
         claimed_by, attempts, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    tables.execute(
        sql,
        params![
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
        ],
    )?;
    Ok(())
}

/// Stores an open one as it is now, or moves it to the records where it ended.
pub(super) fn store(tables: &Tables<'_>, delivery: &Delivery, records: Records) -> Result<()> {
    if !delivery.state.is_open() {
        remove(tables, delivery.id)?;
        return records.insert(tables, delivery);
    }
    let sql =
        "UPDATE outbox SET claimed = ?, due_at = ?, fence = ?, claimed_by = ?, attempts = ? WHERE id = ?";
    tables.execute(
        sql,
        params![
            delivery_state_number(delivery.state),
            delivery.due_at.as_millis(),
            fence(delivery.fence),
            delivery.claimed_by.as_ref().map(NodeId::as_str),
            attempts(&delivery.attempts),
            delivery.id.as_uuid().as_bytes(),
        ],
    )?;
    Ok(())
}

fn remove(tables: &Tables<'_>, id: DeliveryId) -> Result<()> {
    let sql = "DELETE FROM outbox WHERE id = ?";
    tables.execute(sql, [id.as_uuid().as_bytes()])?;
    Ok(())
}

/// The open one with that id.
pub(super) fn open(tables: &Tables<'_>, namespace: &Namespace, id: DeliveryId) -> Result<Option<Delivery>> {
    let wanted = params![id.as_uuid().as_bytes(), namespace.as_str()];
    tables.first(select_open!("id = ? AND namespace = ?"), wanted, |row| delivery(&mut Columns::of(row)))
}

/// All open ones of a verification.
pub(super) fn open_of(tables: &Tables<'_>, vid: Vid) -> Result<Vec<Delivery>> {
    tables.all(select_open!("vid = ?"), [vid.as_uuid().as_bytes()], |row| delivery(&mut Columns::of(row)))
}

/// Open ones that are due, or whose lease is over, those due longest first.
pub(super) fn due(tables: &Tables<'_>, now: Timestamp, max: usize) -> Result<Vec<Delivery>> {
    let wanted = params![now.as_millis(), i64::try_from(max).unwrap_or(i64::MAX)];
    let sql = select_open!("due_at <= ? ORDER BY due_at, id LIMIT ?");
    tables.all(sql, wanted, |row| delivery(&mut Columns::of(row)))
}

/// When the next open one is due, or its lease over.
pub(super) fn next_due(tables: &Tables<'_>) -> Result<Option<Timestamp>> {
    let due = tables.first("SELECT min(due_at) FROM outbox", [], |row| Columns::of(row).optional_time())?;
    Ok(due.flatten())
}

/// How many are open.
pub(super) fn count(tables: &Tables<'_>) -> Result<u64> {
    let count = tables.first("SELECT count(*) FROM outbox", [], |row| Columns::of(row).unsigned())?;
    Ok(count.unwrap_or(0))
}

/// The records of deliveries that ended: kept, or not at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records {
    pub(super) kept: bool,
}

impl Records {
    fn insert(self, tables: &Tables<'_>, delivery: &Delivery) -> Result<()> {
        if !self.kept {
            return Ok(());
        }
        let sql = "INSERT INTO delivery_record (id, vid, namespace, route, masked_to, state, ended_at, fence,
             claimed_by, attempts, created_at, expires_at, provider, message_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (provider, message_id) = message_id(delivery).unzip();
        tables.execute(
            sql,
            params![
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
            ],
        )?;
        Ok(())
    }
}

/// The record of one that was canceled.
fn canceled(tables: &Tables<'_>, namespace: &Namespace, id: DeliveryId) -> Result<Option<(Place, Delivery)>> {
    let sql =
        "SELECT number, id, vid, namespace, route, NULL, masked_to, state, ended_at, fence, claimed_by, attempts,
         created_at, expires_at FROM delivery_record WHERE state = 5 AND id = ? AND namespace = ?";
    tables.first(sql, params![id.as_uuid().as_bytes(), namespace.as_str()], |row| {
        let mut columns = Columns::of(row);
        Ok((Place::Record(columns.integer()?), delivery(&mut columns)?))
    })
}

/// Corrects the record of one that was canceled: it had gone out.
fn correct(tables: &Tables<'_>, number: i64, delivery: &Delivery) -> Result<()> {
    let sql = "UPDATE delivery_record SET state = ?, ended_at = ?, attempts = ?, provider = ?, message_id = ?
         WHERE number = ?";
    let (provider, message_id) = message_id(delivery).unzip();
    tables.execute(
        sql,
        params![
            delivery_state_number(delivery.state),
            delivery.due_at.as_millis(),
            attempts(&delivery.attempts),
            provider,
            message_id,
            number,
        ],
    )?;
    Ok(())
}

/// Adds a provider's later word to the newest record of its message.
pub(super) fn receipt(tables: &Tables<'_>, receipt: Receipt) -> Result<bool> {
    let sql = "SELECT number, attempts FROM delivery_record WHERE message_id = ? AND provider = ?
         ORDER BY number DESC LIMIT 1";
    let wanted = params![receipt.message_id, receipt.provider.as_str()];
    let found = tables.first(sql, wanted, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.integer()?, columns.json::<Vec<DeliveryAttempt>>()?))
    })?;
    let Some((number, mut tried)) = found else { return Ok(false) };
    tried.push(DeliveryAttempt {
        provider: receipt.provider.as_str().into(),
        at: receipt.now,
        outcome: receipt.status.into(),
        message_id: Some(receipt.message_id),
        detail: None,
    });
    let sql = "UPDATE delivery_record SET attempts = ? WHERE number = ?";
    tables.execute(sql, params![attempts(&tried), number])?;
    Ok(true)
}

/// Who took it, and the id given to it.
fn message_id(delivery: &Delivery) -> Option<(&str, &str)> {
    let last = delivery.attempts.iter().rev().find(|attempt| attempt.message_id.is_some())?;
    Some((&last.provider, last.message_id.as_deref()?))
}

/// Reads the columns that [`select_open`] names.
pub(super) fn delivery(columns: &mut Columns<'_, '_>) -> Result<Delivery> {
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

/// Where a delivery is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In the outbox.
    Outbox,
    /// In the record of that number.
    Record(i64),
}

/// A delivery that may be settled still: open, or canceled a moment ago.
pub(super) fn settleable(
    tables: &Tables<'_>,
    namespace: &Namespace,
    id: DeliveryId,
) -> Result<Option<(Place, Delivery)>> {
    match open(tables, namespace, id)? {
        Some(delivery) => Ok(Some((Place::Outbox, delivery))),
        None => canceled(tables, namespace, id),
    }
}

/// Stores what a settlement made of the delivery at `place`.
pub(super) fn store_settled(
    tables: &Tables<'_>,
    place: Place,
    delivery: &Delivery,
    records: Records,
) -> Result<()> {
    match place {
        Place::Outbox => store(tables, delivery, records),
        Place::Record(number) => correct(tables, number, delivery),
    }
}

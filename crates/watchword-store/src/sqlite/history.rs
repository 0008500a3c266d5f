//! What operators ask about deliveries: the open ones and the records of others together.

use rusqlite::{Result, params};
use watchword_core::delivery::{Delivery, DeliveryId};
use watchword_core::namespace::Namespace;
use watchword_core::ports::DeliveryQuery;

use super::deliveries::{delivery as read, select_open};
use super::row::{Columns, delivery_state_number};
use super::tables::Tables;

/// The columns of a record, in the order in which those of the outbox are read.
macro_rules! select_records {
    ($which:literal) => {
        concat!(
            "SELECT id, vid, namespace, route, NULL, masked_to, state, ended_at, fence, claimed_by, attempts, \
             created_at, expires_at FROM delivery_record WHERE ",
            $which
        )
    };
}

/// More than any id.
const PAST_ALL_IDS: [u8; 17] = [0xFF; 17];

/// The newest that fit, open or not.
pub(super) fn deliveries(tables: &Tables<'_>, query: &DeliveryQuery) -> Result<Vec<Delivery>> {
    let DeliveryQuery { namespace, state, from, before, max } = query;
    let from = from.map_or([0; 16], |from| *from.as_uuid().as_bytes());
    let before = before.as_ref().map_or(&PAST_ALL_IDS[..], |before| before.as_uuid().as_bytes());
    let wanted = params![
        from,
        before,
        namespace.as_ref().map(Namespace::as_str),
        state.map(delivery_state_number),
        i64::try_from(*max).unwrap_or(i64::MAX),
    ];
    let open = select_open!(
        "id >= ?1 AND id < ?2 AND (?3 IS NULL OR namespace = ?3) AND (?4 IS NULL OR claimed = ?4) ORDER BY id DESC LIMIT ?5"
    );
    let records = select_records!(
        "id >= ?1 AND id < ?2 AND (?3 IS NULL OR namespace = ?3) AND (?4 IS NULL OR state = ?4) ORDER BY id DESC LIMIT ?5"
    );
    let mut found = tables.all(open, wanted, |row| read(&mut Columns::of(row)))?;
    found.extend(tables.all(records, wanted, |row| read(&mut Columns::of(row)))?);
    found.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    found.truncate(*max);
    Ok(found)
}

/// The one with that id, open or not.
pub(super) fn delivery(tables: &Tables<'_>, id: DeliveryId) -> Result<Option<Delivery>> {
    let open =
        tables.first(select_open!("id = ?"), [id.as_uuid().as_bytes()], |row| read(&mut Columns::of(row)))?;
    match open {
        Some(open) => Ok(Some(open)),
        None => record(tables, id),
    }
}

/// The record of that id.
pub(super) fn record(tables: &Tables<'_>, id: DeliveryId) -> Result<Option<Delivery>> {
    let sql = select_records!("id = ? ORDER BY number DESC LIMIT 1");
    tables.first(sql, [id.as_uuid().as_bytes()], |row| read(&mut Columns::of(row)))
}

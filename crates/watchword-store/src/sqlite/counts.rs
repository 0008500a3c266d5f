//! What is counted against somebody: wrong guesses, sends, requests that were handled before. And the rules, and the keys.

use std::collections::BTreeMap;

use rusqlite::types::Type;
use rusqlite::{Result, Row, params};
use watchword_core::address::Channel;
use watchword_core::guess::GuessCount;
use watchword_core::key_slot::KeySlot;
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::ports::{Dedupe, KeyUse};
use watchword_core::throttle::{SendTimes, Throttle, ThrottleRule, ThrottleRules};
use watchword_core::time::Timestamp;
use watchword_core::transition::{CountWrite, SendsView, SendsWrite};

use super::row::Columns;
use super::tables::{MESSAGES_BY_KEY, Tables, VERIFICATIONS_BY_KEY};

/// The wrong guesses in a row of `subject`.
pub(super) fn guesses(
    tables: &Tables<'_>,
    namespace: &Namespace,
    subject: SubjectKey,
) -> Result<Option<GuessCount>> {
    let sql = "SELECT wrong_in_a_row, refused_until, last_wrong_at FROM guess_count
         WHERE subject = ? AND namespace = ?";
    let wanted = params![subject.as_bytes(), namespace.as_str()];
    tables.first(sql, wanted, |row| Columns::of(row).guess_count())
}

/// Writes what a decision made of them.
pub(super) fn write_guesses(
    tables: &Tables<'_>,
    namespace: &Namespace,
    subject: SubjectKey,
    write: CountWrite,
) -> Result<()> {
    match write {
        CountWrite::Unchanged => {}
        CountWrite::Clear => {
            forget_guesses(tables, namespace, subject)?;
        }
        CountWrite::Set(count) => {
            let sql = "INSERT OR REPLACE INTO guess_count (subject, namespace, wrong_in_a_row, refused_until,
                 last_wrong_at, garbage_at) VALUES (?, ?, ?, ?, ?, ?)";
            tables.execute(
                sql,
                params![
                    subject.as_bytes(),
                    namespace.as_str(),
                    count.wrong_in_a_row,
                    count.refused_until.as_millis(),
                    count.last_wrong_at.as_millis(),
                    count.garbage_at().as_millis(),
                ],
            )?;
        }
    }
    Ok(())
}

/// `false`: there was nothing to forget.
pub(super) fn forget_guesses(
    tables: &Tables<'_>,
    namespace: &Namespace,
    subject: SubjectKey,
) -> Result<bool> {
    let sql = "DELETE FROM guess_count WHERE subject = ? AND namespace = ?";
    let removed = tables.execute(sql, params![subject.as_bytes(), namespace.as_str()])?;
    Ok(removed > 0)
}

/// A channel's rules; none where none were set.
pub(super) fn rules(tables: &Tables<'_>, namespace: &Namespace, channel: &Channel) -> Result<ThrottleRules> {
    let sql = "SELECT by_ip, by_target FROM throttle_rules WHERE namespace = ? AND channel = ?";
    let found = tables.first(sql, [namespace.as_str(), channel.as_str()], |row| {
        let mut columns = Columns::of(row);
        Ok(ThrottleRules { by_ip: columns.json()?, by_target: columns.json()? })
    })?;
    Ok(found.unwrap_or_default())
}

/// Replaces a channel's rules; `None` leaves those of that kind alone.
pub(super) fn put_rules(
    tables: &Tables<'_>,
    namespace: &Namespace,
    channel: &Channel,
    by_ip: Option<Vec<ThrottleRule>>,
    by_target: Option<Vec<ThrottleRule>>,
) -> Result<()> {
    let before = rules(tables, namespace, channel)?;
    let json = |rules: Vec<ThrottleRule>| {
        serde_json::to_string(&rules).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    };
    let sql =
        "INSERT OR REPLACE INTO throttle_rules (namespace, channel, by_ip, by_target) VALUES (?, ?, ?, ?)";
    tables.execute(
        sql,
        params![
            namespace.as_str(),
            channel.as_str(),
            json(by_ip.unwrap_or(before.by_ip))?,
            json(by_target.unwrap_or(before.by_target))?,
        ],
    )?;
    Ok(())
}

/// What is stored about a throttle's subjects.
pub(super) fn sends(
    tables: &Tables<'_>,
    namespace: &Namespace,
    throttle: Option<&Throttle>,
) -> Result<SendsView> {
    let Some(throttle) = throttle else { return Ok(SendsView::default()) };
    let sql = "SELECT times FROM send_times WHERE subject = ? AND namespace = ?";
    let mut times = Vec::with_capacity(throttle.subjects.len());
    for subject in &throttle.subjects {
        let wanted = params![subject.key.as_bytes(), namespace.as_str()];
        let packed = tables.first(sql, wanted, |row| Columns::of(row).blob())?;
        times.push(packed.map_or_else(SendTimes::default, |packed| SendTimes::from_bytes(&packed)));
    }
    Ok(SendsView { rules: rules(tables, namespace, &throttle.channel)?, times })
}

/// Writes the send times of a throttle's subjects; they are kept as long as `rules` may look back.
pub(super) fn write_sends(
    tables: &Tables<'_>,
    namespace: &Namespace,
    throttle: Option<&Throttle>,
    rules: &ThrottleRules,
    sends: &SendsWrite,
) -> Result<()> {
    for (key, times) in sends {
        let subject = throttle.and_then(|throttle| throttle.subjects.iter().find(|one| one.key == *key));
        let garbage_at = times.garbage_at(subject.map_or(&[], |subject| rules.of(subject.kind)));
        let sql =
            "INSERT OR REPLACE INTO send_times (subject, namespace, times, garbage_at) VALUES (?, ?, ?, ?)";
        tables.execute(
            sql,
            params![
                key.as_bytes(),
                namespace.as_str(),
                times.to_bytes(),
                garbage_at.map_or(0, Timestamp::as_millis),
            ],
        )?;
    }
    Ok(())
}

/// Whether the request was handled before, and is remembered still.
pub(super) fn was_handled(
    tables: &Tables<'_>,
    namespace: &Namespace,
    dedupe: &Dedupe,
    now: Timestamp,
) -> Result<bool> {
    let sql = "SELECT 1 FROM handled_request WHERE key = ? AND namespace = ? AND garbage_at > ?";
    let wanted = params![dedupe.key.as_bytes(), namespace.as_str(), now.as_millis()];
    Ok(tables.first(sql, wanted, |_| Ok(()))?.is_some())
}

/// Remembers a request.
pub(super) fn remember(tables: &Tables<'_>, namespace: &Namespace, dedupe: &Dedupe) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO handled_request (key, namespace, garbage_at) VALUES (?, ?, ?)";
    let row = params![dedupe.key.as_bytes(), namespace.as_str(), dedupe.until.as_millis()];
    tables.execute(sql, row)?;
    Ok(())
}

/// The keys registered, in the order of their fingerprints.
pub(super) fn keys(tables: &Tables<'_>) -> Result<Vec<KeyId>> {
    tables.all("SELECT id FROM key ORDER BY id", [], |row| Columns::of(row).bytes().map(KeyId::from_bytes))
}

/// Adds keys to that list.
pub(super) fn register_keys(tables: &Tables<'_>, keys: &[KeyId]) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO key (id) VALUES (?)";
    keys.iter().try_for_each(|key| tables.execute(sql, [key.as_bytes()]).map(drop))
}

/// The slots of the data key, in their order.
pub(super) fn key_slots(tables: &Tables<'_>) -> Result<Vec<KeySlot>> {
    tables.all("SELECT slot FROM key_slot ORDER BY slot", [], |row| {
        let mut columns = Columns::of(row);
        let slot = KeySlot::from_bytes(&columns.blob()?);
        slot.map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error.into()))
    })
}

/// Adds slots; where `first`, only to none.
pub(super) fn add_key_slots(tables: &Tables<'_>, slots: &[KeySlot], first: bool) -> Result<bool> {
    if first && !key_slots(tables)?.is_empty() {
        return Ok(false);
    }
    let sql = "INSERT OR IGNORE INTO key_slot (slot) VALUES (?)";
    slots.iter().try_for_each(|slot| tables.execute(sql, [slot.as_bytes()]).map(drop))?;
    Ok(true)
}

/// Removes slots.
pub(super) fn drop_key_slots(tables: &Tables<'_>, slots: &[KeySlot]) -> Result<()> {
    let sql = "DELETE FROM key_slot WHERE slot = ?";
    slots.iter().try_for_each(|slot| tables.execute(sql, [slot.as_bytes()]).map(drop))
}

/// What needs which key.
pub(super) fn key_uses(tables: &Tables<'_>, now: Timestamp) -> Result<Vec<KeyUse>> {
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok((KeyId::from_bytes(columns.bytes()?), columns.unsigned()?, columns.time()?))
    };
    let none = |key, until| KeyUse { key, verifications: 0, messages: 0, until };
    let mut uses: BTreeMap<KeyId, KeyUse> = BTreeMap::new();
    for (key, verifications, until) in tables.all(VERIFICATIONS_BY_KEY, [now.as_millis()], read)? {
        uses.insert(key, KeyUse { verifications, ..none(key, until) });
    }
    for (key, messages, until) in tables.all(MESSAGES_BY_KEY, [], read)? {
        let entry = uses.entry(key).or_insert_with(|| none(key, until));
        entry.messages = messages;
        entry.until = entry.until.max(until);
    }
    Ok(uses.into_values().collect())
}

//! Rows of `verification`.

use rusqlite::{Result, Row, Rows, params};
use watchword_core::address::{Address, Channel, Target};
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::{KeyedDigest, PasscodeDigest, Sealed, StoredPasscode};
use watchword_core::ports::{SealedRow, Selector};
use watchword_core::time::Timestamp;
use watchword_core::verification::{Attributes, ExternalId, Limits, RouteName, Verification, Vid};

use super::row::{Columns, millis, on_right_number, state_number};
use super::tables::Tables;

/// A row and its number: the higher, the newer.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) number: i64,
    pub(super) verification: Verification,
}

/// All columns, in the order in which [`found`] reads them.
macro_rules! select {
    ($($which:literal),+) => {
        concat!(
            "SELECT number, vid, namespace, external_id, channel, address, route, guess_subject, passcode_key, \
             passcode_digest, lookup_digest, sealed_passcode, channel_description, address_description, extra, \
             state, attempts, sends, max_attempts, max_sends, on_right, created_at, expires_at, kept_after, \
             last_sent_at FROM verification WHERE ",
            $($which),+
        )
    };
}

/// What [`Verification::is_live`] says, with the time as `?1`: rows that wait for the purge are not even read.
macro_rules! select_live {
    ($which:literal) => {
        select!("expires_at > ?1 AND state <> 2 AND ", $which, " ORDER BY number DESC")
    };
}

/// The verifications that `selector` means, the newest first: the live ones, or by vid the one that is still kept.
fn selected<T>(
    tables: &Tables<'_>,
    namespace: &Namespace,
    selector: &Selector,
    now: Timestamp,
    read: impl FnOnce(Rows<'_>) -> Result<T>,
) -> Result<T> {
    let now = now.as_millis();
    match selector {
        Selector::Id(id) => {
            let sql = select_live!("lookup_key = ?2 AND namespace = ?3 AND external_id = ?4");
            let key = key_of_id(tables, namespace, id);
            tables.query(sql, params![now, key, namespace.as_str(), id.as_str()], read)
        }
        Selector::Target(target) => {
            let sql = select_live!(
                "lookup_key = ?2 AND namespace = ?3 AND channel = ?4 AND address = ?5 AND external_id IS NULL"
            );
            let key = key_of_target(tables, namespace, target);
            let (channel, address) = (target.channel.as_str(), target.address.given());
            tables.query(sql, params![now, key, namespace.as_str(), channel, address], read)
        }
        Selector::Vid(vid) => {
            let sql = select!("garbage_at > ?1 AND vid = ?2 AND namespace = ?3");
            tables.query(sql, params![now, vid.as_uuid().as_bytes(), namespace.as_str()], read)
        }
    }
}

/// All that `selector` means, the newest first.
pub(super) fn all(
    tables: &Tables<'_>,
    namespace: &Namespace,
    selector: &Selector,
    now: Timestamp,
) -> Result<Vec<Found>> {
    selected(tables, namespace, selector, now, |rows| {
        rows.mapped(|row| found(row, Some(namespace))).collect()
    })
}

/// The newest that `selector` means.
pub(super) fn newest(
    tables: &Tables<'_>,
    namespace: &Namespace,
    selector: &Selector,
    now: Timestamp,
) -> Result<Option<Found>> {
    selected(tables, namespace, selector, now, |mut rows| {
        rows.next()?.map(|row| found(row, Some(namespace))).transpose()
    })
}

/// The one with that id, of whichever namespace, while it is kept.
pub(super) fn by_vid(tables: &Tables<'_>, vid: Vid, now: Timestamp) -> Result<Option<Found>> {
    let wanted = params![now.as_millis(), vid.as_uuid().as_bytes()];
    tables.first(select!("garbage_at > ?1 AND vid = ?2"), wanted, |row| found(row, None))
}

/// The newest live one of a channel that has one of these look-up digests.
pub(super) fn newest_holder(
    tables: &Tables<'_>,
    namespace: &Namespace,
    channel: &Channel,
    digests: &[PasscodeDigest],
    now: Timestamp,
) -> Result<Option<Found>> {
    let sql = select_live!("lookup_digest = ?2 AND namespace = ?3 AND channel = ?4");
    let mut newest: Option<Found> = None;
    for digest in digests {
        let wanted = params![now.as_millis(), digest.as_bytes(), namespace.as_str(), channel.as_str()];
        let holder = tables.first(sql, wanted, |row| found(row, Some(namespace)))?;
        newest = newest.into_iter().chain(holder).max_by_key(|found| found.number);
    }
    Ok(newest)
}

/// The newest sealed passcode that is live for any of these targets.
pub(super) fn newest_passcode(
    tables: &Tables<'_>,
    namespace: &Namespace,
    targets: &[Target],
    now: Timestamp,
) -> Result<Option<SealedRow>> {
    let sql = "SELECT number, vid, sealed_passcode FROM verification
         WHERE expires_at > ?1 AND state <> 2 AND sealed_passcode IS NOT NULL AND lookup_key = ?2
           AND namespace = ?3 AND channel = ?4 AND address = ?5 AND external_id IS NULL
         ORDER BY number DESC LIMIT 1";
    let mut newest: Option<(i64, SealedRow)> = None;
    for target in targets {
        let (channel, address) = (target.channel.as_str(), target.address.given());
        let key = key_of_target(tables, namespace, target);
        let wanted = params![now.as_millis(), key, namespace.as_str(), channel, address];
        let sealed = tables.first(sql, wanted, |row| {
            let mut columns = Columns::of(row);
            let number = columns.integer()?;
            let vid = Vid::from_uuid(columns.uuid()?);
            Ok((number, SealedRow { vid, sealed: Sealed::from_bytes(columns.blob()?) }))
        })?;
        newest = newest.into_iter().chain(sealed).max_by_key(|(number, _)| *number);
    }
    Ok(newest.map(|(_, sealed)| sealed))
}

/// How many rows there are, those that wait for the purge included.
pub(super) fn count(tables: &Tables<'_>) -> Result<u64> {
    let count = tables.first("SELECT count(*) FROM verification", [], |row| Columns::of(row).unsigned())?;
    Ok(count.unwrap_or(0))
}

/// Adds a row; it is the newest from then on.
pub(super) fn insert(tables: &Tables<'_>, verification: &Verification) -> Result<()> {
    let sql = "INSERT INTO verification (lookup_key, vid, namespace, external_id, channel, address, route,
         guess_subject, passcode_key, passcode_digest, lookup_digest, sealed_passcode, channel_description,
         address_description, extra, state, attempts, sends, max_attempts, max_sends, on_right, created_at,
         expires_at, kept_after, last_sent_at, garbage_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let Verification { namespace, external_id, target, passcode, attributes, limits, .. } = verification;
    tables.execute(
        sql,
        params![
            lookup_key(tables, verification),
            verification.vid.as_uuid().as_bytes(),
            namespace.as_str(),
            external_id.as_ref().map(ExternalId::as_str),
            target.as_ref().map(|target| target.channel.as_str()),
            target.as_ref().map(|target| target.address.given()),
            verification.route.as_str(),
            verification.guess_subject.as_bytes(),
            passcode.check.key.as_bytes(),
            passcode.check.digest.as_bytes(),
            passcode.lookup.as_ref().map(PasscodeDigest::as_bytes),
            passcode.sealed.as_ref().map(Sealed::as_bytes),
            attributes.channel_description,
            attributes.address_description,
            attributes.extra.as_deref(),
            state_number(verification.state),
            verification.attempts,
            verification.sends,
            limits.max_attempts,
            limits.max_sends,
            on_right_number(verification.on_right),
            verification.created_at.as_millis(),
            verification.expires_at.as_millis(),
            millis(verification.kept_after),
            verification.last_sent_at.map(Timestamp::as_millis),
            verification.garbage_at().as_millis(),
        ],
    )?;
    Ok(())
}

/// Stores what can change while the passcode stays: none of it is in an index.
pub(super) fn update(tables: &Tables<'_>, number: i64, verification: &Verification) -> Result<()> {
    let sql = "UPDATE verification SET state = ?, attempts = ?, sends = ?, last_sent_at = ?, channel = ?,
         address = ?, guess_subject = ? WHERE number = ?";
    let target = verification.target.as_ref();
    tables.execute(
        sql,
        params![
            state_number(verification.state),
            verification.attempts,
            verification.sends,
            verification.last_sent_at.map(Timestamp::as_millis),
            target.map(|target| target.channel.as_str()),
            target.map(|target| target.address.given()),
            verification.guess_subject.as_bytes(),
            number,
        ],
    )?;
    Ok(())
}

/// Removes a row.
pub(super) fn delete(tables: &Tables<'_>, number: i64) -> Result<()> {
    tables.execute("DELETE FROM verification WHERE number = ?", [number])?;
    Ok(())
}

/// Reads the columns of `select!`; `namespace` is given where the query asked for one.
fn found(row: &Row<'_>, namespace: Option<&Namespace>) -> Result<Found> {
    let mut columns = Columns::of(row);
    let number = columns.integer()?;
    let vid = Vid::from_uuid(columns.uuid()?);
    let stored = columns.name(|name| namespace.cloned().map_or_else(|| Namespace::new(name), Ok))?;
    let external_id = columns.optional_name(ExternalId::new)?;
    let channel = columns.optional_name(Channel::new)?;
    let address = columns.optional_name(Address::new)?;
    let verification = Verification {
        vid,
        namespace: stored,
        external_id,
        target: channel.zip(address).map(|(channel, address)| Target { channel, address }),
        route: columns.name(RouteName::new)?,
        guess_subject: SubjectKey::from_bytes(columns.bytes()?),
        passcode: StoredPasscode {
            check: KeyedDigest {
                key: KeyId::from_bytes(columns.bytes()?),
                digest: PasscodeDigest::from_bytes(columns.bytes()?),
            },
            lookup: columns.optional_bytes()?.map(PasscodeDigest::from_bytes),
            sealed: columns.optional_blob()?.map(Sealed::from_bytes),
        },
        attributes: Attributes {
            channel_description: columns.text()?.to_owned(),
            address_description: columns.text()?.to_owned(),
            extra: columns.optional_text()?.map(Into::into),
        },
        state: columns.state()?,
        attempts: columns.count()?,
        sends: columns.count()?,
        limits: Limits { max_attempts: columns.optional_count()?, max_sends: columns.optional_count()? },
        on_right: columns.on_right()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
        kept_after: columns.duration()?,
        last_sent_at: columns.optional_time()?,
    };
    Ok(Found { number, verification })
}

/// How the verification is found: by its external id, else by its target. `None`: by vid only.
fn lookup_key(tables: &Tables<'_>, verification: &Verification) -> Option<i64> {
    let namespace = &verification.namespace;
    match (&verification.external_id, &verification.target) {
        (Some(id), _) => Some(key_of_id(tables, namespace, id)),
        (None, Some(target)) => Some(key_of_target(tables, namespace, target)),
        (None, None) => None,
    }
}

fn key_of_id(tables: &Tables<'_>, namespace: &Namespace, id: &ExternalId) -> i64 {
    tables.hash(&["id", namespace.as_str(), id.as_str()])
}

fn key_of_target(tables: &Tables<'_>, namespace: &Namespace, target: &Target) -> i64 {
    tables.hash(&["target", namespace.as_str(), target.channel.as_str(), target.address.given()])
}

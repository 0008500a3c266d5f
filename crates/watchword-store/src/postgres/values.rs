//! How the domain's values look in parameters and answers. Numbers that stand for a state never change their meaning.
//!
//! Functions about verifications answer one record: the name of the outcome, and what belongs to it. It comes as PostgreSQL writes
//! any composite value, and [`Record`] reads it field by field: what a later version adds at the end is left unread.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;
use watchword_core::address::{Address, Channel, Target};
use watchword_core::delivery::{Claimant, NewDelivery};
use watchword_core::keyring::{KeyId, SubjectKey};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::{KeyedDigest, PasscodeDigest, Sealed, StoredPasscode};
use watchword_core::ports::{Selector, StoreError, Throttled};
use watchword_core::throttle::{Throttle, ThrottleKind, ThrottleRule};
use watchword_core::time::Timestamp;
use watchword_core::verification::{
    Attributes, ExternalId, Limits, OnRight, RouteName, State, Verification, Vid,
};

use super::call::Parameter;

/// A function answered something that it never should; or somebody else wrote our tables.
#[derive(Debug, Error)]
#[error("the store holds what can't be read: expected {0}")]
pub(super) struct Unreadable(pub(super) &'static str);

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        // What was to be done is done.
        Self::outcome_unknown(unreadable)
    }
}

pub(super) type Read<T> = Result<T, Unreadable>;

/// The fields of a record, read one after the other: how many there are, then the type, the length and the bytes of each.
#[derive(Debug)]
pub(super) struct Record<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Record<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::of(raw)?)
    }

    fn accepts(ty: &Type) -> bool {
        // The latter is what `record_send` makes of a record.
        [Type::RECORD, Type::BYTEA].contains(ty)
    }
}

impl<'a> Record<'a> {
    /// Reads what PostgreSQL wrote for a record, or what `record_send` gave.
    pub(super) fn of(raw: &'a [u8]) -> Read<Self> {
        raw.get(4..).map(Self).ok_or(Unreadable("a record"))
    }

    fn number(&mut self) -> Read<i32> {
        let (number, rest) = self.0.split_first_chunk().ok_or(Unreadable("one more field"))?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*number))
    }

    fn field(&mut self) -> Read<Option<&'a [u8]>> {
        let _type = self.number()?;
        let Ok(length) = usize::try_from(self.number()?) else { return Ok(None) };
        let (field, rest) = self.0.split_at_checked(length).ok_or(Unreadable("a whole field"))?;
        self.0 = rest;
        Ok(Some(field))
    }

    fn optional<T: FromSql<'a>>(&mut self, of: &Type, what: &'static str) -> Read<Option<T>> {
        let field = self.field()?;
        field.map(|raw| T::from_sql(of, raw).map_err(|_| Unreadable(what))).transpose()
    }

    fn required<T: FromSql<'a>>(&mut self, of: &Type, what: &'static str) -> Read<T> {
        self.optional(of, what)?.ok_or(Unreadable(what))
    }

    pub(super) fn record(&mut self) -> Read<Record<'a>> {
        self.required(&Type::RECORD, "a record")
    }

    pub(super) fn text(&mut self) -> Read<&'a str> {
        self.required(&Type::TEXT, "text")
    }

    /// A text that `parse` makes a name of.
    fn name<T, E>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Read<T> {
        parse(self.text()?).map_err(|_| Unreadable("a name"))
    }

    fn optional_name<T, E>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Read<Option<T>> {
        let text: Option<&str> = self.optional(&Type::TEXT, "text")?;
        text.map(|text| parse(text).map_err(|_| Unreadable("a name"))).transpose()
    }

    pub(super) fn bytes(&mut self) -> Read<&'a [u8]> {
        self.required(&Type::BYTEA, "bytes")
    }

    fn optional_bytes(&mut self) -> Read<Option<&'a [u8]>> {
        self.optional(&Type::BYTEA, "bytes")
    }

    pub(super) fn exactly<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.bytes()?.try_into().map_err(|_| Unreadable("so many bytes"))
    }

    /// Text that is kept as bytes.
    fn optional_raw_text(&mut self) -> Read<Option<&'a str>> {
        let bytes = self.optional_bytes()?;
        bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| Unreadable("text"))).transpose()
    }

    fn raw_text(&mut self) -> Read<String> {
        Ok(self.optional_raw_text()?.ok_or(Unreadable("text"))?.to_owned())
    }

    pub(super) fn uuid(&mut self) -> Read<Uuid> {
        self.required(&Type::UUID, "a UUID")
    }

    pub(super) fn long(&mut self) -> Read<i64> {
        self.required(&Type::INT8, "a number")
    }

    fn optional_long(&mut self) -> Read<Option<i64>> {
        self.optional(&Type::INT8, "a number")
    }

    /// A `smallint`.
    fn short(&mut self) -> Read<i16> {
        self.required(&Type::INT2, "a short number")
    }

    /// The place of something in a list that was given, which the server counts from 1.
    pub(super) fn place(&mut self) -> Read<usize> {
        let number: i32 = self.required(&Type::INT4, "a place")?;
        usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).ok_or(Unreadable("a place"))
    }

    pub(super) fn longs(&mut self) -> Read<Vec<i64>> {
        self.required(&Type::INT8_ARRAY, "numbers")
    }

    pub(super) fn count(&mut self) -> Read<u32> {
        u32::try_from(self.long()?).map_err(|_| Unreadable("a count"))
    }

    fn optional_count(&mut self) -> Read<Option<u32>> {
        let count = self.optional_long()?;
        count.map(|count| u32::try_from(count).map_err(|_| Unreadable("a count"))).transpose()
    }

    pub(super) fn time(&mut self) -> Read<Timestamp> {
        self.long().map(Timestamp::from_millis)
    }

    fn wait(&mut self) -> Read<Duration> {
        wait(self.long()?)
    }

    /// A channel and an address, or neither.
    pub(super) fn target(&mut self) -> Read<Option<Target>> {
        let channel = self.optional_name(Channel::new)?;
        let address = self.optional_name(Address::new)?;
        Ok(channel.zip(address).map(|(channel, address)| Target { channel, address }))
    }

    fn state(&mut self) -> Read<State> {
        match self.short()? {
            0 => Ok(State::Pending),
            1 => Ok(State::Approved),
            2 => Ok(State::Canceled),
            _ => Err(Unreadable("a state")),
        }
    }

    fn on_right(&mut self) -> Read<OnRight> {
        match self.short()? {
            0 => Ok(OnRight::Keep),
            1 => Ok(OnRight::Close),
            2 => Ok(OnRight::Delete),
            _ => Err(Unreadable("what a right check does")),
        }
    }

    pub(super) fn throttle_kind(&mut self) -> Read<ThrottleKind> {
        match self.short()? {
            0 => Ok(ThrottleKind::Ip),
            1 => Ok(ThrottleKind::Target),
            _ => Err(Unreadable("what a rule counts by")),
        }
    }

    pub(super) fn throttled(&mut self) -> Read<Throttled> {
        let kind = self.throttle_kind()?;
        let rule = ThrottleRule { rate: self.count()?, window: self.wait()? };
        Ok(Throttled { kind, rule, retry_at: self.time()? })
    }

    /// A whole row of `watchword_verification`.
    pub(super) fn verification(&mut self) -> Read<Arc<Verification>> {
        let mut row = self.record()?;
        row.verification_row()
    }

    /// The columns of `watchword_verification`, in the order of the table.
    pub(super) fn verification_row(&mut self) -> Read<Arc<Verification>> {
        let (_number, _name_key) = (self.long()?, self.field()?);
        let vid = Vid::from_uuid(self.uuid()?);
        let namespace = self.name(Namespace::new)?;
        let external_id = self.optional_name(ExternalId::new)?;
        let target = self.target()?;
        let route = self.name(RouteName::new)?;
        let guess_subject = SubjectKey::from_bytes(self.uuid()?.into_bytes());
        let check = KeyedDigest {
            key: KeyId::from_bytes(self.exactly()?),
            digest: PasscodeDigest::from_bytes(self.exactly()?),
        };
        let lookup = self.optional_bytes()?.map(TryInto::try_into).transpose();
        let lookup = lookup.map_err(|_| Unreadable("a digest"))?.map(PasscodeDigest::from_bytes);
        let sealed = self.optional_bytes()?.map(|sealed| Sealed::from_bytes(sealed.to_vec()));
        let attributes = Attributes {
            channel_description: self.raw_text()?,
            address_description: self.raw_text()?,
            extra: self.optional_raw_text()?.map(Into::into),
        };
        let (state, attempts, sends) = (self.state()?, self.count()?, self.count()?);
        let limits = Limits { max_attempts: self.optional_count()?, max_sends: self.optional_count()? };
        let on_right = self.on_right()?;
        let (created_at, expires_at, kept_after) = (self.time()?, self.time()?, self.wait()?);
        let last_sent_at = self.optional_long()?.map(Timestamp::from_millis);
        Ok(Arc::new(Verification {
            vid,
            namespace,
            external_id,
            target,
            route,
            guess_subject,
            passcode: StoredPasscode { check, lookup, sealed },
            attributes,
            state,
            attempts,
            sends,
            limits,
            on_right,
            created_at,
            expires_at,
            kept_after,
            last_sent_at,
        }))
    }
}

pub(super) fn wait(millis: i64) -> Read<Duration> {
    u64::try_from(millis).map(Duration::from_millis).map_err(|_| Unreadable("a span of time"))
}

/// Whole milliseconds; the longest that fits where it does not.
pub(super) fn millis(wait: Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

pub(super) const fn on_right_number(on_right: OnRight) -> i16 {
    match on_right {
        OnRight::Keep => 0,
        OnRight::Close => 1,
        OnRight::Delete => 2,
    }
}

/// A keyed hash as a column holds it.
pub(super) const fn subject(key: SubjectKey) -> Uuid {
    Uuid::from_bytes(*key.as_bytes())
}

/// What verifications are found by, as a function takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    /// The key of a name, or a vid.
    pub(super) key: Uuid,
    /// 0 an external id, 1 a target, 2 a vid.
    pub(super) kind: i16,
}

impl Selected {
    pub(super) fn of(namespace: &Namespace, selector: &Selector) -> Self {
        match selector {
            Selector::Id(id) => Self { key: key_of_id(namespace, id), kind: 0 },
            Selector::Target(target) => Self { key: key_of_target(namespace, target), kind: 1 },
            Selector::Vid(vid) => Self { key: *vid.as_uuid(), kind: 2 },
        }
    }

    pub(super) const fn is_vid(self) -> bool {
        self.kind == 2
    }
}

/// What a verification of that external id is found by.
pub(super) fn key_of_id(namespace: &Namespace, id: &ExternalId) -> Uuid {
    name_key(&["id", namespace.as_str(), id.as_str()])
}

/// What a verification of that target, without an external id, is found by.
pub(super) fn key_of_target(namespace: &Namespace, target: &Target) -> Uuid {
    name_key(&["target", namespace.as_str(), target.channel.as_str(), target.address.given()])
}

/// The first half of a SHA-256: names are long, and callers choose them. The names themselves are not compared any more, so
/// nobody must be able to find two of one key.
fn name_key(parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize()[..16]);
    Uuid::from_bytes(key)
}

/// Messages, as parallel arrays.
#[derive(Debug, Default)]
pub(super) struct Messages<'a> {
    ids: Vec<Uuid>,
    routes: Vec<&'a str>,
    sealed: Vec<&'a [u8]>,
    masked_to: Vec<&'a str>,
    not_before: Vec<Option<i64>>,
}

impl<'a> FromIterator<&'a NewDelivery> for Messages<'a> {
    fn from_iter<I: IntoIterator<Item = &'a NewDelivery>>(deliveries: I) -> Self {
        let mut messages = Self::default();
        for delivery in deliveries {
            messages.ids.push(*delivery.id.as_uuid());
            messages.routes.push(delivery.route.as_str());
            messages.sealed.push(delivery.message.as_bytes());
            messages.masked_to.push(&delivery.masked_to);
            messages.not_before.push(delivery.not_before.map(Timestamp::as_millis));
        }
        messages
    }
}

impl Messages<'_> {
    pub(super) fn parameters(&self) -> [Parameter<'_>; 5] {
        [
            (&self.ids, Type::UUID_ARRAY),
            (&self.routes, Type::TEXT_ARRAY),
            (&self.sealed, Type::BYTEA_ARRAY),
            (&self.masked_to, Type::TEXT_ARRAY),
            (&self.not_before, Type::INT8_ARRAY),
        ]
    }
}

/// Whose rules apply, and to whom; all `NULL` where nothing is counted.
#[derive(Debug)]
pub(super) struct Throttling<'a> {
    channel: Option<&'a str>,
    ip: Option<Uuid>,
    target: Option<Uuid>,
}

impl<'a> Throttling<'a> {
    pub(super) fn of(throttle: Option<&'a Throttle>) -> Self {
        let subject_of = |kind| {
            let found = throttle?.subjects.iter().find(|subject| subject.kind == kind)?;
            Some(subject(found.key))
        };
        Self {
            channel: throttle.map(|throttle| throttle.channel.as_str()),
            ip: subject_of(ThrottleKind::Ip),
            target: subject_of(ThrottleKind::Target),
        }
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 3] {
        [(&self.channel, Type::TEXT), (&self.ip, Type::UUID), (&self.target, Type::UUID)]
    }
}

/// Who claims messages at once, and until when; both `NULL` where nobody does.
#[derive(Debug)]
pub(super) struct Claiming<'a> {
    node: Option<&'a str>,
    lease_until: Option<i64>,
}

impl<'a> Claiming<'a> {
    pub(super) fn of(claimant: Option<&'a Claimant>) -> Self {
        Self {
            node: claimant.map(|claimant| claimant.node.as_str()),
            lease_until: claimant.map(|claimant| claimant.lease_until.as_millis()),
        }
    }

    pub(super) fn parameters(&self) -> [Parameter<'_>; 2] {
        [(&self.node, Type::TEXT), (&self.lease_until, Type::INT8)]
    }
}

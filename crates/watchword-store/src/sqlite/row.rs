//! How the domain's types look in columns. Numbers that stand for a state never change their meaning.

use std::time::Duration;

use rusqlite::types::{FromSqlError, Type, ValueRef};
use rusqlite::{Result, Row};
use uuid::Uuid;
use watchword_core::delivery::DeliveryState;
use watchword_core::guess::GuessCount;
use watchword_core::time::Timestamp;
use watchword_core::verification::{OnRight, State};

/// Reads the columns of a row one after the other. A value that does not fit names its column in the error.
pub(super) struct Columns<'row, 'statement> {
    row: &'row Row<'statement>,
    next: usize,
}

impl<'row, 'statement> Columns<'row, 'statement> {
    /// Starts at the first column.
    pub(super) fn of(row: &'row Row<'statement>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as `read` understands it.
    fn read<T, E>(&mut self, read: impl FnOnce(ValueRef<'row>) -> Result<T, E>) -> Result<T>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let column = self.next;
        self.next += 1;
        let value = self.row.get_ref(column)?;
        read(value).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), error.into())
        })
    }

    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        if self.row.get_ref(self.next)?.data_type() == Type::Null {
            self.next += 1;
            return Ok(None);
        }
        read(self).map(Some)
    }

    pub(super) fn text(&mut self) -> Result<&'row str> {
        self.read(|value| value.as_str())
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<&'row str>> {
        self.optional(Self::text)
    }

    /// A text that `parse` makes a name of.
    pub(super) fn name<T, E>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.read(|value| value.as_str().map_err(boxed).and_then(|text| parse(text).map_err(boxed)))
    }

    pub(super) fn optional_name<T, E>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.optional(|columns| columns.name(parse))
    }

    pub(super) fn blob(&mut self) -> Result<Vec<u8>> {
        self.read(|value| value.as_blob().map(<[u8]>::to_vec))
    }

    pub(super) fn optional_blob(&mut self) -> Result<Option<Vec<u8>>> {
        self.optional(Self::blob)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.read(|value| {
            let bytes = value.as_blob()?;
            bytes
                .try_into()
                .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: N, blob_size: bytes.len() })
        })
    }

    pub(super) fn optional_bytes<const N: usize>(&mut self) -> Result<Option<[u8; N]>> {
        self.optional(Self::bytes)
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid> {
        self.bytes().map(Uuid::from_bytes)
    }

    pub(super) fn integer(&mut self) -> Result<i64> {
        self.read(|value| value.as_i64())
    }

    pub(super) fn count(&mut self) -> Result<u32> {
        self.read(|value| {
            let number = value.as_i64()?;
            u32::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))
        })
    }

    pub(super) fn optional_count(&mut self) -> Result<Option<u32>> {
        self.optional(Self::count)
    }

    pub(super) fn time(&mut self) -> Result<Timestamp> {
        self.integer().map(Timestamp::from_millis)
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>> {
        self.optional(Self::time)
    }

    pub(super) fn duration(&mut self) -> Result<Duration> {
        self.read(|value| {
            let number = value.as_i64()?;
            u64::try_from(number).map(Duration::from_millis).map_err(|_| FromSqlError::OutOfRange(number))
        })
    }

    /// A JSON text; `NULL` is the default.
    pub(super) fn json<T: serde::de::DeserializeOwned + Default>(&mut self) -> Result<T> {
        let parsed = self.optional(|columns| {
            columns.read(|value| {
                value.as_str().map_err(boxed).and_then(|text| serde_json::from_str(text).map_err(boxed))
            })
        })?;
        Ok(parsed.unwrap_or_default())
    }

    pub(super) fn state(&mut self) -> Result<State> {
        self.read(|value| match value.as_i64()? {
            0 => Ok(State::Pending),
            1 => Ok(State::Approved),
            2 => Ok(State::Canceled),
            other => Err(FromSqlError::OutOfRange(other)),
        })
    }

    pub(super) fn on_right(&mut self) -> Result<OnRight> {
        self.read(|value| match value.as_i64()? {
            0 => Ok(OnRight::Keep),
            1 => Ok(OnRight::Close),
            2 => Ok(OnRight::Delete),
            other => Err(FromSqlError::OutOfRange(other)),
        })
    }

    pub(super) fn delivery_state(&mut self) -> Result<DeliveryState> {
        self.read(|value| match value.as_i64()? {
            0 => Ok(DeliveryState::Due),
            1 => Ok(DeliveryState::Claimed),
            2 => Ok(DeliveryState::Accepted),
            3 => Ok(DeliveryState::Failed),
            4 => Ok(DeliveryState::Expired),
            5 => Ok(DeliveryState::Canceled),
            other => Err(FromSqlError::OutOfRange(other)),
        })
    }

    /// A fence, or another number that only grows from zero.
    pub(super) fn unsigned(&mut self) -> Result<u64> {
        self.read(|value| {
            let number = value.as_i64()?;
            u64::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))
        })
    }

    /// `wrong_in_a_row, refused_until, last_wrong_at`.
    pub(super) fn guess_count(&mut self) -> Result<GuessCount> {
        Ok(GuessCount {
            wrong_in_a_row: self.count()?,
            refused_until: self.time()?,
            last_wrong_at: self.time()?,
        })
    }
}

fn boxed<E: std::error::Error + Send + Sync + 'static>(error: E) -> Box<dyn std::error::Error + Send + Sync> {
    error.into()
}

/// The column `state` of a verification.
pub(super) const fn state_number(state: State) -> i64 {
    match state {
        State::Pending => 0,
        State::Approved => 1,
        State::Canceled => 2,
    }
}

/// The column `on_right`.
pub(super) const fn on_right_number(on_right: OnRight) -> i64 {
    match on_right {
        OnRight::Keep => 0,
        OnRight::Close => 1,
        OnRight::Delete => 2,
    }
}

/// The column `state` of a delivery's record; the first two are the outbox's `claimed`.
pub(super) const fn delivery_state_number(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Due => 0,
        DeliveryState::Claimed => 1,
        DeliveryState::Accepted => 2,
        DeliveryState::Failed => 3,
        DeliveryState::Expired => 4,
        DeliveryState::Canceled => 5,
    }
}

/// Whole milliseconds; the longest that fits where it does not.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

//! Reading what scripts answer.

use std::time::Duration;

use ::redis::Value;
use uuid::Uuid;
use watchword_core::delivery::DeliveryState;
use watchword_core::time::Timestamp;
use watchword_core::verification::{OnRight, State};

use super::packed::unpacked;
use super::unreadable::{Read, Unreadable};

/// The elements of an answer, read one after the other.
pub(super) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    pub(super) fn of(value: Value) -> Read<Self> {
        match value {
            Value::Array(elements) => Ok(Self(elements.into_iter())),
            _ => Err(Unreadable("a list")),
        }
    }

    /// The elements of a list that was packed.
    pub(super) fn packed(value: Value) -> Read<Self> {
        Self::of(unpacked(&bytes(value)?)?)
    }

    /// Nothing, or the elements of an answer.
    pub(super) fn maybe(value: Value) -> Read<Option<Self>> {
        if value == Value::Nil { Ok(None) } else { Self::of(value).map(Some) }
    }

    pub(super) fn value(&mut self) -> Read<Value> {
        self.0.next().ok_or(Unreadable("one more element"))
    }

    pub(super) fn optional_bytes(&mut self) -> Read<Option<Vec<u8>>> {
        match self.value()? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => Err(Unreadable("bytes")),
        }
    }

    pub(super) fn bytes(&mut self) -> Read<Vec<u8>> {
        self.optional_bytes()?.ok_or(Unreadable("bytes"))
    }

    pub(super) fn exactly<const N: usize>(&mut self) -> Read<[u8; N]> {
        self.bytes()?.try_into().map_err(|_| Unreadable("so many bytes"))
    }

    pub(super) fn optionally_exactly<const N: usize>(&mut self) -> Read<Option<[u8; N]>> {
        let bytes = self.optional_bytes()?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| Unreadable("so many bytes"))).transpose()
    }

    pub(super) fn optional_text(&mut self) -> Read<Option<String>> {
        let bytes = self.optional_bytes()?;
        bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| Unreadable("text"))).transpose()
    }

    pub(super) fn text(&mut self) -> Read<String> {
        self.optional_text()?.ok_or(Unreadable("text"))
    }

    /// A text that `parse` makes a name of.
    pub(super) fn name<T, E>(&mut self, parse: impl FnOnce(&str) -> Result<T, E>) -> Read<T> {
        parse(&self.text()?).map_err(|_| Unreadable("a name"))
    }

    pub(super) fn optional_name<T, E>(
        &mut self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Read<Option<T>> {
        let text = self.optional_text()?;
        text.map(|text| parse(&text).map_err(|_| Unreadable("a name"))).transpose()
    }

    pub(super) fn uuid(&mut self) -> Read<Uuid> {
        self.exactly().map(Uuid::from_bytes)
    }

    pub(super) fn optional_integer(&mut self) -> Read<Option<i64>> {
        match self.value()? {
            Value::Nil => Ok(None),
            value => integer(&value).map(Some),
        }
    }

    pub(super) fn integer(&mut self) -> Read<i64> {
        self.optional_integer()?.ok_or(Unreadable("a number"))
    }

    pub(super) fn unsigned(&mut self) -> Read<u64> {
        u64::try_from(self.integer()?).map_err(|_| Unreadable("a count"))
    }

    pub(super) fn count(&mut self) -> Read<u32> {
        u32::try_from(self.integer()?).map_err(|_| Unreadable("a count"))
    }

    pub(super) fn optional_count(&mut self) -> Read<Option<u32>> {
        let count = self.optional_integer()?;
        count.map(|count| u32::try_from(count).map_err(|_| Unreadable("a count"))).transpose()
    }

    pub(super) fn time(&mut self) -> Read<Timestamp> {
        self.integer().map(Timestamp::from_millis)
    }

    pub(super) fn optional_time(&mut self) -> Read<Option<Timestamp>> {
        Ok(self.optional_integer()?.map(Timestamp::from_millis))
    }

    pub(super) fn wait(&mut self) -> Read<Duration> {
        self.unsigned().map(Duration::from_millis)
    }

    pub(super) fn reply(&mut self) -> Read<Self> {
        Self::of(self.value()?)
    }

    /// All elements of the list that comes next.
    pub(super) fn list<T>(&mut self, read: impl FnMut(Value) -> Read<T>) -> Read<Vec<T>> {
        self.reply()?.rest(read)
    }

    /// All elements that are left.
    pub(super) fn rest<T>(self, read: impl FnMut(Value) -> Read<T>) -> Read<Vec<T>> {
        self.0.map(read).collect()
    }

    pub(super) fn state(&mut self) -> Read<State> {
        match self.integer()? {
            0 => Ok(State::Pending),
            1 => Ok(State::Approved),
            2 => Ok(State::Canceled),
            _ => Err(Unreadable("a state")),
        }
    }

    pub(super) fn on_right(&mut self) -> Read<OnRight> {
        match self.integer()? {
            0 => Ok(OnRight::Keep),
            1 => Ok(OnRight::Close),
            2 => Ok(OnRight::Delete),
            _ => Err(Unreadable("what a right check does")),
        }
    }

    pub(super) fn delivery_state(&mut self) -> Read<DeliveryState> {
        match self.integer()? {
            0 => Ok(DeliveryState::Due),
            1 => Ok(DeliveryState::Claimed),
            2 => Ok(DeliveryState::Accepted),
            3 => Ok(DeliveryState::Failed),
            4 => Ok(DeliveryState::Expired),
            5 => Ok(DeliveryState::Canceled),
            _ => Err(Unreadable("a delivery's state")),
        }
    }
}

/// A number, or the text of one: scores of a sorted set are told as text, or as floating-point numbers.
#[expect(clippy::cast_possible_truncation, reason = "scores are whole milliseconds, far from the limits")]
pub(super) fn integer(value: &Value) -> Read<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Double(number) => Ok(*number as i64),
        Value::BulkString(text) => {
            let text = std::str::from_utf8(text).map_err(|_| Unreadable("a number"))?;
            let score = || text.parse::<f64>().map(|number| number as i64);
            text.parse().or_else(|_| score()).map_err(|_| Unreadable("a number"))
        }
        _ => Err(Unreadable("a number")),
    }
}

pub(super) fn bytes(value: Value) -> Read<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(Unreadable("bytes")),
    }
}

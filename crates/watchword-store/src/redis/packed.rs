//! MessagePack, as `cmsgpack` of the scripts reads and writes it: what they take and keep is one value, not many.

use ::redis::Value;
use rmp::Marker;
use rmp::decode::{RmpRead, read_marker};
use rmp::encode;

use super::unreadable::{Read, Unreadable};

/// How deep lists are in lists, more than any record is.
const DEEPEST: usize = 8;

/// Elements of a list that is being packed.
#[derive(Default)]
pub(super) struct Packing {
    elements: Vec<u8>,
    count: u32,
}

impl Packing {
    /// Any bytes are a text there.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.add(|to| encode::write_str_len(to, length).is_ok());
        self.elements.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, number: i64) {
        self.add(|to| encode::write_sint(to, number).is_ok());
    }

    /// What is absent is `false`: nil would end a list of Lua.
    pub(super) fn absent(&mut self) {
        self.add(|to| encode::write_bool(to, false).is_ok());
    }

    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let written = write(&mut self.elements);
        debug_assert!(written, "a vector takes everything");
        self.count += 1;
    }

    /// All of them as one list.
    pub(super) fn list(self) -> Vec<u8> {
        let mut list = Vec::with_capacity(self.elements.len() + 5);
        let written = encode::write_array_len(&mut list, self.count);
        debug_assert!(written.is_ok(), "a vector takes everything");
        list.extend_from_slice(&self.elements);
        list
    }
}

/// What was packed, as if it had been answered by itself.
pub(super) fn unpacked(packed: &[u8]) -> Read<Value> {
    let mut left = packed;
    let value = next(&mut left, DEEPEST)?;
    if left.is_empty() { Ok(value) } else { Err(Unreadable("one packed value")) }
}

fn next(from: &mut &[u8], depth: usize) -> Read<Value> {
    let marker = read_marker(from).map_err(|_| cut_short())?;
    Ok(match marker {
        Marker::Null | Marker::False => Value::Nil,
        Marker::True => Value::Int(1),
        Marker::FixPos(number) => Value::Int(number.into()),
        Marker::FixNeg(number) => Value::Int(number.into()),
        Marker::U8 => Value::Int(from.read_data_u8().map_err(|_| cut_short())?.into()),
        Marker::U16 => Value::Int(from.read_data_u16().map_err(|_| cut_short())?.into()),
        Marker::U32 => Value::Int(from.read_data_u32().map_err(|_| cut_short())?.into()),
        Marker::U64 => {
            let number = from.read_data_u64().map_err(|_| cut_short())?;
            Value::Int(i64::try_from(number).map_err(|_| Unreadable("a packed number"))?)
        }
        Marker::I8 => Value::Int(from.read_data_i8().map_err(|_| cut_short())?.into()),
        Marker::I16 => Value::Int(from.read_data_i16().map_err(|_| cut_short())?.into()),
        Marker::I32 => Value::Int(from.read_data_i32().map_err(|_| cut_short())?.into()),
        Marker::I64 => Value::Int(from.read_data_i64().map_err(|_| cut_short())?),
        Marker::FixStr(length) => bytes(from, length.into())?,
        Marker::Str8 => {
            let length = from.read_data_u8().map_err(|_| cut_short())?;
            bytes(from, length.into())?
        }
        Marker::Str16 => {
            let length = from.read_data_u16().map_err(|_| cut_short())?;
            bytes(from, length.into())?
        }
        Marker::Str32 => {
            let length = from.read_data_u32().map_err(|_| cut_short())?;
            bytes(from, length)?
        }
        Marker::FixArray(length) => list(from, length.into(), depth)?,
        Marker::Array16 => {
            let length = from.read_data_u16().map_err(|_| cut_short())?;
            list(from, length.into(), depth)?
        }
        _ => return Err(Unreadable("a packed value")),
    })
}

fn bytes(from: &mut &[u8], length: u32) -> Read<Value> {
    let length = usize::try_from(length).map_err(|_| cut_short())?;
    let (bytes, left) = from.split_at_checked(length).ok_or_else(cut_short)?;
    *from = left;
    Ok(Value::BulkString(bytes.to_vec()))
}

fn list(from: &mut &[u8], length: u32, depth: usize) -> Read<Value> {
    let depth = depth.checked_sub(1).ok_or(Unreadable("a flatter list"))?;
    (0..length).map(|_| next(from, depth)).collect::<Read<_>>().map(Value::Array)
}

const fn cut_short() -> Unreadable {
    Unreadable("a whole packed value")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

    use super::*;

    #[test]
    fn what_is_packed_is_read_again() {
        let texts: [&[u8]; 5] = [b"", &[0xff; 31], &[0; 32], &[7; 256], &[7; 70_000]];
        let numbers =
            [0, 127, 128, 256, 65_536, 1 << 32, (1 << 53) - 1, -1, -33, -129, -32_769, -(1 << 53) + 1];
        let mut packing = Packing::default();
        texts.iter().for_each(|text| packing.bytes(text));
        numbers.iter().for_each(|number| packing.number(*number));
        packing.absent();
        let texts = texts.iter().map(|text| Value::BulkString(text.to_vec()));
        let numbers = numbers.iter().map(|number| Value::Int(*number));
        let expected: Vec<_> = texts.chain(numbers).chain([Value::Nil]).collect();
        let packed = packing.list();
        assert_eq!(unpacked(&packed).unwrap(), Value::Array(expected));
        for end in [0, 1, 2, 40, packed.len() - 1] {
            assert!(unpacked(&packed[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn no_list_is_too_deep_for_us() {
        assert!(unpacked(&[0x91; 100_000]).is_err());
    }
}

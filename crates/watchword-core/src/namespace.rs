//! The tenant a verification belongs to, and the partition its keys live in.

use std::fmt;
use std::sync::Arc;

use crate::input::InvalidInput;
use crate::input::valid_line;

/// A tenant: otpgateway's namespace, eGov's tenant. 1 to 256 bytes without control characters.
///
/// Every store operation stays inside one, save a look-up by [`Vid`](crate::verification::Vid).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The most bytes a namespace may have.
    pub const MAX_BYTES: usize = 256;

    /// # Errors
    /// Empty, longer than [`Self::MAX_BYTES`], or with control characters.
    pub fn new(name: &str) -> Result<Self, InvalidInput> {
        valid_line("namespace", name, 1, Self::MAX_BYTES)?;
        Ok(Self(name.into()))
    }

    /// The name as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that holds all keys of this namespace.
    pub fn partition(&self) -> Partition {
        // FNV-1a: spreads names well, and costs nothing. It guards nothing.
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let hash = self.0.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        Partition::new((hash % u64::from(Partition::COUNT)) as u8)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// One of 64 fixed parts of the key space, so that a store which shards by key keeps one operation in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u8);

impl Partition {
    /// How many there are. Fixed for ever: ids carry their partition in 6 bits.
    pub const COUNT: u8 = 64;

    /// The partition of this number, taken modulo [`Self::COUNT`].
    pub const fn new(number: u8) -> Self {
        Self(number % Self::COUNT)
    }

    /// Its number, 0 to 63.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All partitions in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_always_lands_in_the_same_partition() {
        // Pinned: a change would strand every stored key.
        let numbers =
            ["dev", "myAppName", "pb"].map(|name| Namespace::new(name).unwrap().partition().number());
        assert_eq!(numbers, [60, 5, 23]);
    }

    #[test]
    fn a_namespace_is_one_short_line() {
        assert!(Namespace::new("").is_err());
        assert!(Namespace::new("a\nb").is_err());
        assert!(Namespace::new(&"x".repeat(257)).is_err());
        assert!(Namespace::new(&"x".repeat(256)).is_ok());
    }
}

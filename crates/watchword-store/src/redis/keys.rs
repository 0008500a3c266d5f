//! What keys are called.

use watchword_core::namespace::Partition;

/// What all keys of one installation begin with.
///
/// The number of the partition stands in braces: a cluster puts all keys with the same one into the same slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// What the keys of a partition begin with.
    pub(super) fn of(&self, partition: Partition) -> String {
        format!("{}:{{p{:02}}}:", self.0, partition.number())
    }
}

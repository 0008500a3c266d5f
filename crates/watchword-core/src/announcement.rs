//! What a store tells whoever listens, in the same step as a change: when it happens is the store's, the words are a dialect's.
//!
//! Told are only verifications with an external id: of others a listener could not say which one is meant.

/// What is told, and in which words. A part of it that is empty is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcements {
    /// Of each check that is counted, right or not: once it is counted, and before it closes anything.
    pub checked: &'static [Piece],
    /// Of each message that is sent again, once it is counted.
    pub resent: &'static [Piece],
    /// Of each right check that closes: after [`Self::checked`], also where it was closed already.
    pub closed: &'static [Piece],
}

/// A part of what is told. All of it together is JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These words, without control characters.
    Text(&'static str),
    /// Something about the verification.
    Fact(Fact),
}

/// Something about a verification. Texts are told as JSON strings, escaped no further than RFC 8259 (section 7) demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Whose it is.
    Namespace,
    /// The caller's name for it.
    ExternalId,
    /// Where it goes, as given; `""` where that is not known yet.
    Address,
    /// As the caller gave it.
    ChannelDescription,
    /// As the caller gave it.
    AddressDescription,
    /// The caller's own JSON, to the byte; `{}` where there is none.
    Extra,
    /// Which providers carry its messages.
    Route,
    /// The most checks; 0 where there is no limit.
    MaxAttempts,
    /// Checks used.
    Attempts,
    /// Messages sent.
    Sends,
    /// The most messages; 0 where there is no limit.
    MaxSends,
    /// `true` once a right check closed it, else `false`.
    Closed,
    /// Whole seconds until it expires.
    SecondsLeft,
}

//! The four channels, and what each is called where.

use std::sync::LazyLock;

use watchword_core::address::Channel;

use super::name::Name;

/// A channel of this dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelName {
    Sms,
    Call,
    Email,
    Telegram,
}

impl ChannelName {
    pub(super) const ALL: [Self; 4] = [Self::Sms, Self::Call, Self::Email, Self::Telegram];

    /// On the wire, and in the store.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Call => "call",
            Self::Email => "email",
            Self::Telegram => "telegram",
        }
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The parameter that says where a message goes.
    pub(super) const fn target(self) -> Name {
        match self {
            Self::Sms | Self::Call => Name::Phone,
            Self::Email => Name::Email,
            Self::Telegram => Name::ChatId,
        }
    }

    /// The parameter that holds the rules by target.
    pub(super) const fn target_rules(self) -> Name {
        match self {
            Self::Sms | Self::Call => Name::Phones,
            Self::Email => Name::Emails,
            Self::Telegram => Name::ChatIds,
        }
    }

    /// The channels whose passcodes a check takes: before calls had a check of their own, theirs was that of SMS.
    pub(super) const fn checked(self) -> &'static [Self] {
        match self {
            Self::Sms => &[Self::Sms, Self::Call],
            Self::Call => &[Self::Call],
            Self::Email => &[Self::Email],
            Self::Telegram => &[Self::Telegram],
        }
    }

    /// As the domain has it.
    pub(super) fn channel(self) -> &'static Channel {
        #[expect(clippy::expect_used, reason = "each of the four names is a short line")]
        static CHANNELS: LazyLock<[Channel; 4]> =
            LazyLock::new(|| ChannelName::ALL.map(|name| Channel::new(name.as_str()).expect("a name")));
        &CHANNELS[self as usize]
    }
}

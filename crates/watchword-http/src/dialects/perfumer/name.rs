//! What parameters are called.

use std::fmt;

/// The names that mean something. Others are dropped, whatever their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Ip,
    Phone,
    Email,
    ChatId,
    Password,
    Lifetime,
    Message,
    Subject,
    Text,
    Html,
    Channel,
    Target,
    Ips,
    Phones,
    Emails,
    ChatIds,
}

impl Name {
    pub(super) const ALL: [Self; 16] = [
        Self::Ip,
        Self::Phone,
        Self::Email,
        Self::ChatId,
        Self::Password,
        Self::Lifetime,
        Self::Message,
        Self::Subject,
        Self::Text,
        Self::Html,
        Self::Channel,
        Self::Target,
        Self::Ips,
        Self::Phones,
        Self::Emails,
        Self::ChatIds,
    ];

    /// On the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::ChatId => "chat_id",
            Self::Password => "password",
            Self::Lifetime => "lifetime",
            Self::Message => "message",
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
            Self::Channel => "channel",
            Self::Target => "target",
            Self::Ips => "ips",
            Self::Phones => "phones",
            Self::Emails => "emails",
            Self::ChatIds => "chat_ids",
        }
    }

    /// The one of that name on the wire.
    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! What the Bot API says, and what it means. The table is in `telegram.rs`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http_client::RETRY_AFTER_BOUNDS;

/// Reasons that the Bot API gives for a refusal, in its own words. Nothing else that it says is shown with a message.
const REASONS: [&str; 16] = [
    "bot was blocked by the user",
    "user is deactivated",
    "bot can't initiate conversation with a user",
    "bot can't send messages to bots",
    "bot can't send messages to the user",
    "bot was kicked from the",
    "bot is not a member of the",
    "chat not found",
    "user not found",
    "PEER_ID_INVALID",
    "group chat was deactivated",
    "group chat was upgraded to a supergroup chat",
    "not enough rights",
    "have no rights to send a message",
    "message text is empty",
    "message is too long",
];

/// A reply of the Bot API, as all its methods have it.
#[derive(Deserialize)]
pub(super) struct Reply<'a> {
    pub(super) ok: bool,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(default)]
    error_code: Option<u16>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    retry_after: Option<u64>,
    #[serde(default)]
    migrate_to_chat_id: Option<i64>,
}

impl<'a> Reply<'a> {
    /// `None`: this is nothing that the Bot API says.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// What went wrong, by the code in the reply, else by the status it came with.
    pub(super) fn code(&self, status: u16) -> u16 {
        self.error_code.unwrap_or(status)
    }

    /// In the Bot API's words. It may hold what the request held.
    pub(super) fn description(&self) -> &str {
        self.description.as_deref().unwrap_or_default()
    }

    /// The reason, where it is one we know.
    pub(super) fn reason(&self) -> Option<&'static str> {
        REASONS.into_iter().find(|reason| self.description().contains(reason))
    }

    /// How long to wait, within sane bounds.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let (least, most) = RETRY_AFTER_BOUNDS;
        let seconds = self.parameters.as_ref()?.retry_after?;
        Some(Duration::from_secs(seconds).clamp(least, most))
    }

    /// The chat that a group has become.
    pub(super) fn migrated_to(&self) -> Option<i64> {
        self.parameters.as_ref()?.migrate_to_chat_id
    }
}

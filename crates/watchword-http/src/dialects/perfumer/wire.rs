//! What goes over the wire, byte for byte (wire contract of perfumer). Types only: `map.rs` fills them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A good reply, or a check that found the passcode wrong.
#[derive(Serialize)]
pub(super) struct Reply<T> {
    pub(super) status: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<T>,
}

/// A refusal. The order of its keys is part of the contract.
#[derive(Serialize)]
pub(super) struct Refused<'a> {
    pub(super) status: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_code: Option<&'a str>,
    pub(super) message: &'a str,
}

/// What `GET /target` finds.
#[derive(Serialize)]
pub(super) struct TargetContent<'a> {
    pub(super) target: Option<&'a str>,
}

/// What `GET /password` finds.
#[derive(Serialize)]
pub(super) struct PasswordContent<'a> {
    pub(super) password: Option<&'a str>,
}

/// A channel's rules. Of those by target, the list that its `POST` knows.
#[derive(Serialize)]
pub(super) struct RulesContent {
    pub(super) ips: Vec<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phones: Option<Vec<Rule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) emails: Option<Vec<Rule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chat_ids: Option<Vec<Rule>>,
}

/// So many messages in so many minutes.
#[derive(Serialize)]
pub(super) struct Rule {
    pub(super) minutes: u64,
    pub(super) rate: u32,
}

/// A rule as it comes: whatever it is.
#[derive(Deserialize)]
pub(super) struct GivenRule<'a> {
    #[serde(borrow, default)]
    pub(super) minutes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) rate: Option<&'a RawValue>,
}

/// An update (Telegram Bot API, `Update`), as far as it is looked at.
#[derive(Deserialize)]
pub(super) struct Update<'a> {
    pub(super) update_id: i64,
    /// Only in updates of that kind; edits, channel posts and the rest have other names.
    #[serde(borrow, default)]
    pub(super) message: Option<UpdateMessage<'a>>,
}

/// A message (Telegram Bot API, `Message`).
#[derive(Deserialize)]
pub(super) struct UpdateMessage<'a> {
    #[serde(borrow)]
    pub(super) chat: Chat<'a>,
}

/// Where it was written (Telegram Bot API, `Chat`).
#[derive(Deserialize)]
pub(super) struct Chat<'a> {
    pub(super) id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
}

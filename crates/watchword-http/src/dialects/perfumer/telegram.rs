//! The Telegram bot: whoever writes to it gets a passcode.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use watchword_core::address::Address;
use watchword_core::engine::{Engine, PasscodeSource, ThrottleBy, Words};
use watchword_core::error::Error;
use watchword_core::passcode::Passcode;

use super::channel::ChannelName;
use super::map;
use super::settings::{PerfumerSettings, WebhookSettings};
use super::wire::Update;

/// How long an update is known. Telegram repeats what was not acknowledged for up to 24 h.
const REMEMBERED: Duration = Duration::from_hours(48);

/// Answers updates of the Telegram Bot API, however they come: by webhook or by long polling.
#[derive(Clone)]
pub struct Updates {
    engine: Engine,
    settings: Arc<PerfumerSettings>,
}

/// What came of an update, for the log: its [`Display`](fmt::Display) tells it without a chat's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// A passcode is on its way to the chat.
    Answered,
    /// It came before, and was answered then.
    Repeated,
    /// The rules by target have no room for this chat.
    OverLimit,
    /// No message, or not one that the bot answers: an edit, a channel's post, a group's message, a pressed button.
    Ignored,
    /// Telegram's channel has no route.
    NoRoute,
    /// It is JSON, but no object.
    NotAnObject,
    /// Larger than any request may be.
    TooLarge,
}

impl Handled {
    /// In metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::Repeated => "duplicate",
            Self::OverLimit => "throttled",
            Self::Ignored => "ignored",
            Self::NoRoute => "no_route",
            Self::NotAnObject => "invalid_input",
            Self::TooLarge => "body_too_large",
        }
    }

    /// Tells the log: at level info that somebody waits for a passcode in vain, the rest at level debug.
    pub fn log(self) {
        match self {
            Self::OverLimit | Self::NoRoute | Self::TooLarge => {
                tracing::info!(code = self.code(), "a Telegram update is not answered: {self}");
            }
            Self::Answered | Self::Repeated | Self::Ignored | Self::NotAnObject => {
                tracing::debug!(code = self.code(), "a Telegram update came: {self}");
            }
        }
    }
}

impl fmt::Display for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "a passcode is on its way",
            Self::Repeated => "it was answered before",
            Self::OverLimit => "the limits have no room for this chat",
            Self::Ignored => "it is no message that the bot answers",
            Self::NoRoute => "the channel telegram has no provider; configure one",
            Self::NotAnObject => "it is no JSON object",
            Self::TooLarge => "it is larger than a request may be",
        })
    }
}

impl Updates {
    /// Answers by this engine, as `settings` say.
    pub fn new(engine: Engine, settings: Arc<PerfumerSettings>) -> Self {
        Self { engine, settings }
    }

    /// Takes one update's JSON. Once this returns `Ok`, what came of it is durable, and the update need not come again: a message of a
    /// private chat has made a passcode for that chat, counted by the rules by target, and the same `update_id` makes no second one
    /// for 48 h.
    ///
    /// # Errors
    /// [`Error::Overloaded`], [`Error::Store`], [`Error::NoFreePasscode`]: the update should come again.
    pub async fn handle(&self, update: &[u8]) -> Result<Handled, Error> {
        let (update_id, chat) = match self.chat(update) {
            Ok(found) => found,
            Err(handled) => return Ok(handled),
        };
        let Some(route) = self.settings.routes.of(ChannelName::Telegram) else { return Ok(Handled::NoRoute) };
        let WebhookSettings { digits, lifetime, ref text, .. } = self.settings.webhook;
        // The same update, and nothing else.
        let name = format!("telegram update {update_id}");
        let mut request = map::start(
            ChannelName::Telegram,
            self.settings.namespace.clone(),
            route.clone(),
            Address::new(&chat.to_string())?,
            PasscodeSource::UniqueDigits(digits),
            lifetime,
            // The rules by IP address are for callers. Where there are some, a send must name an IP address; under one of its own it
            // has room.
            ThrottleBy { ip: Some(name.clone()), target: true },
        );
        request.dedupe = Some((name, REMEMBERED));
        let compose = |passcode: &Passcode| words(chat, text, passcode);
        match self.engine.start(request, compose).await {
            Ok(_) => Ok(Handled::Answered),
            Err(Error::Duplicate) => Ok(Handled::Repeated),
            Err(Error::Throttled { .. }) => Ok(Handled::OverLimit),
            Err(error) => Err(error),
        }
    }

    /// The update's id and the chat to answer in.
    fn chat(&self, update: &[u8]) -> Result<(i64, i64), Handled> {
        let object: &RawValue = serde_json::from_slice(update).map_err(|_| Handled::NotAnObject)?;
        if !object.get().starts_with('{') {
            return Err(Handled::NotAnObject);
        }
        let update: Update<'_> = serde_json::from_str(object.get()).map_err(|_| Handled::Ignored)?;
        let chat = update.message.ok_or(Handled::Ignored)?.chat;
        let is_answered = match chat.kind.as_ref() {
            "private" => true,
            "group" | "supergroup" => self.settings.webhook.groups,
            _ => false,
        };
        if is_answered { Ok((update.update_id, chat.id)) } else { Err(Handled::Ignored) }
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn words(chat: i64, text: &str, passcode: &Passcode) -> Words {
    let body = text.replace(WebhookSettings::CODE, passcode.expose());
    let given = serde_json::json!({ "chat_id": chat, "message": body }).to_string();
    Words { body, given: Some(given.into()), ..Words::default() }
}

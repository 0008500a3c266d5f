//! `[perfumer]`: the API of Perfumer OTP.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use watchword_core::namespace::Namespace;
use watchword_delivery::settings::Secret;
use watchword_http::dialects::perfumer::WebhookSettings;

use super::super::value::{NamespaceName, digits, lifetime, secret_if_set};

/// `[perfumer]`: what holds where the dialect is perfumer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Perfumer {
    /// Where its verifications are; `None`: [`PerfumerSettings::default`](watchword_http::dialects::perfumer::PerfumerSettings).
    pub(in super::super) namespace: Option<NamespaceName>,
    /// With the password, who may call; `None`: anybody who reaches it.
    pub username: Option<String>,
    /// Only with a user name.
    #[serde(deserialize_with = "secret_if_set")]
    pub password: Option<Secret>,
    /// The Telegram bot that answers people with a passcode.
    pub webhook: Webhook,
}

impl Perfumer {
    /// Whether both say the same.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let secrets = |one: &Self| {
            let shown = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
            (shown(&one.password), shown(&one.webhook.secret))
        };
        let rest = |one: &Self| {
            let Webhook { secret: _, groups, digits, lifetime, text } = one.webhook.clone();
            (one.namespace.clone(), one.username.clone(), groups, digits, lifetime, text)
        };
        secrets(self) == secrets(other) && rest(self) == rest(other)
    }

    /// Where its verifications are, where that is said.
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref().map(|name| &name.0)
    }
}

/// `[perfumer.webhook]`: how the Telegram bot answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// What Telegram proves itself by; `None`: it need not.
    #[serde(deserialize_with = "secret_if_set")]
    pub secret: Option<Secret>,
    /// Whether it answers in groups too.
    pub groups: bool,
    /// Digits of a passcode.
    #[serde(deserialize_with = "digits")]
    pub digits: usize,
    /// How long one is good.
    #[serde(deserialize_with = "month")]
    pub lifetime: Duration,
    /// The message.
    #[serde(deserialize_with = "answer")]
    pub text: String,
}

impl Default for Webhook {
    fn default() -> Self {
        let WebhookSettings { groups, digits, lifetime, text, .. } = WebhookSettings::default();
        Self { secret: None, groups, digits, lifetime, text }
    }
}

/// As long as the dialect's other passcodes may be good (wire contract of perfumer).
fn month<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let lifetime = lifetime(deserializer)?;
    if lifetime <= Duration::from_hours(30 * 24) {
        Ok(lifetime)
    } else {
        Err(D::Error::custom("must be from 1s to 720h (30 days)"))
    }
}

/// A text that says the code.
fn answer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    // Telegram's own limit (Bot API, sendMessage).
    if !text.contains(WebhookSettings::CODE) || text.chars().count() > 4_000 {
        return Err(D::Error::custom(
            "must have {code} in it, where the passcode goes, and at most 4000 characters",
        ));
    }
    Ok(text)
}

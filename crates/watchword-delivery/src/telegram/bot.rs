//! What a bot is set up with: who it is, its webhook, its updates.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;
use watchword_core::delivery::ProviderId;
use watchword_core::ports::Clock;

use super::answer::Reply;
use super::settings::TelegramSettings;
use super::update::Update;
use super::{NoParameters, request};
use crate::http_client::{self, Body, HttpClient};
use crate::kind::{BuildError, Shared};
use crate::settings::Secret;

/// The kinds of updates that are asked for: all others mean nothing to us.
const ALLOWED_UPDATES: [&str; 1] = ["message"];

/// How long a call may take, past the time that the Bot API is asked to wait.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for `setWebhook`: the Bot API first tries to reach the webhook.
const SET_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an answer, and of one with updates: those hold what people wrote.
const MOST_BYTES: usize = 64 * 1_024;
const MOST_UPDATES_BYTES: usize = 8 * 1_024 * 1_024;

/// Updates of one answer.
const MOST_UPDATES: u8 = 20;

/// Bytes of a webhook's secret (Bot API, `setWebhook`).
const MOST_SECRET_BYTES: usize = 256;

/// Bytes of what the Bot API says of a refusal.
const DESCRIPTION_BYTES: usize = 200;

/// A bot of Telegram. Its `Debug` does not show the token.
pub struct Bot {
    /// Where the methods are. It holds the token.
    methods: Url,
    token: Secret,
    http: HttpClient,
}

/// Where Telegram is to send a bot's updates.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// An `https` URL that Telegram can reach, at port 443, 80, 88 or 8443.
    pub url: String,
    /// What Telegram is to send as `X-Telegram-Bot-Api-Secret-Token`: 1 to 256 letters, digits, `_` and `-`.
    pub secret: Option<Secret>,
    /// Whether updates that wait at Telegram are thrown away.
    pub drop_pending: bool,
}

#[derive(Serialize)]
struct SetWebhook<'a> {
    url: &'a str,
    allowed_updates: [&'static str; 1],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    drop_pending_updates: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_token: Option<&'a str>,
}

#[derive(Serialize)]
struct DeleteWebhook {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    drop_pending_updates: bool,
}

#[derive(Serialize)]
struct GetUpdates {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    limit: u8,
    timeout: u64,
    allowed_updates: [&'static str; 1],
}

/// Why a call of the Bot API failed. Its text says what to do next, and never holds the token.
#[derive(Debug, Error)]
pub enum BotError {
    /// No connection, or no answer in time.
    #[error("the Bot API can't be reached: {problem}")]
    Unreachable {
        /// What went wrong.
        problem: String,
    },
    /// Telegram knows no such bot.
    #[error("Telegram does not know this `token`; ask @BotFather for the bot's token")]
    Token,
    /// Too many calls.
    #[error("the Bot API asks to wait for {} s", after.as_secs())]
    Throttled {
        /// How long to wait: 1 s to 1 h.
        after: Duration,
    },
    /// A bot with a webhook can't be polled.
    #[error("the bot has a webhook, and Telegram sends its updates there; delete the webhook to poll")]
    WebhookActive,
    /// A bot can be polled by one process only.
    #[error("another process polls this bot; stop it, or use a webhook")]
    AnotherPoller,
    /// Any other refusal.
    #[error("the Bot API refuses: error {code}, {description}")]
    Refused {
        /// As an HTTP status.
        code: u16,
        /// In the Bot API's words.
        description: String,
    },
    /// What answers is no Bot API, or says too much.
    #[error("HTTP {status}, and no answer of a Bot API; is `api_url` right?")]
    NotUnderstood {
        /// The status it came with.
        status: u16,
    },
    /// A webhook that can't be set.
    #[error("the webhook's {part} {problem}")]
    Webhook {
        /// Which part of it.
        part: &'static str,
        /// What is wrong with it, to be read after its name.
        problem: &'static str,
    },
}

impl BotError {
    /// How long to wait before the same call can succeed, where waiting may help; `Some` of zero: no time is known.
    pub fn passes_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { after } => Some(*after),
            Self::Unreachable { .. } | Self::NotUnderstood { .. } => Some(Duration::ZERO),
            Self::Refused { code, .. } if *code >= 500 => Some(Duration::ZERO),
            // Whoever else polls may stop; a deploy has two for a while.
            Self::AnotherPoller => Some(Duration::ZERO),
            Self::Token | Self::WebhookActive | Self::Refused { .. } | Self::Webhook { .. } => None,
        }
    }
}

impl Bot {
    /// The bot of these settings; it connects to nothing yet. `id` is for the errors.
    ///
    /// # Errors
    /// Settings that can't work.
    pub fn new(
        id: &ProviderId,
        settings: &TelegramSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let methods = settings.check(id)?.methods;
        let http = Shared::new(clock).http(id, &methods)?;
        Ok(Self { methods, token: settings.token.clone(), http })
    }

    /// Its name, without `@`: what people find it by.
    ///
    /// # Errors
    /// [`BotError`]; nothing changed.
    pub async fn name(&self) -> Result<Option<String>, BotError> {
        self.call("getMe", &NoParameters {}, CALL_TIMEOUT, MOST_BYTES, username).await
    }

    /// Makes Telegram send the bot's messages to `webhook` from now on.
    ///
    /// # Errors
    /// [`BotError`]. Where it says that no answer came, the webhook may be set.
    pub async fn set_webhook(&self, webhook: &Webhook) -> Result<(), BotError> {
        let wrong = |part, problem| Err(BotError::Webhook { part, problem });
        if !webhook.url.starts_with("https://") {
            return wrong("URL", "must begin with https://; Telegram sends to no other");
        }
        let secret = webhook.secret.as_ref().map(Secret::expose);
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if secret.is_some_and(|text| {
            text.is_empty() || text.len() > MOST_SECRET_BYTES || !text.bytes().all(is_letter)
        }) {
            return wrong("secret", "must be 1 to 256 letters, digits, `_` and `-`; Telegram takes no other");
        }
        let parameters = SetWebhook {
            url: &webhook.url,
            allowed_updates: ALLOWED_UPDATES,
            drop_pending_updates: webhook.drop_pending,
            secret_token: secret,
        };
        self.call("setWebhook", &parameters, SET_TIMEOUT, MOST_BYTES, |_| ()).await
    }

    /// Makes Telegram keep the bot's updates for whoever polls. It is no error that there was no webhook.
    ///
    /// # Errors
    /// [`BotError`]. Where it says that no answer came, the webhook may be deleted.
    pub async fn delete_webhook(&self, drop_pending: bool) -> Result<(), BotError> {
        let parameters = DeleteWebhook { drop_pending_updates: drop_pending };
        self.call("deleteWebhook", &parameters, CALL_TIMEOUT, MOST_BYTES, |_| ()).await
    }

    /// The next updates; those before `offset` are confirmed and never come again. Waits up to `wait` for one.
    pub(super) async fn updates(&self, offset: Option<i64>, wait: Duration) -> Result<Vec<Update>, BotError> {
        let parameters = GetUpdates {
            offset,
            limit: MOST_UPDATES,
            timeout: wait.as_secs(),
            allowed_updates: ALLOWED_UPDATES,
        };
        let limit = wait + CALL_TIMEOUT;
        let updates = self.call("getUpdates", &parameters, limit, MOST_UPDATES_BYTES, |result| {
            let all: Vec<&RawValue> = serde_json::from_str(result.get()).ok()?;
            Some(all.into_iter().filter_map(Update::read).collect())
        });
        updates.await?.ok_or(BotError::NotUnderstood { status: 200 })
    }

    async fn call<T>(
        &self,
        method: &str,
        parameters: &impl Serialize,
        limit: Duration,
        most: usize,
        read: impl FnOnce(&RawValue) -> T,
    ) -> Result<T, BotError> {
        let request = request(&self.methods, method, parameters);
        let exchange = async {
            let response = self.http.send(request).await?;
            let (status, retry_after) = (response.status().as_u16(), self.http.retry_after(&response));
            Ok((status, retry_after, http_client::read_at_most(most, response).await))
        };
        let (status, retry_after, body) = http_client::within(limit, exchange).await.map_err(|outcome| {
            let problem = outcome.detail().unwrap_or("no answer").to_owned();
            BotError::Unreachable { problem }
        })?;
        let bytes = match body {
            Body::Whole(bytes) => bytes,
            Body::Beginning(_) => return Err(BotError::NotUnderstood { status }),
            Body::Broken => {
                return Err(BotError::Unreachable { problem: "the answer broke off".to_owned() });
            }
        };
        let reply = Reply::read(&bytes).ok_or(BotError::NotUnderstood { status })?;
        match reply.result {
            Some(result) if reply.ok => Ok(read(result)),
            _ => Err(self.refusal(&reply, status, retry_after)),
        }
    }

    fn refusal(&self, reply: &Reply<'_>, status: u16, retry_after: Option<Duration>) -> BotError {
        let description = reply.description();
        match reply.code(status) {
            401 | 404 | 421 => BotError::Token,
            409 if description.contains("webhook is active") => BotError::WebhookActive,
            409 => BotError::AnotherPoller,
            429 => {
                let after = reply.retry_after().or(retry_after).unwrap_or(Duration::from_secs(1));
                BotError::Throttled { after }
            }
            code => {
                let mut description = description.replace(self.token.expose(), "…");
                description = description.replace(char::is_control, " ");
                description.truncate(description.floor_char_boundary(DESCRIPTION_BYTES));
                BotError::Refused { code, description }
            }
        }
    }
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bot(…)")
    }
}

/// The name in what `getMe` answers.
pub(super) fn username(result: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct User {
        username: String,
    }
    let User { username } = serde_json::from_str(result.get()).ok()?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    ((1..=64).contains(&username.len()) && username.bytes().all(is_letter)).then_some(username)
}

/// The message's number in its chat, in what `sendMessage` answers.
pub(super) fn message_id(result: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Message {
        message_id: i64,
    }
    let Message { message_id } = serde_json::from_str(result.get()).ok()?;
    Some(message_id.to_string())
}

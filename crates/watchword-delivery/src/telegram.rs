//! `telegram`: sends each message to a chat by a bot ([Bot API](https://core.telegram.org/bots/api), `sendMessage`).
//!
//! ```text
//! POST {api_url}/bot{token}/sendMessage
//! Content-Type: application/json
//!
//! {"chat_id":1234567890,"text":"…","link_preview_options":{"is_disabled":true},"disable_notification":true}
//! ```
//!
//! `disable_notification` is there when `silent` is set. There is never a preview of a link: Telegram's servers would
//! open it, and a link may hold the passcode.
//!
//! | answer | outcome |
//! |---|---|
//! | `"ok":true` | `Accepted`, with the message's number in its chat |
//! | 2xx whose body did not come | `Accepted` |
//! | 400 and `migrate_to_chat_id` | sent once more, to that chat |
//! | 400 `Logged out` | `ProviderRefused`: the bot is at another Bot API server |
//! | 400, 403, 413: no such chat, blocked by the user, user deactivated, kicked, no rights, text too long | `AddressRefused` |
//! | 401, 404, 421 | `ProviderRefused`: the token |
//! | 429 | `Throttled`, for as long as `retry_after` says, else `Retry-After` |
//! | 5xx, any other code | `Transient` |
//! | what no Bot API says: a 2xx | `Transient` |
//! | what no Bot API says: all else | as in `http_client.rs` |
//! | an address that is no number | `AddressRefused`, without a request |
//!
//! The code is `error_code`, else the status. `@channelusername`, which the Bot API takes too, is no number on purpose: such a
//! channel is public, and so would the passcode be.
//!
//! The token is in the URL, which no error or log may show.

mod answer;
mod bot;
mod settings;
mod update;
mod updates;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Url};
use serde::Serialize;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Probe, Provider};

use crate::exchange::{Answer, exchange};
use crate::http_client::HttpClient;
use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};
use crate::plain_text;
use answer::Reply;
pub use bot::{Bot, BotError, Webhook};
pub use settings::TelegramSettings;
pub use update::Update;
pub use updates::Poll;

/// Left of a timeout for what is done with the last answer.
const AFTERWARDS: Duration = Duration::from_millis(20);

/// The number of a chat, where `text` is one: decimal digits, with `-` before those of groups.
pub(crate) fn chat_id(text: &str) -> Option<i64> {
    let id: i64 = text.parse().ok()?;
    (id != 0 && !text.starts_with('+')).then_some(id)
}

impl ProviderKind for TelegramSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        Presentation {
            channel: "Telegram",
            address_name: "Chat id",
            max_address_length: None,
            passcode_length: PASSCODE_LENGTH,
        }
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let checked = self.check(&id)?;
        let http = shared.http(&id, &checked.methods)?;
        Ok(Arc::new(Telegram {
            id,
            methods: checked.methods,
            silent: self.silent,
            timeout: checked.timeout,
            max_concurrent: self.max_conns,
            http,
        }))
    }
}

struct Telegram {
    id: ProviderId,
    /// It holds the token.
    methods: Url,
    silent: bool,
    timeout: Duration,
    max_concurrent: usize,
    http: HttpClient,
}

/// The parameters of `sendMessage`, in the order they are sent.
#[derive(Serialize)]
struct SendMessage<'a> {
    chat_id: i64,
    text: &'a str,
    link_preview_options: NoPreview,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_notification: bool,
}

#[derive(Serialize)]
struct NoPreview {
    is_disabled: bool,
}

#[derive(Serialize)]
struct NoParameters {}

/// What became of one request.
enum Sent {
    Ended(Outcome),
    /// Nothing was sent: the chat is this one now.
    Migrated(i64),
}

#[async_trait]
impl Provider for Telegram {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_concurrent(&self) -> usize {
        self.max_concurrent
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        let message = outgoing.message;
        let Some(chat) = chat_id(&message.to) else {
            return Outcome::AddressRefused { detail: "not sent: the chat id is no number".to_owned() };
        };
        let text = plain_text::of(message);
        let sending = async {
            match self.send_to(chat, &text).await {
                Sent::Ended(outcome) => outcome,
                Sent::Migrated(chat) => match self.send_to(chat, &text).await {
                    Sent::Ended(outcome) => outcome,
                    Sent::Migrated(_) => {
                        Outcome::AddressRefused { detail: "the chat moved, and moved again".to_owned() }
                    }
                },
            }
        };
        let limit = self.timeout.saturating_sub(AFTERWARDS);
        tokio::time::timeout(limit, sending)
            .await
            .unwrap_or_else(|_| Outcome::Unknown { detail: "no answer in time".to_owned() })
    }

    /// Asks the Bot API who the bot is.
    async fn probe(&self) -> Probe {
        // Those who wait for the answer keep a little of the time.
        let limit = self.timeout.saturating_sub(Duration::from_millis(200));
        let answer =
            match exchange(&self.http, request(&self.methods, "getMe", &NoParameters {}), limit, |_| true)
                .await
            {
                Ok(answer) => answer,
                Err(outcome) => {
                    return Probe::Failed { problem: outcome.detail().unwrap_or("no answer").to_owned() };
                }
            };
        let reply = answer.body.as_ref().and_then(|body| Reply::read(body.bytes()));
        match reply {
            Some(reply) if reply.ok => Probe::Good {
                tried: match reply.result.and_then(bot::username) {
                    Some(name) => format!("the Bot API knows the bot @{name}"),
                    None => "the Bot API knows the bot".to_owned(),
                },
            },
            Some(reply) if matches!(reply.code(answer.status), 401 | 404 | 421) => Probe::Failed {
                problem: "Telegram does not know this `token`; ask @BotFather for the bot's token".to_owned(),
            },
            Some(reply) => {
                Probe::Failed { problem: format!("the Bot API refuses: error {}", reply.code(answer.status)) }
            }
            None => Probe::Failed {
                problem: format!("HTTP {}, and no answer of a Bot API; is `api_url` right?", answer.status),
            },
        }
    }
}

impl Telegram {
    async fn send_to(&self, chat_id: i64, text: &str) -> Sent {
        let parameters = SendMessage {
            chat_id,
            text,
            link_preview_options: NoPreview { is_disabled: true },
            disable_notification: self.silent,
        };
        let request = request(&self.methods, "sendMessage", &parameters);
        match exchange(&self.http, request, self.timeout, |_| true).await {
            Ok(answer) => judge(answer),
            Err(outcome) => Sent::Ended(outcome),
        }
    }
}

/// What an answer to `sendMessage` means.
fn judge(answer: Answer) -> Sent {
    let Answer { status, retry_after, refusal, body } = answer;
    let Some(reply) = body.as_ref().and_then(|body| Reply::read(body.bytes())) else {
        return Sent::Ended(match (refusal, body) {
            (Some(refusal), _) => refusal,
            (None, None) => Outcome::Accepted { message_id: None },
            (None, Some(_)) => {
                Outcome::Transient { detail: format!("HTTP {status}, and no answer of the Bot API") }
            }
        });
    };
    if reply.ok {
        return Sent::Ended(Outcome::Accepted { message_id: reply.result.and_then(bot::message_id) });
    }
    let code = reply.code(status);
    if code == 400
        && let Some(chat) = reply.migrated_to()
    {
        return Sent::Migrated(chat);
    }
    let detail = match reply.reason() {
        Some(reason) => format!("error {code}, {reason}"),
        None => format!("error {code}"),
    };
    Sent::Ended(match code {
        400 if reply.description().contains("Logged out") => {
            Outcome::ProviderRefused { detail: "error 400, the bot is at another Bot API server".to_owned() }
        }
        400 | 403 | 413 => Outcome::AddressRefused { detail },
        401 | 404 | 421 => Outcome::ProviderRefused { detail },
        429 => Outcome::Throttled { after: reply.retry_after().or(retry_after) },
        _ => Outcome::Transient { detail },
    })
}

/// A call of a method; `methods` is where all of them are.
fn request(methods: &Url, method: &str, parameters: &impl Serialize) -> Request {
    #[expect(
        clippy::expect_used,
        reason = "strings, numbers and lists always serialize, and a Vec takes them"
    )]
    let json = serde_json::to_vec(parameters).expect("parameters of a method");
    let mut url = methods.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        // An `http` or `https` URL always has one.
        path.push(method);
    }
    let mut request = Request::new(Method::POST, url);
    *request.headers_mut() = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static(concat!("watchword/", env!("CARGO_PKG_VERSION")))),
    ]);
    *request.body_mut() = Some(json.into());
    request
}

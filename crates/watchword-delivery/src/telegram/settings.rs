//! The settings of a bot of Telegram, and what is wrong with them.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use watchword_core::delivery::ProviderId;

use crate::checks::{
    check_max_conns, check_requestable, default_max_conns, http_timeout, service_url, wrong,
};
use crate::kind::BuildError;
use crate::settings::{Secret, optional_duration};

/// Where Telegram's own servers are.
const API_URL: &str = "https://api.telegram.org";

/// Bytes of a token. Telegram takes 80 at most.
const MAX_TOKEN: usize = 80;

/// A bot of Telegram.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelegramSettings {
    /// The bot's token, as `BotFather` gave it.
    pub token: Secret,
    /// Where the Bot API is: `https://api.telegram.org` by default. For a Bot API server of one's own. Empty is unset.
    #[serde(default)]
    pub api_url: Option<String>,
    /// Whether messages come without a sound; by default they don't.
    #[serde(default)]
    pub silent: bool,
    /// How long one try may take: 3 s by default and where it is under 1 s, at most 5 min.
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// Messages sent at once: 1 to 10,000, by default 10.
    #[serde(default = "default_max_conns")]
    pub max_conns: usize,
}

/// Settings that can work.
pub(super) struct Checked {
    /// Where the methods are. It holds the token.
    pub(super) methods: Url,
    pub(super) timeout: Duration,
}

impl TelegramSettings {
    /// A bot with this token, all else by default.
    pub fn new(token: impl Into<Secret>) -> Self {
        Self {
            token: token.into(),
            api_url: None,
            silent: false,
            timeout: None,
            max_conns: default_max_conns(),
        }
    }

    pub(super) fn check(&self, id: &ProviderId) -> Result<Checked, BuildError> {
        let token = self.token.expose();
        if !is_token(token) {
            return Err(wrong(
                id,
                "token",
                "must be a bot's token as BotFather gives it, digits, a colon, then letters and digits",
            ));
        }
        let api_url = self.api_url.as_deref().filter(|url| !url.is_empty()).unwrap_or(API_URL);
        let mut methods = service_url(id, "api_url", api_url)?;
        check_requestable(id, "api_url", &methods)?;
        if let Ok(mut path) = methods.path_segments_mut() {
            // An `http` or `https` URL always has one.
            path.pop_if_empty().push(&format!("bot{token}"));
        }
        check_max_conns(id, self.max_conns)?;
        Ok(Checked { methods, timeout: http_timeout(id, self.timeout)? })
    }
}

/// As the Bot API's server decides it; what is more can't stand in a path as it is.
fn is_token(text: &str) -> bool {
    let Some((number, key)) = text.split_once(':') else { return false };
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() <= MAX_TOKEN
        && !number.is_empty()
        && !number.starts_with('0')
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && !key.is_empty()
        && key.bytes().all(is_key)
}

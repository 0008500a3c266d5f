//! What the dialect is told at start.

use std::fmt;
use std::time::Duration;

use watchword_core::namespace::Namespace;
use watchword_core::verification::RouteName;

use super::channel::ChannelName;

/// How the dialect behaves. The defaults are those of the wire contract of perfumer.
#[derive(Clone, Debug)]
pub struct PerfumerSettings {
    /// Where all its verifications are: its callers know no tenants. `perfumer` by default; two servers on one store that must not
    /// see each other's passcodes have one each.
    pub namespace: Namespace,
    /// Who may call. `None`: anybody who reaches it.
    pub basic_auth: Option<BasicAuth>,
    /// What carries each channel's messages.
    pub routes: ChannelRoutes,
    /// The Telegram bot that answers people with a passcode.
    pub webhook: WebhookSettings,
    /// How long a request may take.
    pub server_timeout: Duration,
}

impl Default for PerfumerSettings {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "it is a short line")]
        let namespace = Namespace::new("perfumer").expect("a name");
        Self {
            namespace,
            basic_auth: None,
            routes: ChannelRoutes::default(),
            webhook: WebhookSettings::default(),
            server_timeout: Duration::from_secs(5),
        }
    }
}

/// The credentials of every caller (RFC 7617).
#[derive(Clone)]
pub struct BasicAuth {
    /// Without a colon.
    pub username: String,
    /// Any text.
    pub password: String,
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicAuth(…)")
    }
}

/// The route of each channel. A send on a channel without one is refused: 400 `Channel "sms" is not configured`. Checks, look-ups
/// and limits work all the same.
#[derive(Clone, Debug, Default)]
pub struct ChannelRoutes {
    /// Of `POST /sms`.
    pub sms: Option<RouteName>,
    /// Of `POST /call`.
    pub call: Option<RouteName>,
    /// Of `POST /email`.
    pub email: Option<RouteName>,
    /// Of `POST /telegram`, and of the bot's answers.
    pub telegram: Option<RouteName>,
}

impl ChannelRoutes {
    pub(super) fn of(&self, channel: ChannelName) -> Option<&RouteName> {
        match channel {
            ChannelName::Sms => self.sms.as_ref(),
            ChannelName::Call => self.call.as_ref(),
            ChannelName::Email => self.email.as_ref(),
            ChannelName::Telegram => self.telegram.as_ref(),
        }
    }
}

/// How the Telegram bot answers those who write to it.
#[derive(Clone)]
pub struct WebhookSettings {
    /// What Telegram sends as `X-Telegram-Bot-Api-Secret-Token`. `None`: the header is not looked at, and anybody who may call may
    /// post an update.
    pub secret: Option<String>,
    /// Whether it answers in groups and supergroups too, where all members see the passcode. Never in channels.
    pub groups: bool,
    /// Digits of a passcode.
    pub digits: usize,
    /// How long it is good for.
    pub lifetime: Duration,
    /// The message. [`Self::CODE`] in it stands for the passcode, and must be there.
    pub text: String,
}

impl WebhookSettings {
    /// What stands for the passcode in [`Self::text`].
    pub const CODE: &'static str = "{code}";
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            secret: None,
            groups: false,
            digits: 7,
            lifetime: Duration::from_secs(300),
            text: format!("Your code: {}", Self::CODE),
        }
    }
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secret: _, groups, digits, lifetime, text } = self;
        f.debug_struct("WebhookSettings")
            .field("groups", groups)
            .field("digits", digits)
            .field("lifetime", lifetime)
            .field("text", text)
            .finish_non_exhaustive()
    }
}

//! `watchword telegram`.

mod poll;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use thiserror::Error;
use watchword_core::delivery::ProviderId;
use watchword_core::error::InvalidInput;
use watchword_core::passcode::random_text;
use watchword_core::ports::Clock;
use watchword_delivery::registry::{BuildError, ProviderSettings};
use watchword_delivery::telegram::{Bot, BotError, TelegramSettings, Webhook};

use super::site::{Site, SiteError};
use super::sources::SourceOptions;
use super::{CommandError, once, say};
use crate::config::{Config, Dialect, TELEGRAM_TOKEN};
use crate::lifecycle::Ended;
use crate::random::OsRandom;

/// Have a Telegram bot answer people with a passcode: by a webhook, or by polling.
///
/// The bot is that of the provider `telegram`, or of the one that --provider names; where messages go through Queue and there is no
/// such provider, its token is what WATCHWORD_TELEGRAM_TOKEN holds. For servers that speak Perfumer OTP's API.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    SetWebhook(SetOptions),
    DeleteWebhook(DeleteOptions),
    Poll(PollOptions),
}

/// Make Telegram send the bot's updates to the server.
///
/// Telegram proves itself by the secret of `perfumer.webhook.secret`, which the server must know before.
#[derive(Debug, Args)]
struct SetOptions {
    /// Where Telegram reaches the server: https, at port 443, 80, 88 or 8443; the path is /telegram/webhook
    #[arg(value_name = "URL")]
    url: String,
    /// Go without a secret: whoever finds the URL can then have passcodes sent
    #[arg(long)]
    without_secret: bool,
    /// Throw away what people wrote before
    #[arg(long)]
    drop_pending: bool,
    #[command(flatten)]
    bot: BotOptions,
}

/// Make Telegram keep the bot's updates for whoever polls.
#[derive(Debug, Args)]
struct DeleteOptions {
    /// Throw away what people wrote before
    #[arg(long)]
    drop_pending: bool,
    #[command(flatten)]
    bot: BotOptions,
}

/// Ask Telegram for the bot's updates, and answer them as the webhook would.
///
/// For where Telegram can't reach the server. It is a process of its own, beside the server and on its store, runs until SIGTERM
/// or Ctrl-C, and sends its answers itself. One at a time may poll a bot.
#[derive(Debug, Args)]
struct PollOptions {
    #[command(flatten)]
    bot: BotOptions,
}

#[derive(Debug, Args)]
struct BotOptions {
    /// The provider whose bot it is
    #[arg(long, value_name = "NAME", value_parser = ProviderId::new)]
    provider: Option<ProviderId>,
    #[command(flatten)]
    sources: SourceOptions,
}

/// Why it can't be done. Each text says what to do.
#[derive(Debug, Error)]
pub(super) enum TelegramError {
    /// Nobody else answers updates.
    #[error(
        "only a server that speaks Perfumer OTP's API has a bot: set server.dialect to \"perfumer\", or say `--as perfumer`"
    )]
    Dialect,
    /// Nobody said which.
    #[error(
        "no bot is named: configure a provider `telegram` of the kind telegram, name another one with --provider, or put the \
         bot's token into {TELEGRAM_TOKEN}"
    )]
    NoBot,
    /// It is another one, or mistyped.
    #[error("there is no provider `{0}` of the kind telegram")]
    NoSuchProvider(ProviderId),
    /// From the environment.
    #[error(
        "{TELEGRAM_TOKEN}: must be a bot's token as BotFather gives it, digits, a colon, then letters and digits"
    )]
    Token,
    /// Anybody could post updates.
    #[error(
        "there is no secret, so whoever finds the URL could have passcodes sent: set perfumer.webhook.secret (a good one: {suggested}), \
         restart or reload the server, and try again; or go --without-secret"
    )]
    NoSecret {
        /// A random one.
        suggested: String,
    },
    /// It would refuse every update.
    #[error(
        "a secret is configured, and the server refuses updates without it: leave out --without-secret, or remove \
         perfumer.webhook.secret"
    )]
    SecretWanted,
    /// The same.
    #[error(
        "the server asks for BasicAuth, which Telegram can't send: set perfumer.webhook.secret, which opens the webhook"
    )]
    BasicAuth,
    /// Its updates can't be asked for.
    #[error(
        "Telegram sends this bot's updates to a webhook; to poll them, first run `watchword telegram delete-webhook`"
    )]
    WebhookActive,
    /// Telegram says no, or can't be asked.
    #[error(transparent)]
    Bot(BotError),
    /// Its settings can't work.
    #[error(transparent)]
    Settings(#[from] BuildError),
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A name in the configuration is none that the domain takes.
    #[error("the configuration can't be used: {0}")]
    Name(#[from] InvalidInput),
    /// The system lets no handler for signals in.
    #[error("signals can't be listened to: {0}")]
    Signals(#[source] std::io::Error),
}

impl TelegramError {
    /// Whether the command line or the configuration is what is wrong.
    pub(super) const fn is_usage(&self) -> bool {
        match self {
            Self::Dialect
            | Self::NoBot
            | Self::NoSuchProvider(_)
            | Self::Token
            | Self::NoSecret { .. }
            | Self::SecretWanted
            | Self::BasicAuth
            | Self::Settings(_)
            | Self::Name(_)
            | Self::Bot(BotError::Webhook { .. }) => true,
            Self::WebhookActive | Self::Bot(_) | Self::Site(_) | Self::Signals(_) => false,
        }
    }
}

impl From<BotError> for TelegramError {
    fn from(error: BotError) -> Self {
        match error {
            BotError::WebhookActive => Self::WebhookActive,
            other => Self::Bot(other),
        }
    }
}

pub(super) fn run(options: Options) -> Result<Ended, CommandError> {
    match options.action {
        Action::SetWebhook(SetOptions {
            url,
            without_secret,
            drop_pending,
            bot: BotOptions { provider, sources },
        }) => {
            let site = Site::read(sources)?;
            let bot = bot(&site, provider.as_ref())?;
            let webhook = webhook(&site.config, url, without_secret, drop_pending)?;
            let told = once(set(&bot, &webhook))??;
            say(&told);
        }
        Action::DeleteWebhook(DeleteOptions { drop_pending, bot: BotOptions { provider, sources } }) => {
            let site = Site::read(sources)?;
            let bot = bot(&site, provider.as_ref())?;
            once(delete(&bot, drop_pending))??;
            say("Telegram keeps the bot's updates from now on: poll them with `watchword telegram poll`.");
        }
        Action::Poll(PollOptions { bot: BotOptions { provider, sources } }) => {
            let site = Site::read(sources)?;
            let bot = bot(&site, provider.as_ref())?;
            return poll::run(&site, bot);
        }
    }
    Ok(Ended::Drained)
}

/// The bot that is meant; nothing is connected to yet.
fn bot(site: &Site, named: Option<&ProviderId>) -> Result<Bot, TelegramError> {
    let Site { config, clock } = site;
    if config.server.dialect != Dialect::Perfumer {
        return Err(TelegramError::Dialect);
    }
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let usual = ProviderId::new("telegram")?;
    let id = named.unwrap_or(&usual);
    match (config.providers.get(id).map(|configured| &configured.settings), named) {
        (Some(ProviderSettings::Telegram(settings)), _) => Ok(Bot::new(id, settings, clock)?),
        (_, Some(named)) => Err(TelegramError::NoSuchProvider(named.clone())),
        (_, None) => {
            let token = env::var(TELEGRAM_TOKEN).ok().filter(|token| !token.is_empty());
            let token = token.ok_or(TelegramError::NoBot)?;
            Bot::new(id, &TelegramSettings::new(token), clock).map_err(|_| TelegramError::Token)
        }
    }
}

fn webhook(
    config: &Config,
    url: String,
    without_secret: bool,
    drop_pending: bool,
) -> Result<Webhook, TelegramError> {
    let secret = config.perfumer.webhook.secret.clone();
    match (&secret, without_secret) {
        (None, _) if config.perfumer.username.is_some() => return Err(TelegramError::BasicAuth),
        (None, false) => return Err(TelegramError::NoSecret { suggested: random_secret() }),
        (Some(_), true) => return Err(TelegramError::SecretWanted),
        (Some(_), false) | (None, true) => {}
    }
    Ok(Webhook { url, secret, drop_pending })
}

fn random_secret() -> String {
    random_text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 40, &OsRandom)
}

async fn set(bot: &Bot, webhook: &Webhook) -> Result<String, TelegramError> {
    bot.set_webhook(webhook).await?;
    let who = match bot.name().await {
        Ok(Some(name)) => format!("@{name}"),
        // It is set; its name is for people only.
        Ok(None) | Err(_) => "the bot".to_owned(),
    };
    let how = if webhook.secret.is_some() { "with the configured secret" } else { "without a secret" };
    let mut told =
        format!("Telegram sends what people write to {who} to {} from now on, {how}.", webhook.url);
    let path = webhook.url.split(['?', '#']).next().unwrap_or_default();
    if !path.ends_with("/telegram/webhook") {
        told.push_str("\nThe server answers updates at /telegram/webhook: whatever is before it must lead this URL there.");
    }
    Ok(told)
}

async fn delete(bot: &Bot, drop_pending: bool) -> Result<(), TelegramError> {
    Ok(bot.delete_webhook(drop_pending).await?)
}

/// How long after a failure the Bot API, or the store, is tried again; longer where it says so.
const PAUSE: Duration = Duration::from_secs(3);

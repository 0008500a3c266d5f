//! What every kind of provider has in common: how it is shown, what it shares with others, and why it can't be built.

use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::Url;
use thiserror::Error;
use watchword_core::delivery::ProviderId;
use watchword_core::ports::{Clock, Provider};

use crate::http_client::HttpClient;
use crate::inbox::Inbox;
use crate::trust::TrustError;

/// What a kind of provider brings along: implemented by its settings.
pub(crate) trait ProviderKind {
    /// See [`ProviderSettings::presentation`](crate::registry::ProviderSettings::presentation).
    fn presentation<'a>(&'a self, id: &'a ProviderId) -> Presentation<'a>;

    /// Checks the settings and makes the provider. It connects to nothing.
    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError>;
}

/// How a provider is shown, and what its passcodes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation<'a> {
    /// Its medium as people call it: `SMS`, `E-mail`. Once the provider is built, it is known to be a valid channel.
    pub channel: &'a str,
    /// What people call an address of it: `Mobile number`.
    pub address_name: &'a str,
    /// Characters of an address at most, for the field it is typed into. `None`: no limit.
    pub max_address_length: Option<usize>,
    /// Digits of a generated passcode.
    pub passcode_length: usize,
}

/// Digits of a passcode, where a provider has no length of its own (wire contract of otpgateway).
pub(crate) const PASSCODE_LENGTH: usize = 6;

/// What providers share.
pub(crate) struct Shared {
    clock: Arc<dyn Clock>,
    pub(crate) inbox: Option<Inbox>,
    /// Made for the first provider that needs it: reading the system's certificates costs time and memory.
    http: Mutex<Option<HttpClient>>,
    /// What an operator should know of settings that work.
    warnings: Mutex<Vec<String>>,
}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inbox: None, http: Mutex::new(None), warnings: Mutex::default() }
    }

    /// The time.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Notes what an operator should know of `provider`, though its settings work.
    pub(crate) fn warn(&self, provider: &ProviderId, text: &str) {
        self.warnings.lock().push(format!("provider `{provider}`: {text}"));
    }

    /// What was noted since this was asked last.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock())
    }

    /// The client that providers share, able to speak to `url`.
    pub(crate) fn http(&self, provider: &ProviderId, url: &Url) -> Result<HttpClient, BuildError> {
        let unusable = |source| BuildError::Https { provider: provider.clone(), source };
        let mut shared = self.http.lock();
        let client = match &*shared {
            Some(client) => client,
            None => shared.insert(HttpClient::new(Arc::clone(&self.clock)).map_err(unusable)?),
        };
        client.check(url).map_err(unusable)?;
        Ok(client.clone())
    }
}

/// Why a provider can't be built. Its text is for the operator: what to mend, and where.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A setting that can't work.
    #[error("provider `{provider}`: `{setting}` {problem}")]
    Setting {
        /// Whose.
        provider: ProviderId,
        /// Its name in the configuration.
        setting: &'static str,
        /// What is wrong with it, to be read after its name.
        problem: &'static str,
    },
    /// A part of a setting that can't work, such as one template of several.
    #[error("provider `{provider}`: `{setting}` {problem}")]
    Part {
        /// Whose.
        provider: ProviderId,
        /// Its name in the configuration, with dots.
        setting: String,
        /// What is wrong with it, to be read after its name.
        problem: String,
    },
    /// A setting that is no URL.
    #[error("provider `{provider}`: `{setting}` is not a URL; write it like https://example.com/otp")]
    Url {
        /// Whose.
        provider: ProviderId,
        /// Its name in the configuration.
        setting: &'static str,
        /// Why not.
        source: <Url as std::str::FromStr>::Err,
    },
    /// An inbox outside of `watchword dev`.
    #[error(
        "provider `{provider}`: the kind `inbox` shows passcodes to whoever opens its page and is for `watchword dev` \
         only; choose another `kind`"
    )]
    DevOnly {
        /// Whose.
        provider: ProviderId,
    },
    /// No way to verify a mail server.
    #[error("provider `{provider}`: {source}")]
    Trust {
        /// Whose.
        provider: ProviderId,
        /// Why not.
        source: TrustError,
    },
    /// No way to verify a server.
    #[error(
        "provider `{provider}`: HTTPS can't be used; are root certificates installed (the package `ca-certificates`)?"
    )]
    Https {
        /// Whose.
        provider: ProviderId,
        /// Why not.
        source: Arc<reqwest::Error>,
    },
}

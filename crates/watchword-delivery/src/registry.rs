//! The list of provider kinds, and how configuration becomes providers.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::Url;
use serde::Deserialize;
use thiserror::Error;
use watchword_core::delivery::ProviderId;
use watchword_core::ports::{Clock, Provider};

use crate::http_client::HttpClient;
use crate::inbox::{Inbox, InboxSettings};
use crate::webhook::WebhookSettings;

/// Declares [`ProviderSettings`] from lines of `/// what it does` and `"kind" => Variant(Settings),`.
macro_rules! providers {
    ($($(#[$doc:meta])* $kind:literal => $variant:ident($settings:ty),)+) => {
        /// The settings of one provider; `kind` says which kind of provider they are of.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(tag = "kind")]
        pub enum ProviderSettings {
            $($(#[$doc])* #[serde(rename = $kind)] $variant($settings),)+
        }

        impl ProviderSettings {
            /// Every kind, as `kind` names it.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            /// Reads the settings of a provider of that kind, `kind` itself left out. `None`: there is no such kind.
            ///
            /// Unlike `Deserialize`, which must look for `kind` first, it keeps the reader's sense of place.
            ///
            /// # Errors
            /// What the reader says.
            pub fn read<'de, D: serde::Deserializer<'de>>(
                kind: &str,
                settings: D,
            ) -> Option<Result<Self, D::Error>> {
                match kind {
                    $($kind => Some(<$settings>::deserialize(settings).map(Self::$variant)),)+
                    _ => None,
                }
            }

            /// Which kind, as `kind` names it.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)+
                }
            }

            fn of_kind(&self) -> &dyn ProviderKind {
                match self {
                    $(Self::$variant(settings) => settings,)+
                }
            }
        }
    };
}

providers! {
    /// Posts each message as JSON to a URL.
    "webhook" => Webhook(WebhookSettings),
    /// Keeps messages in memory and shows them on a page; for `watchword dev`.
    "inbox" => Inbox(InboxSettings),
}

impl ProviderSettings {
    /// What a person and the engine must know of a provider with these settings, named `id`.
    pub fn presentation<'a>(&'a self, id: &'a ProviderId) -> Presentation<'a> {
        self.of_kind().presentation(id)
    }
}

/// What a kind of provider brings along: implemented by its settings.
pub(crate) trait ProviderKind {
    /// See [`ProviderSettings::presentation`].
    fn presentation<'a>(&'a self, id: &'a ProviderId) -> Presentation<'a>;

    /// Checks the settings and makes the provider. It connects to nothing.
    fn build(&self, id: ProviderId, registry: &Registry) -> Result<Arc<dyn Provider>, BuildError>;
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

/// Turns settings into providers, and holds what they share.
pub struct Registry {
    clock: Arc<dyn Clock>,
    inbox: Option<Inbox>,
    /// Made for the first provider that needs it: reading the system's certificates costs time and memory.
    http: Mutex<Option<HttpClient>>,
}

impl Registry {
    /// A registry without an inbox.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inbox: None, http: Mutex::new(None) }
    }

    /// Lets providers of the kind `inbox` be built; all of them put their messages here.
    #[must_use]
    pub fn with_inbox(mut self, inbox: Inbox) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Makes the provider that `settings` describe. It connects to nothing yet.
    ///
    /// # Errors
    /// Settings that can't work. The text names the provider and the setting, and says what to mend; it holds no secret.
    pub fn build(
        &self,
        id: ProviderId,
        settings: &ProviderSettings,
    ) -> Result<Arc<dyn Provider>, BuildError> {
        settings.of_kind().build(id, self)
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

    /// The inbox, where there is one.
    pub(crate) const fn inbox(&self) -> Option<&Inbox> {
        self.inbox.as_ref()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("inbox", &self.inbox).finish_non_exhaustive()
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

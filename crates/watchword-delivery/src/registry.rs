//! The list of provider kinds, and how configuration becomes providers.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use watchword_core::delivery::ProviderId;
use watchword_core::ports::{Clock, Provider};

use crate::discard::DiscardSettings;
use crate::http::HttpSettings;
use crate::inbox::{Inbox, InboxSettings};
use crate::kafka::KafkaSettings;
use crate::kaleyra::{KaleyraSmsSettings, KaleyraWhatsappSettings};
pub use crate::kind::{BuildError, Presentation};
use crate::kind::{ProviderKind, Shared};
use crate::pinpoint_sms::PinpointSmsSettings;
use crate::queue::QueueSettings;
use crate::smtp::SmtpSettings;
use crate::telegram::TelegramSettings;
use crate::webhook::WebhookSettings;

/// Declares [`ProviderSettings`] from lines of `/// what it does` and `"kind" => Variant(Settings),`.
macro_rules! providers {
    ($($(#[$doc:meta])* $kind:literal => $variant:ident($settings:ty),)+) => {
        /// The settings of one provider; `kind` says which kind of provider they are of.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(tag = "kind")]
        #[expect(clippy::large_enum_variant, reason = "there is one for each configured provider, and that is few")]
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
    /// Sends each message as mail through a mail server.
    "smtp" => Smtp(SmtpSettings),
    /// Posts each message as JSON to a URL.
    "webhook" => Webhook(WebhookSettings),
    /// Makes a request of templates, and reads the reply by rules.
    "http" => Http(HttpSettings),
    /// Sends each message by SMS through Kaleyra.
    "kaleyra_sms" => KaleyraSms(KaleyraSmsSettings),
    /// Sends each passcode by WhatsApp through Kaleyra.
    "kaleyra_whatsapp" => KaleyraWhatsapp(KaleyraWhatsappSettings),
    /// Sends each message by SMS through AWS End User Messaging.
    "pinpoint_sms" => PinpointSms(PinpointSmsSettings),
    /// Sends each message to a chat by a bot of Telegram.
    "telegram" => Telegram(TelegramSettings),
    /// Hands each message to perfumerlabs/queue, which hands it to a service for SMS, calls, mail or Telegram.
    "queue" => Queue(QueueSettings),
    /// Hands each message to a Kafka broker, for DIGIT's notification services. Only builds with the cargo feature `kafka`.
    "kafka" => Kafka(KafkaSettings),
    /// Takes each message and sends none.
    "discard" => Discard(DiscardSettings),
    /// Keeps messages in memory and shows them on a page; for `watchword dev`.
    "inbox" => Inbox(InboxSettings),
}

impl ProviderSettings {
    /// What a person and the engine must know of a provider with these settings, named `id`.
    pub fn presentation<'a>(&'a self, id: &'a ProviderId) -> Presentation<'a> {
        self.of_kind().presentation(id)
    }
}

/// Turns settings into providers, and holds what they share.
pub struct Registry(Shared);

impl Registry {
    /// A registry without an inbox.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Shared::new(clock))
    }

    /// Lets providers of the kind `inbox` be built; all of them put their messages here.
    #[must_use]
    pub fn with_inbox(mut self, inbox: Inbox) -> Self {
        self.0.inbox = Some(inbox);
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
        settings.of_kind().build(id, &self.0)
    }

    /// What an operator should know of the providers built since this was asked last. The texts name the provider and hold no
    /// secret.
    pub fn take_warnings(&self) -> Vec<String> {
        self.0.take_warnings()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("inbox", &self.0.inbox).finish_non_exhaustive()
    }
}

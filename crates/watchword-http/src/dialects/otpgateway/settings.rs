//! What the dialect is told at start.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use watchword_core::address::Channel;
use watchword_core::delivery::BodyFormat;
use watchword_core::namespace::Namespace;
use watchword_core::verification::RouteName;

use super::address::AddressRule;
use super::message::{BuiltIn, Compose};
use crate::pages::{FrameAncestor, Look, Pages};

/// How the dialect behaves. The defaults are those of the wire contract of otpgateway, "Providers and config".
#[derive(Clone, Debug)]
pub struct OtpgatewaySettings {
    /// Where people reach this server, as links in messages and replies begin. Slashes at its end are dropped.
    pub root_url: String,
    /// Who may call. The same namespace may be there more than once: each of its secrets is good.
    pub namespaces: Vec<Access>,
    /// What messages can be sent by.
    pub providers: Vec<ProviderProfile>,
    /// Seconds that a passcode is good for, where the caller does not say.
    pub default_ttl: u32,
    /// Attempts, where the caller does not say.
    pub default_max_attempts: u32,
    /// Messages, where the caller does not say.
    pub default_max_generate: u32,
    /// How long a request may take. A message that must go out in it has 500 ms less.
    pub server_timeout: Duration,
    /// The pages that people see.
    pub pages: PageSettings,
}

/// How the pages behave.
#[derive(Clone, Debug)]
pub struct PageSettings {
    /// What they look like and say.
    pub pages: Arc<Pages>,
    /// The sites that may frame the pages of a namespace; any may frame those of one that is not here.
    pub frame_ancestors: BTreeMap<Namespace, Vec<FrameAncestor>>,
    /// How long after a message the next can be asked for.
    pub resend_cool_down: Duration,
    /// Pages that one client may ask for in a minute; 0: no limit. Polls and static files are not counted.
    pub requests_per_minute: u32,
}

impl Default for PageSettings {
    fn default() -> Self {
        Self {
            pages: Arc::new(Pages::built_in(Look::default())),
            frame_ancestors: BTreeMap::new(),
            resend_cool_down: Duration::from_secs(30),
            requests_per_minute: 120,
        }
    }
}

impl Default for OtpgatewaySettings {
    fn default() -> Self {
        Self {
            root_url: "http://localhost:9000".to_owned(),
            namespaces: Vec::new(),
            providers: Vec::new(),
            default_ttl: 300,
            default_max_attempts: 5,
            default_max_generate: 3,
            server_timeout: Duration::from_secs(5),
            pages: PageSettings::default(),
        }
    }
}

/// A namespace and a secret that opens it.
#[derive(Clone)]
pub struct Access {
    /// The namespace: the user name of BasicAuth.
    pub namespace: Namespace,
    /// The secret: the password of BasicAuth.
    pub secret: String,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// A provider as callers and people see it.
#[derive(Clone, Debug)]
pub struct ProviderProfile {
    /// What callers name it by; also the name of the route that carries its messages.
    pub id: RouteName,
    /// The medium, and what people call it: `SMS`, `E-mail`.
    pub channel: Channel,
    /// What people call an address of it: `Mobile number`.
    pub address_name: String,
    /// Digits of a passcode that is made here.
    pub passcode_length: usize,
    /// Characters of an address at most, for the field that it is typed into. `None`: no limit.
    pub max_address_length: Option<usize>,
    /// Which addresses are accepted.
    pub address_rule: AddressRule,
    /// Shown where the passcode is typed, when the caller says nothing.
    pub channel_description: String,
    /// Shown where the address is asked for, when the caller says nothing.
    pub address_description: String,
    /// Words its messages.
    pub composer: Arc<dyn Compose>,
}

impl ProviderProfile {
    /// A provider of this id and medium, with six digits, addresses by this rule, and the built-in words: text, with a link
    /// unless messages go to telephones.
    pub fn new(id: RouteName, channel: Channel, address_rule: AddressRule) -> Self {
        let link = address_rule != AddressRule::Phone;
        let composer = BuiltIn { subject: None, link, format: BodyFormat::Text };
        Self {
            id,
            channel,
            address_name: "Address".to_owned(),
            passcode_length: 6,
            max_address_length: None,
            address_rule,
            channel_description: String::new(),
            address_description: String::new(),
            composer: Arc::new(composer),
        }
    }
}

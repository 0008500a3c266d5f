//! The services of DIGIT that user-otp asks: egov-user, egov-localization, MDMS. One pool of connections for all.
//!
//! # How to add one more
//!
//! A file of its own: what is asked, what is made of the answer. It asks through `Service`, which bounds time, size and number, and
//! through `Cache` where an answer is good for more than one request. Its name in [`Unavailable`] where nothing can be done without it.

mod cache;
mod localization;
mod mdms;
mod service;
mod user;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use http::HeaderValue;
use reqwest::Client;
use thiserror::Error;
use uuid::Uuid;
use watchword_core::ports::{Clock, Random};

use super::settings::EgovSettings;
use localization::Localization;
use mdms::Mdms;
use service::Service;
use user::Users;

pub(super) use mdms::{NumberRule, NumberRules};
pub(super) use user::{User, UserQuery};

/// A connection comes about within this time or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Unused connections are closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of a correlation id that is passed on.
const MAX_CORRELATION_BYTES: usize = 128;

/// Nothing can be done without this, and it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Unavailable {
    /// Who is asked who has a number.
    #[error("The user service is not available")]
    Users,
    /// It is not configured.
    #[error("The user service is not configured")]
    NoUsers,
    /// Who is asked what numbers look like.
    #[error("The MDMS service is not available")]
    Mdms,
    /// Nothing carries an SMS.
    #[error("No SMS provider is configured")]
    NoSms,
}

impl Unavailable {
    /// In metrics and logs.
    pub(super) const fn outcome(self) -> &'static str {
        match self {
            Self::Users => "user_service_unavailable",
            Self::NoUsers => "user_service_not_configured",
            Self::Mdms => "mdms_unavailable",
            Self::NoSms => "sms_not_configured",
        }
    }
}

/// Whole modules of texts come from there, and which ones is said by whoever asks for a passcode.
const MODULES_AT_ONCE: usize = 16;

/// The connections to DIGIT's services, and what is kept of their answers. To be kept where the settings are the same.
pub struct Clients {
    pub(super) users: Option<Users>,
    pub(super) localization: Localization,
    pub(super) mdms: Mdms,
    random: Arc<dyn Random>,
}

impl Clients {
    /// Connects to nothing yet. Trusts the system's root certificates; where there are none it speaks plain HTTP only.
    ///
    /// # Errors
    /// TLS can't be set up at all.
    pub fn new(
        settings: &EgovSettings,
        clock: &Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, reqwest::Error> {
        let client = client().build().or_else(|error| {
            tracing::warn!(%error, "DIGIT's services can be reached over plain HTTP only: there are no root certificates");
            client().tls_certs_only([]).build()
        })?;
        let service =
            |name, url: &reqwest::Url| Service::new(name, url.clone(), client.clone(), Arc::clone(clock));
        let EgovSettings { user_url, localization, mdms, server_timeout, .. } = settings;
        let users =
            user_url.as_ref().map(|url| Users::new(service("egov-user", url), *server_timeout * 3 / 5));
        let messages = localization.url.as_ref();
        let messages = messages.map(|url| service("egov-localization", url).at_most(MODULES_AT_ONCE));
        let rules = mdms.url.as_ref().map(|url| service("MDMS", url));
        Ok(Self {
            users,
            localization: Localization::new(messages, localization, *server_timeout / 10),
            mdms: Mdms::new(rules, mdms, *server_timeout / 5),
            random,
        })
    }

    /// Under which id a request's outgoing calls go: the first of these that can be a header, else a new UUID.
    pub(super) fn correlation(&self, header: Option<&HeaderValue>, given: Option<&str>) -> HeaderValue {
        let fits = |bytes: &[u8]| {
            (1..=MAX_CORRELATION_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        let header = header.filter(|value| fits(value.as_bytes())).cloned();
        let given = || given.filter(|id| fits(id.as_bytes())).and_then(|id| HeaderValue::from_str(id).ok());
        header.or_else(given).unwrap_or_else(|| {
            let mut bytes = [0; 16];
            self.random.fill(&mut bytes);
            let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
            // Hexadecimal digits and hyphens are a header value.
            HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
                .unwrap_or_else(|_| HeaderValue::from_static("-"))
        })
    }
}

fn client() -> reqwest::ClientBuilder {
    Client::builder()
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        // What is passed on is meant for the service that is configured.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("localization", &self.localization)
            .field("mdms", &self.mdms)
            .finish_non_exhaustive()
    }
}

/// What an outgoing call says of the request that it is made for.
#[derive(Clone, Debug)]
pub(super) struct Passed<'a> {
    /// The tenant as given, well formed.
    pub(super) tenant: &'a str,
    /// `x-correlation-id`.
    pub(super) correlation: &'a HeaderValue,
    /// `RequestInfo`, whole.
    pub(super) info: &'a serde_json::value::RawValue,
}

/// Waits until a time at most.
async fn until<T>(
    clock: &dyn Clock,
    at: watchword_core::time::Timestamp,
    work: impl Future<Output = T>,
) -> Option<T> {
    let work = std::pin::pin!(work);
    match select(work, clock.sleep_until(at)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

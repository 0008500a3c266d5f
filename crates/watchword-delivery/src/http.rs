//! `http`: a provider made of configuration alone: a request from templates, and rules for what replies mean. Its settings
//! are described in `docs/providers/http.md`.
//!
//! | answer | outcome |
//! |---|---|
//! | what a rule of `reply` fits, the first one in order | what that rule says |
//! | 2xx that looks as `success` says, or any 2xx where that is not set | `Accepted`, with the id at `message_id` |
//! | any other 2xx | `Transient` |
//! | rules look at the body, and its connection breaks before one of them fits | `Unknown` |
//! | 3xx | `ProviderRefused`: redirects are not followed |
//! | everything else | as in `http_client.rs` |
//! | a message of which no request can be made | `AddressRefused`, nothing is sent |
//!
//! Of a reply, details hold the status and the code at `error_field`, never anything else: services repeat numbers and texts.

mod endpoint;
mod request;
mod rules;
mod settings;
mod statuses;
mod text;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Clock, Outgoing, Probe, Provider};

use crate::checks::{HTTP_TIMEOUT, TIMEOUTS, check_max_conns, http_url, wrong};
use crate::exchange::{Answer, exchange};
use crate::http_client::{HttpClient, reach};
use crate::kind::{BuildError, Presentation, ProviderKind, Shared};
use crate::phone::{self, PhoneFormat};
use crate::reply::Path;
use endpoint::Wrong;
use request::Plan;
use rules::{Rules, Verdict};
pub use settings::{AddressKind, HttpSettings, Json, Meaning, Method, Reply, Success, Texts, Values};
pub use statuses::Statuses;
use text::{Data, PhoneStyle};

impl ProviderKind for HttpSettings {
    fn presentation<'a>(&'a self, id: &'a ProviderId) -> Presentation<'a> {
        let address_name = match self.address {
            AddressKind::Any => "Address",
            AddressKind::Phone => "Mobile number",
            AddressKind::Email => "E-mail",
        };
        self.shown().presentation(id, address_name)
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let part =
            |setting: String, problem: String| BuildError::Part { provider: id.clone(), setting, problem };
        let plan = Plan::new(&id, self).map_err(|error| match error {
            Wrong::Build(error) => error,
            Wrong::Unmade(unmade) => part(unmade.setting, unmade.problem),
        })?;
        let rules = Rules::new(self.success.as_ref(), &self.reply)
            .map_err(|(setting, problem)| wrong(&id, setting, problem))?;
        let path = |setting, text: &Option<String>| match text {
            Some(text) => Path::new(text).map(Some).ok_or_else(|| wrong(&id, setting, Path::WRONG)),
            None => Ok(None),
        };
        let (message_id, error_field) =
            (path("message_id", &self.message_id)?, path("error_field", &self.error_field)?);
        let style = self.phone_style(&id)?;
        check_max_conns(&id, self.max_conns)?;
        let timeout = self.timeout.unwrap_or(HTTP_TIMEOUT);
        if !(TIMEOUTS.0..=TIMEOUTS.1).contains(&timeout) {
            return Err(wrong(&id, "timeout", "must be 1s to 5m"));
        }
        self.shown().check(&id)?;
        // Where it goes is the same for every message.
        let example =
            plan.request(&Data::example()).map_err(|unmade| part(unmade.setting, unmade.problem))?;
        let origin = http_url(&id, &example.url().origin().ascii_serialization())?;
        let http = shared.http(&id, &origin)?;
        let clock = shared.clock();
        let max_concurrent = self.max_conns;
        Ok(Arc::new(Http {
            id,
            plan,
            rules,
            message_id,
            error_field,
            style,
            timeout,
            max_concurrent,
            origin,
            http,
            clock,
        }))
    }
}

impl HttpSettings {
    fn phone_style(&self, id: &ProviderId) -> Result<PhoneStyle, BuildError> {
        let is_phone = self.address == AddressKind::Phone;
        if self.to_format != PhoneFormat::AsGiven && !is_phone {
            return Err(wrong(id, "to_format", "is for telephone numbers; set `address = \"phone\"` too"));
        }
        let code = self.default_phone_code.as_deref().unwrap_or_default();
        let default_code =
            phone::country_code(code).ok_or_else(|| wrong(id, "default_phone_code", phone::WRONG_CODE))?;
        if !default_code.is_empty() && self.to_format == PhoneFormat::AsGiven {
            return Err(wrong(id, "default_phone_code", "needs `to_format`, \"e164\" or \"digits\""));
        }
        Ok(PhoneStyle { format: self.to_format, default_code })
    }
}

struct Http {
    id: ProviderId,
    plan: Plan,
    rules: Rules,
    message_id: Option<Path>,
    error_field: Option<Path>,
    style: PhoneStyle,
    timeout: Duration,
    max_concurrent: usize,
    /// Scheme, host and port only: the rest may be secret.
    origin: Url,
    http: HttpClient,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Provider for Http {
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
        let data = Data::of(&outgoing, &self.style, self.clock.now());
        let request = match self.plan.request(&data) {
            Ok(request) => request,
            // About this one message: it must not open the breaker for all others.
            Err(unmade) => {
                let detail = format!("not sent: `{}` {}", unmade.setting, unmade.problem);
                return Outcome::AddressRefused { detail };
            }
        };
        match exchange(&self.http, request, self.timeout, |answer| self.reads_body(answer)).await {
            Ok(answer) => self.outcome(answer, outgoing.message.passcode.expose()),
            Err(outcome) => outcome,
        }
    }

    async fn probe(&self) -> Probe {
        reach::probe(&self.origin, self.timeout).await
    }
}

impl Http {
    fn reads_body(&self, answer: &Answer) -> bool {
        self.rules.read_bodies(answer.status)
            || if answer.refusal.is_none() { self.message_id.is_some() } else { self.error_field.is_some() }
    }

    fn outcome(&self, answer: Answer, passcode: &str) -> Outcome {
        let Answer { status, retry_after, refusal, body } = answer;
        let body = body.as_ref();
        let code = || self.error_field.as_ref().and_then(|path| body?.code(path, passcode));
        let detail = || match code() {
            Some(code) => format!("HTTP {status}, error {code}"),
            None => format!("HTTP {status}"),
        };
        let accepted = || Outcome::Accepted {
            message_id: self.message_id.as_ref().and_then(|path| body?.message_id(path)),
        };
        match self.rules.judge(status, body) {
            Verdict::Means(Meaning::Accepted) => accepted(),
            Verdict::Means(Meaning::AddressRefused) => Outcome::AddressRefused { detail: detail() },
            Verdict::Means(Meaning::ProviderRefused) => Outcome::ProviderRefused { detail: detail() },
            Verdict::Means(Meaning::Throttled) => Outcome::Throttled { after: retry_after },
            Verdict::Means(Meaning::Transient) => Outcome::Transient { detail: detail() },
            Verdict::NoSuccess => Outcome::Transient { detail: format!("{}, not a success", detail()) },
            Verdict::Unreadable => {
                Outcome::Unknown { detail: format!("HTTP {status}, and its body did not come") }
            }
            Verdict::ByStatus => match refusal {
                None => accepted(),
                Some(Outcome::AddressRefused { .. }) => Outcome::AddressRefused { detail: detail() },
                Some(Outcome::ProviderRefused { .. }) => Outcome::ProviderRefused { detail: detail() },
                Some(Outcome::Transient { .. }) => Outcome::Transient { detail: detail() },
                Some(other) => other,
            },
        }
    }
}

//! `queue`: hands each message to [perfumerlabs/queue](https://github.com/perfumerlabs/queue) as a task, which it then hands to a
//! service for SMS, calls, mail or Telegram (wire contract of perfumer, "Sending").
//!
//! ```text
//! POST {url}/task
//! Content-Type: application/json
//! Authorization: Basic …                     when `url` holds credentials
//!
//! {"url":"{service_url}/sms","method":"post","worker":"sms","json":{"phones":"77011234567","message":"…","force":true}}
//! ```
//!
//! | answer | outcome |
//! |---|---|
//! | 2xx | `Accepted`; Queue tells no id |
//! | 2xx and `"status": false` | `Transient` |
//! | 400, 422 | `Transient`: Queue judges no address, so these are from something before it |
//! | everything else | as in `http_client.rs` |
//! | for Telegram, an address that is no number | `AddressRefused`, without a request |
//!
//! As Queue's source has it, it says 200 and `{"status":true}` once the task is stored, and 500 and
//! `{"status":false,"message":…}` for all that fails, a worker it does not know among it. It tries a task once, and tells
//! nobody what became of it.

mod settings;
mod task;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Url};
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Probe, Provider};

use crate::exchange::{Answer, exchange};
use crate::http_client::{HttpClient, reach};
use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};
use crate::reply::Path;
use crate::settings::Secret;
pub use settings::{QueueSettings, Sends};
use task::Template;

impl ProviderKind for QueueSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        let (channel, address_name) = match self.sends {
            Sends::Sms => ("SMS", "Mobile number"),
            Sends::Call => ("Call", "Phone number"),
            Sends::Email => ("E-mail", "E-mail address"),
            Sends::Telegram => ("Telegram", "Chat id"),
        };
        Presentation { channel, address_name, max_address_length: None, passcode_length: PASSCODE_LENGTH }
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let checked = self.check(&id)?;
        let app_token = self.app_token.clone().filter(|token| !token.expose().is_empty());
        if self.sends == Sends::Telegram && app_token.is_none() {
            shared.warn(&id, "`app_token` is not set; http-telegram-notify refuses what comes without it");
        }
        let http = shared.http(&id, &checked.url)?;
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static(concat!("watchword/", env!("CARGO_PKG_VERSION")))),
        ]);
        if let Some(authorization) = checked.authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        Ok(Arc::new(Queue {
            id,
            url: checked.url,
            headers,
            sends: self.sends,
            endpoint: checked.endpoint,
            worker: self.worker.clone(),
            app_token,
            timeout: checked.timeout,
            max_concurrent: self.max_conns,
            status: Path::of(&["status"]),
            http,
        }))
    }
}

struct Queue {
    id: ProviderId,
    url: Url,
    headers: HeaderMap,
    sends: Sends,
    /// Of the service, for Queue.
    endpoint: Secret,
    worker: String,
    app_token: Option<Secret>,
    timeout: Duration,
    max_concurrent: usize,
    /// Where Queue says whether it took the task.
    status: Path,
    http: HttpClient,
}

#[async_trait]
impl Provider for Queue {
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
        let template = Template {
            sends: self.sends,
            endpoint: self.endpoint.expose(),
            worker: &self.worker,
            app_token: self.app_token.as_ref().map(Secret::expose),
        };
        let Some(task) = template.fill(outgoing.message) else {
            return Outcome::AddressRefused { detail: "not sent: the chat id is no number".to_owned() };
        };
        let mut request = Request::new(Method::POST, self.url.clone());
        request.headers_mut().clone_from(&self.headers);
        *request.body_mut() = Some(task.into());
        match exchange(&self.http, request, self.timeout, |answer| answer.refusal.is_none()).await {
            Ok(answer) => self.outcome(answer),
            Err(outcome) => outcome,
        }
    }

    async fn probe(&self) -> Probe {
        reach::probe(&self.url, self.timeout).await
    }
}

impl Queue {
    fn outcome(&self, answer: Answer) -> Outcome {
        let Answer { status, refusal, body, .. } = answer;
        match refusal {
            None => {}
            // Queue judges no address: it is somebody before it who does not want this request.
            Some(Outcome::AddressRefused { detail }) => return Outcome::Transient { detail },
            Some(refusal) => return refusal,
        }
        let says = body.as_ref().and_then(|body| body.field(&self.status)?.scalar());
        if says.as_deref() == Some("false") {
            return Outcome::Transient { detail: format!("HTTP {status}, and `status` is false") };
        }
        Outcome::Accepted { message_id: None }
    }
}

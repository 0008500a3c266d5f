//! `webhook`: posts each message as JSON to a URL (wire contract of otpgateway, "webhook").
//!
//! ```text
//! POST {url}
//! Content-Type: application/json
//! User-Agent: otpgateway
//! Idempotency-Key: {delivery id}             the same in every try: a receiver can tell repeats by it
//! Authorization: Basic …                     when there are a username and a password
//!
//! {"otp":{…},"subject":"…","body":"…"}
//! ```
//!
//! | answer | outcome |
//! |---|---|
//! | 2xx | `Accepted`; the reply's body says nothing |
//! | 307, 308 | posted again where `Location` says, three times at most; credentials go to the origin of `url` only |
//! | 307, 308 without a usable `Location`, from https to http, or once more | `ProviderRefused` |
//! | 422 | `AddressRefused`: how a receiver says that this address will never work |
//! | everything else | as in `http_client.rs` |

mod payload;
mod redirect;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response, Url};
use watchword_core::delivery::{DeliveryId, Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Probe, Provider};

use crate::http_client::{self, DRAIN_TIMEOUT, HttpClient, reach};
use crate::kind::{BuildError, Presentation, ProviderKind, Shared};
pub use settings::WebhookSettings;

/// How often one message is sent on (wire contract of otpgateway).
const MAX_REDIRECTS: usize = 3;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl ProviderKind for WebhookSettings {
    fn presentation<'a>(&'a self, id: &'a ProviderId) -> Presentation<'a> {
        self.shown().presentation(id, "Address")
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let checked = self.check(&id, shared)?;
        let http = shared.http(&id, &checked.url)?;
        Ok(Arc::new(Webhook {
            id,
            url: checked.url,
            authorization: checked.authorization,
            timeout: checked.timeout,
            max_concurrent: self.max_conns,
            http,
        }))
    }
}

struct Webhook {
    id: ProviderId,
    /// Without credentials.
    url: Url,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    max_concurrent: usize,
    http: HttpClient,
}

#[async_trait]
impl Provider for Webhook {
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
        let body = match payload::encode(&outgoing) {
            Ok(body) => Bytes::from(body),
            // Only a row changed from outside has such attributes. The parser's words could quote them.
            Err(_) => return Outcome::Transient { detail: "`extra` is not JSON".to_owned() },
        };
        // What is left of the timeout is for the reply's body: once the head is there, no timeout may hide it.
        let limit = self.timeout.saturating_sub(DRAIN_TIMEOUT);
        let response = match http_client::within(limit, self.post(outgoing.delivery.id, body)).await {
            Ok(response) => response,
            Err(outcome) => return outcome,
        };
        let refusal = self.http.refusal(&response);
        http_client::drain(response).await;
        refusal.unwrap_or(Outcome::Accepted { message_id: None })
    }

    async fn probe(&self) -> Probe {
        reach::probe(&self.url, self.timeout).await
    }
}

impl Webhook {
    /// Posts, and again where the receiver points to.
    async fn post(&self, delivery: DeliveryId, body: Bytes) -> Result<Response, Outcome> {
        let mut headers = self.headers(delivery);
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.http.send(request(url.clone(), headers.clone(), body.clone())).await?;
            let next = match redirect::target(&url, response.status(), response.headers()) {
                None => return Ok(response),
                Some(Ok(next)) => next,
                Some(Err(detail)) => return Err(Outcome::ProviderRefused { detail: detail.to_owned() }),
            };
            if next.origin() != self.url.origin() {
                // For good: another origin must not choose where at ours they are used.
                headers.remove(AUTHORIZATION);
            }
            http_client::drain(response).await;
            url = next;
        }
        Err(Outcome::ProviderRefused { detail: format!("more than {MAX_REDIRECTS} redirects") })
    }

    fn headers(&self, delivery: DeliveryId) -> HeaderMap {
        #[expect(clippy::expect_used, reason = "a UUID's text is hexadecimal digits and hyphens")]
        let key = HeaderValue::try_from(delivery.to_string()).expect("a header value");
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("otpgateway"));
        headers.insert(IDEMPOTENCY_KEY, key);
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers
    }
}

fn request(url: Url, headers: HeaderMap, body: Bytes) -> Request {
    let mut request = Request::new(Method::POST, url);
    *request.headers_mut() = headers;
    *request.body_mut() = Some(body.into());
    request
}

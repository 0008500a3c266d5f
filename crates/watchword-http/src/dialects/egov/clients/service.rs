//! A service that is asked in JSON: within a time, for so many bytes, by so many at once.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::Semaphore;
use watchword_core::ports::Clock;

use super::until;

/// Where a call is found again in the logs of all services (the platform's tracer).
static X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// Whose call it is: gateways of several states look at it.
static TENANT_ID: HeaderName = HeaderName::from_static("tenantid");

/// The most calls to one service at once.
const MOST_AT_ONCE: usize = 512;
/// How often a call is made where nothing of an answer came: searches change nothing.
const TRIES: usize = 2;

/// Why a service gave no answer.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("it can't be reached: {0}")]
    Unreachable(reqwest::Error),
    #[error("no answer within {0:?}")]
    TooLate(Duration),
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("its answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("its answer is not what it should be")]
    Garbage,
    #[error("too many calls to it are waiting")]
    Busy,
}

/// One service's search.
#[derive(Clone)]
pub(super) struct Service {
    name: &'static str,
    url: Url,
    client: Client,
    clock: Arc<dyn Clock>,
    permits: Arc<Semaphore>,
}

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) url: Url,
    pub(super) tenant: &'a str,
    pub(super) correlation: &'a HeaderValue,
    pub(super) body: Vec<u8>,
}

impl Service {
    pub(super) fn new(name: &'static str, url: Url, client: Client, clock: Arc<dyn Clock>) -> Self {
        Self { name, url, client, clock, permits: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }

    /// The same, for so many calls at once.
    pub(super) fn at_most(mut self, calls: usize) -> Self {
        self.permits = Arc::new(Semaphore::new(calls));
        self
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The body of a good answer. What else comes of it is told to the log.
    pub(super) async fn ask(
        &self,
        question: Question<'_>,
        limit: Duration,
        most_bytes: usize,
    ) -> Result<Vec<u8>, Failure> {
        let Ok(_permit) = self.permits.try_acquire() else { return Err(self.told(Failure::Busy)) };
        let end = self.clock.now().after(limit);
        let asking = self.try_to_ask(&question, most_bytes);
        match until(&*self.clock, end, asking).await {
            Some(Ok(body)) => Ok(body),
            Some(Err(failure)) => Err(self.told(failure)),
            None => Err(self.told(Failure::TooLate(limit))),
        }
    }

    /// Says that an answer can't be used.
    pub(super) fn garbage(&self) -> Failure {
        self.told(Failure::Garbage)
    }

    fn told(&self, failure: Failure) -> Failure {
        tracing::warn!(service = self.name, %failure, "a service of DIGIT gives no answer");
        failure
    }

    async fn try_to_ask(&self, question: &Question<'_>, most_bytes: usize) -> Result<Vec<u8>, Failure> {
        let mut tries = 1;
        loop {
            match self.once(question, most_bytes).await {
                Err(Failure::Unreachable(_)) if tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn once(&self, question: &Question<'_>, most_bytes: usize) -> Result<Vec<u8>, Failure> {
        let unreachable = |error: reqwest::Error| Failure::Unreachable(error.without_url());
        let mut request = self
            .client
            .post(question.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(&X_CORRELATION_ID, question.correlation.clone())
            .body(question.body.clone());
        // A tenant that was found well formed is a header value.
        if let Ok(tenant) = HeaderValue::from_str(question.tenant) {
            request = request.header(&TENANT_ID, tenant);
        }
        let response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(Failure::Status(response.status().as_u16()));
        }
        read(response, most_bytes).await
    }
}

async fn read(mut response: Response, most_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| Failure::Unreachable(error.without_url()))?
    {
        if body.len() + chunk.len() > most_bytes {
            return Err(Failure::TooLarge(most_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What is sent, as JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "strings and JSON always serialize, and a Vec takes them")]
    serde_json::to_vec(value).expect("a question is JSON")
}

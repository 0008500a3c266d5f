//! One request, and what came back: for providers that read replies.

use std::time::Duration;

use reqwest::Request;
use watchword_core::delivery::Outcome;

use crate::http_client::{self, Body, HttpClient};
use crate::reply::ReplyBody;

/// Left for what is done with an answer.
const AFTERWARDS: Duration = Duration::from_millis(50);

/// A reply, as far as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// What its status alone means; `None`: a success.
    pub(crate) refusal: Option<Outcome>,
    /// `None`: not read, or its connection broke.
    pub(crate) body: Option<ReplyBody>,
}

/// Sends once, within a provider's `timeout`. The body is read where `reads_body` says so of the head.
///
/// # Errors
/// What it means for the delivery that no head of a reply came.
pub(crate) async fn exchange(
    http: &HttpClient,
    request: Request,
    timeout: Duration,
    reads_body: impl Fn(&Answer) -> bool,
) -> Result<Answer, Outcome> {
    let mut answer = None;
    let exchange = async {
        let response = http.send(request).await?;
        let answer = answer.insert(Answer {
            status: response.status().as_u16(),
            retry_after: http.retry_after(&response),
            refusal: http.refusal(&response),
            body: None,
        });
        if reads_body(answer) {
            answer.body = match http_client::read(response).await {
                Body::Whole(bytes) | Body::Beginning(bytes) => Some(ReplyBody::new(bytes)),
                Body::Broken => None,
            };
        } else {
            http_client::drain(response).await;
        }
        Ok(())
    };
    let result = http_client::within(timeout.saturating_sub(AFTERWARDS), exchange).await;
    // Once the head is there, the time that its body takes must not hide it.
    answer.map_or_else(
        || Err(result.err().unwrap_or(Outcome::Unknown { detail: "no answer in time".to_owned() })),
        Ok,
    )
}

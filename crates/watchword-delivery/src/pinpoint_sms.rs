//! `pinpoint_sms`: SMS through AWS End User Messaging (settings: wire contract of otpgateway, "pinpoint_sms"; request:
//! [`SendTextMessage`](https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html)). Amazon
//! Pinpoint itself, whose `application_id` otpgateway sends to, has ended.
//!
//! ```text
//! POST {endpoint}/
//! Content-Type: application/x-amz-json-1.0
//! X-Amz-Target: PinpointSMSVoiceV2.SendTextMessage
//! X-Amz-Date: …                              the machine's time
//! Authorization: AWS4-HMAC-SHA256 …          the signature (Signature Version 4), of `host` and the three above
//!
//! {"DestinationPhoneNumber":"+…","OriginationIdentity":"…","MessageBody":"…","MessageType":"TRANSACTIONAL",
//!  "TimeToLive":…,"Context":{"delivery":"{delivery id}"},"DestinationCountryParameters":{"IN_ENTITY_ID":"…","IN_TEMPLATE_ID":"…"}}
//! ```
//!
//! What is not configured is left out. `TimeToLive` is what is left of the passcode's time, 5 s at least. The service knows
//! no idempotency; `Context` comes back in its events.
//!
//! | answer | outcome |
//! |---|---|
//! | 200 | `Accepted`, with `MessageId` |
//! | an error, by its `__type` and `Reason` | what `pinpoint_sms/errors.rs` says |
//! | everything else | as in `http_client.rs` |
//! | a number that `DestinationPhoneNumber` can't hold | `AddressRefused`, nothing is sent |

mod errors;
mod request;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Clock, Outgoing, Probe, Provider};

use crate::exchange::{Answer, exchange};
use crate::http_client::{HttpClient, reach};
use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};
use crate::reply::Path;
use errors::Errors;
use request::{Plan, Unsent};
pub use settings::{MessageType, PinpointSmsSettings};

/// Characters of a telephone number, for the field it is typed into (wire contract of otpgateway).
const MAX_ADDRESS_LENGTH: usize = 10;

impl ProviderKind for PinpointSmsSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        Presentation {
            channel: "SMS",
            address_name: "Mobile number",
            max_address_length: Some(MAX_ADDRESS_LENGTH),
            passcode_length: PASSCODE_LENGTH,
        }
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let checked = self.check(&id, shared)?;
        let http = shared.http(&id, &checked.endpoint)?;
        Ok(Arc::new(PinpointSms {
            id,
            timeout: checked.timeout,
            max_concurrent: self.max_conns,
            plan: Plan::new(self, checked),
            message_id: Path::of(&["MessageId"]),
            errors: Errors::default(),
            http,
            clock: shared.clock(),
        }))
    }
}

struct PinpointSms {
    id: ProviderId,
    plan: Plan,
    timeout: Duration,
    max_concurrent: usize,
    message_id: Path,
    errors: Errors,
    http: HttpClient,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Provider for PinpointSms {
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
        let request = match self.plan.request(&outgoing, self.clock.machine()) {
            Ok(request) => request,
            Err(Unsent::NoNumber) => {
                return Outcome::AddressRefused { detail: "not sent: no telephone number".to_owned() };
            }
            Err(Unsent::Unsigned) => {
                return Outcome::ProviderRefused {
                    detail: "not sent: the request can't be signed".to_owned(),
                };
            }
        };
        match exchange(&self.http, request, self.timeout, |_| true).await {
            Ok(answer) => self.outcome(answer, outgoing.message.passcode.expose()),
            Err(outcome) => outcome,
        }
    }

    async fn probe(&self) -> Probe {
        reach::probe(self.plan.endpoint(), self.timeout).await
    }
}

impl PinpointSms {
    fn outcome(&self, answer: Answer, passcode: &str) -> Outcome {
        match (answer.status, &answer.refusal) {
            (200, _) => {
                let message_id = answer.body.as_ref().and_then(|body| body.message_id(&self.message_id));
                Outcome::Accepted { message_id }
            }
            (status, None) => Outcome::Transient { detail: format!("HTTP {status}, not a success") },
            (_, Some(_)) => self.errors.outcome(answer, passcode),
        }
    }
}

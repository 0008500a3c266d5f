//! `kafka`: hands each message to a Kafka broker as a record, as DIGIT's notification services read it (wire contract of egov,
//! user-otp 2.9.4).
//!
//! ```text
//! topic    {prefix-}{topic}, the prefix a part of the tenant, in a central instance
//! key      null
//! headers  __TypeId__       org.egov.persistence.contract.SMSRequest, or …EmailRequest
//!          Idempotency-Key  {delivery id}, the same in every try
//!          traceparent      00-…, where the try is part of a trace
//! value    {"mobileNumber":"…","message":"…","category":"OTP","expiryTime":1770000003000,"countryCode":"+91"}
//!          {"requestInfo":{"apiId":null, …},"email":{"emailTo":["…"],"subject":"…","body":"…"}}
//! ```
//!
//! The client is librdkafka: acks=all, idempotent. It is in builds with the cargo feature `kafka`; others know the settings and
//! refuse them. What each failure means is told in `kafka/outcome.rs`.
//!
//! The outbox is the buffer, not librdkafka: a record is handed over only when a broker is known to be there, and one that is
//! not taken soon is given up, to come again with a new stamp. So a record never goes out with a stamp that is past, and what
//! waits in memory while all brokers are away is nothing.

#[cfg(feature = "kafka")]
mod connection;
mod java;
#[cfg(feature = "kafka")]
mod outcome;
#[cfg(feature = "kafka")]
mod producer;
#[cfg(feature = "kafka")]
mod record;
mod settings;

use std::sync::Arc;

use watchword_core::delivery::ProviderId;
use watchword_core::ports::Provider;

use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};
pub use settings::{KafkaSettings, SecurityProtocol, Sends};

impl ProviderKind for KafkaSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        let (channel, address_name) = match self.sends {
            Sends::Sms => ("SMS", "Mobile number"),
            Sends::Email => ("E-mail", "E-mail address"),
        };
        Presentation { channel, address_name, max_address_length: None, passcode_length: PASSCODE_LENGTH }
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let checked = self.check(&id)?;
        for warning in &checked.warnings {
            shared.warn(&id, warning);
        }
        #[cfg(feature = "kafka")]
        return Ok(Arc::new(producer::Kafka::new(id, checked, shared.clock())?));
        #[cfg(not(feature = "kafka"))]
        Err(crate::checks::wrong(
            &id,
            "kind",
            "is `kafka`, which this build is without; take a released binary or image, or build with `--features kafka`",
        ))
    }
}

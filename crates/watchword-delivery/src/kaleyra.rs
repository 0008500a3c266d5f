//! `kaleyra_sms` and `kaleyra_whatsapp`: messages through Kaleyra (wire contract of otpgateway, "kaleyra_sms,
//! kaleyra_whatsapp"; [Kaleyra's pages](https://developers.kaleyra.io/docs/send-your-first-sms)).
//!
//! ```text
//! POST {base_url}/v1/{sid}/messages
//! api-key: {api_key}
//! Content-Type: application/x-www-form-urlencoded
//!
//! to, type=OTP, sender, entity_id, template_id, body                                                    kaleyra_sms
//! to, type=authenticationtemplate, channel=whatsapp, from, template_name, verification_code             kaleyra_whatsapp
//! ```
//!
//! `entity_id` and `template_id` are left out where nothing is configured.
//!
//! | answer | outcome |
//! |---|---|
//! | 200, 202 | `Accepted`, with the `message_id` of the reply's first message, else its `id` |
//! | any other 2xx | `Transient` |
//! | a refusal whose code is one of an account: `NO-CREDITS`, `KYC-NOT-APPROVED`, … | `ProviderRefused` |
//! | a refusal whose code is one of a number: `KLR-INV-NUMBER`, `BLACKLIST`, `OPT-OUT`, … | `AddressRefused` |
//! | a refusal whose code is `SERVER-ERR` | `Transient` |
//! | everything else | as in `http_client.rs` |
//!
//! The codes are those of `kaleyra/codes.rs`. Kaleyra documents them for the status of a message; a refusal may have one as
//! `code`, `error_code`, `status_trace` or `error`, or a level deeper. 401, 402, 403, 407 and 429 are what they say, whatever the code.

mod codes;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Url};
use url::form_urlencoded;
use watchword_core::delivery::{Message, Outcome, ProviderId};
use watchword_core::ports::{Outgoing, Probe, Provider};

use crate::exchange::{Answer, exchange};
use crate::http_client::{HttpClient, reach};
use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};
use crate::reply::Path;
use crate::{phone, plain_text};
use codes::Meaning;
use settings::Checked;
pub use settings::{KaleyraSmsSettings, KaleyraWhatsappSettings};

/// Characters of a telephone number, for the field it is typed into (wire contract of otpgateway).
const MAX_ADDRESS_LENGTH: usize = 10;

const API_KEY: HeaderName = HeaderName::from_static("api-key");

impl ProviderKind for KaleyraSmsSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        presentation("SMS")
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let wording = Wording::Sms {
            sender: self.sender.clone(),
            entity_id: self.sms_entity_id.clone().filter(|id| !id.is_empty()),
            template_id: self.sms_template_id.clone().filter(|id| !id.is_empty()),
        };
        Kaleyra::build(self.check(&id)?, id, wording, shared)
    }
}

impl ProviderKind for KaleyraWhatsappSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        presentation("WhatsApp")
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let wording =
            Wording::Whatsapp { sender: self.sender.clone(), template_name: self.template_name.clone() };
        Kaleyra::build(self.check(&id)?, id, wording, shared)
    }
}

const fn presentation(channel: &str) -> Presentation<'_> {
    Presentation {
        channel,
        address_name: "Mobile number",
        max_address_length: Some(MAX_ADDRESS_LENGTH),
        passcode_length: PASSCODE_LENGTH,
    }
}

/// What a message is made of.
enum Wording {
    /// Our words.
    Sms { sender: String, entity_id: Option<String>, template_id: Option<String> },
    /// Those of a template that WhatsApp has approved.
    Whatsapp { sender: String, template_name: String },
}

impl Wording {
    /// The request's body.
    fn form(&self, to: &str, message: &Message) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("to", to);
        match self {
            Self::Sms { sender, entity_id, template_id } => {
                form.append_pair("type", "OTP").append_pair("sender", sender);
                for (name, value) in [("entity_id", entity_id), ("template_id", template_id)] {
                    if let Some(value) = value {
                        form.append_pair(name, value);
                    }
                }
                form.append_pair("body", &plain_text::of(message));
            }
            Self::Whatsapp { sender, template_name } => {
                form.append_pair("type", "authenticationtemplate")
                    .append_pair("channel", "whatsapp")
                    .append_pair("from", sender)
                    .append_pair("template_name", template_name)
                    .append_pair("verification_code", message.passcode.expose());
            }
        }
        form.finish()
    }
}

struct Kaleyra {
    id: ProviderId,
    url: Url,
    headers: HeaderMap,
    wording: Wording,
    default_phone_code: String,
    timeout: Duration,
    max_concurrent: usize,
    /// Where a reply may have the service's id of the message, and where a code of the error.
    message_ids: [Path; 3],
    codes: [Path; 6],
    http: HttpClient,
}

impl Kaleyra {
    fn build(
        checked: Checked,
        id: ProviderId,
        wording: Wording,
        shared: &Shared,
    ) -> Result<Arc<dyn Provider>, BuildError> {
        let Checked { url, api_key, default_phone_code, timeout, max_concurrent } = checked;
        let http = shared.http(&id, &url)?;
        let user_agent = concat!("watchword/", env!("CARGO_PKG_VERSION"));
        let headers = HeaderMap::from_iter([
            (API_KEY, api_key),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
            (USER_AGENT, HeaderValue::from_static(user_agent)),
        ]);
        Ok(Arc::new(Self {
            id,
            url,
            headers,
            wording,
            default_phone_code,
            timeout,
            max_concurrent,
            message_ids: [
                Path::of(&["data", "0", "message_id"]),
                Path::of(&["data", "message_id"]),
                Path::of(&["id"]),
            ],
            codes: [
                Path::of(&["code"]),
                Path::of(&["error_code"]),
                Path::of(&["status_trace"]),
                Path::of(&["error"]),
                Path::of(&["error", "code"]),
                Path::of(&["data", "error", "error_code"]),
            ],
            http,
        }))
    }
}

#[async_trait]
impl Provider for Kaleyra {
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
        let message = outgoing.message;
        let to = phone::international(&message.to, &self.default_phone_code);
        let mut request = Request::new(Method::POST, self.url.clone());
        request.headers_mut().clone_from(&self.headers);
        *request.body_mut() = Some(self.wording.form(&to, message).into());
        match exchange(&self.http, request, self.timeout, |_| true).await {
            Ok(answer) => self.outcome(answer, message.passcode.expose()),
            Err(outcome) => outcome,
        }
    }

    async fn probe(&self) -> Probe {
        reach::probe(&self.url, self.timeout).await
    }
}

impl Kaleyra {
    fn outcome(&self, answer: Answer, passcode: &str) -> Outcome {
        let Answer { status, refusal, body, .. } = answer;
        let body = body.as_ref();
        let refusal = match (status, refusal) {
            (200 | 202, _) => {
                let message_id =
                    body.and_then(|body| self.message_ids.iter().find_map(|path| body.message_id(path)));
                return Outcome::Accepted { message_id };
            }
            (_, None) => return Outcome::Transient { detail: format!("HTTP {status}, not a success") },
            (_, Some(refusal)) => refusal,
        };
        let all: Vec<String> = match body {
            Some(body) => self.codes.iter().filter_map(|path| body.code(path, passcode)).collect(),
            None => Vec::new(),
        };
        let known = all.iter().find_map(|code| Some((code, codes::meaning(code)?)));
        let detail = match known.map(|(code, _)| code).or(all.first()) {
            Some(code) => format!("HTTP {status}, error {code}"),
            None => format!("HTTP {status}"),
        };
        match (refusal, known.map(|(_, meaning)| meaning)) {
            (refusal @ Outcome::Throttled { .. }, _) => refusal,
            (Outcome::ProviderRefused { .. }, _) | (_, Some(Meaning::Account)) => {
                Outcome::ProviderRefused { detail }
            }
            (_, Some(Meaning::Number)) => Outcome::AddressRefused { detail },
            (_, Some(Meaning::Service)) => Outcome::Transient { detail },
            (Outcome::AddressRefused { .. }, None) => Outcome::AddressRefused { detail },
            (_, None) => Outcome::Transient { detail },
        }
    }
}

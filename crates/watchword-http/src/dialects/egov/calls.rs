//! What each call does: reads, asks, replies. No call decides anything about passcodes.

use std::pin::pin;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;
use uuid::Uuid;
use watchword_core::address::Address;
use watchword_core::error::Error as DomainError;
use watchword_core::verification::Vid;

use super::clients::{Passed, Unavailable, User, UserQuery};
use super::map::{self, Letters, json};
use super::refusal::{InputError, Refusal};
use super::request::{self, SendOtp, SendRequest, TokenOtp};
use super::validation::{self, Asked, INVALID_REQUEST};
use super::wire::{Health, Sent};
use super::words::Purpose;
use super::{Api, Operation};
use crate::front::{Answer, Exchange};

/// What stands for a `RequestInfo` that did not come.
const NO_INFO: &str = "{}";

/// Who asks, what for, and in which country.
struct Recipient<'a> {
    number: &'a str,
    purpose: Purpose,
    country_code: Option<String>,
    user: Option<User>,
}

impl Api {
    pub(super) async fn perform(
        &self,
        operation: Operation,
        exchange: &mut Exchange<'_>,
        request: Request,
    ) -> Result<Answer, Refusal> {
        let (parts, body) = request.into_parts();
        let body = match operation {
            Operation::NotFound => return Err(Refusal::NotFound),
            Operation::MethodNotAllowed => return Err(Refusal::MethodNotAllowed),
            Operation::Health => return Ok(self.health(exchange).await),
            Operation::Send | Operation::Create | Operation::Validate | Operation::Search => {
                exchange.read(body).await?
            }
        };
        said_to_be_json(&parts.headers, &body)?;
        let body = request::json(&body)?;
        match operation {
            Operation::Send => self.send(exchange, &parts.headers, SendRequest::read(body)?).await,
            Operation::Create => self.create(exchange, &TokenOtp::read(body)?).await,
            Operation::Validate => self.validate(exchange, &TokenOtp::read(body)?).await,
            Operation::Search => self.search(exchange, &TokenOtp::read(body)?).await,
            Operation::Health | Operation::NotFound | Operation::MethodNotAllowed => Err(Refusal::NotFound),
        }
    }

    async fn send(
        &self,
        exchange: &mut Exchange<'_>,
        headers: &HeaderMap,
        request: SendRequest<'_>,
    ) -> Result<Answer, Refusal> {
        let mut asked = Asked::read(request.otp.as_ref());
        let fields = std::mem::take(&mut asked.fields);
        let (Some(otp), Some(tenant), Some(number)) = (&request.otp, asked.tenant, asked.number) else {
            return Err(Refusal::Fields { message: INVALID_REQUEST, fields });
        };
        let correlation =
            self.clients.correlation(headers.get("x-correlation-id"), request.correlation_id.as_deref());
        let info = match request.info {
            Some(info) => info,
            None => serde_json::from_str::<&RawValue>(NO_INFO).map_err(|_| InputError::WrongType)?,
        };
        let passed = Passed { tenant, correlation: &correlation, info };
        let country_code = self.country_code(exchange, otp, number, asked.purpose, &passed).await;
        let (country_code, purpose) = match (country_code, asked.purpose) {
            (Ok(country_code), Some(purpose)) if fields.is_empty() => (country_code, purpose),
            (Err(Refusal::Fields { fields: more, .. }), _) => {
                let fields = fields.into_iter().chain(more).collect();
                return Err(Refusal::Fields { message: INVALID_REQUEST, fields });
            }
            (Err(refusal), _) if fields.is_empty() => return Err(refusal),
            _ => return Err(Refusal::Fields { message: INVALID_REQUEST, fields }),
        };
        let user = self.user(exchange, otp, number, purpose, &passed).await?;
        let recipient = Recipient { number, purpose, country_code, user };
        self.pass_on(exchange, &request, recipient, &passed).await
    }

    /// The country code of a number that looks as it should.
    async fn country_code(
        &self,
        exchange: &mut Exchange<'_>,
        otp: &SendOtp<'_>,
        number: &str,
        purpose: Option<Purpose>,
        passed: &Passed<'_>,
    ) -> Result<Option<String>, Refusal> {
        let given = otp.country_code.as_deref();
        let mdms = &self.clients.mdms;
        let asking = pin!(mdms.rules(given, passed, exchange.now()));
        let rules = match exchange.in_time(asking).await.unwrap_or(Err(Unavailable::Mdms)) {
            Ok(rules) => rules,
            // Without a country code there is the default pattern, and for a password reset none at all.
            Err(_) if given.is_none() || purpose == Some(Purpose::PasswordReset) => Default::default(),
            Err(unavailable) => return Err(unavailable.into()),
        };
        validation::country_code(number, purpose, given, &rules, mdms.default())
            .map(|code| code.map(str::to_owned))
            .map_err(|field| Refusal::Fields { message: INVALID_REQUEST, fields: vec![field] })
    }

    /// Who has the number, where somebody is to have it.
    async fn user(
        &self,
        exchange: &mut Exchange<'_>,
        otp: &SendOtp<'_>,
        number: &str,
        purpose: Purpose,
        passed: &Passed<'_>,
    ) -> Result<Option<User>, Refusal> {
        const NUMBER: &str = "otp.mobileNumber";
        let user = match &self.clients.users {
            Some(users) => {
                let query = UserQuery { user_type: otp.user_type.as_deref(), number };
                let asking = pin!(users.find(&query, passed));
                exchange.in_time(asking).await.unwrap_or(Err(Unavailable::Users))?
            }
            None if purpose == Purpose::Register => None,
            None => return Err(Unavailable::NoUsers.into()),
        };
        match (purpose, &user) {
            (Purpose::Register, Some(_)) => Err(Refusal::field(
                "OTP request for register failed",
                "OTP.MOBILENUMBER",
                "This MobileNumber Already Register as UserName in System. Pls try Another UserName",
                NUMBER,
            )),
            (Purpose::Login, None) => Err(Refusal::field(
                "OTP request for login failed",
                "OTP.UNKNOWN_CREDENTIAL",
                "No such username or password",
                NUMBER,
            )),
            (Purpose::PasswordReset, None) => Err(Refusal::field(
                "OTP request for password reset failed",
                "OTP.UNKNOWN_MOBILE_NUMBER",
                "Mobile number is unknown.",
                NUMBER,
            )),
            (Purpose::Register, None) | (Purpose::Login | Purpose::PasswordReset, Some(_)) => Ok(user),
        }
    }

    /// Makes a passcode for the number asked for, and sends it.
    async fn pass_on(
        &self,
        exchange: &mut Exchange<'_>,
        request: &SendRequest<'_>,
        recipient: Recipient<'_>,
        passed: &Passed<'_>,
    ) -> Result<Answer, Refusal> {
        let Recipient { number, purpose, country_code, user } = recipient;
        let user = user.unwrap_or_default();
        let to = match purpose {
            Purpose::PasswordReset => user.number.as_deref(),
            Purpose::Register | Purpose::Login => Some(number),
        };
        let country = country_code.as_deref().filter(|_| self.settings.sms_to_whole_number);
        let to = to.and_then(|number| map::sms_address(country, number));
        if to.is_none() && purpose == Purpose::PasswordReset {
            return Err(Refusal::field(
                "OTP request for password reset failed",
                "OTP.MOBILE_NUMBER",
                "MobileNumber Not Found For This User.",
                "otp.mobileNumber",
            ));
        }
        let holder = validation::create(&TokenOtp {
            tenant: Some(passed.tenant.into()),
            identity: Some(number.into()),
            ..TokenOtp::default()
        })?;
        // A number that a token can be of can be sent to.
        let to = to.unwrap_or_else(|| holder.identity.clone());
        let sms_route = self.settings.sms_route.clone().ok_or(Unavailable::NoSms)?;
        let asking = pin!(self.clients.localization.texts(request.locale(), passed, exchange.now()));
        let texts = exchange.in_time(asking).await.unwrap_or_default();
        // A mail that can't be sent never fails the request.
        let mail = user.email.as_deref().and_then(|email| Address::new(email).ok());
        let letters = Letters {
            purpose,
            texts,
            sms: (sms_route.clone(), to),
            mail: self.settings.email_route.clone().zip(mail),
            given: Letters::given(passed.tenant, country_code.as_deref()),
        };
        let start = map::start(holder, sms_route, &self.settings);
        let starting = pin!(self.engine.start_with(start, |passcode| letters.written(passcode)));
        exchange.work(starting).await?;
        Ok(ok(json(StatusCode::CREATED, &Sent { response_info: (), is_successful: true })))
    }

    async fn create(&self, exchange: &mut Exchange<'_>, otp: &TokenOtp<'_>) -> Result<Answer, Refusal> {
        let start = map::start(validation::create(otp)?, map::no_route(), &self.settings);
        let starting = pin!(self.engine.start_with(start, |_| Vec::new()));
        let started = exchange.work(starting).await?;
        let code = Some(started.passcode.expose());
        Ok(ok(map::token(StatusCode::CREATED, &started.verification, code)))
    }

    async fn validate(&self, exchange: &mut Exchange<'_>, otp: &TokenOtp<'_>) -> Result<Answer, Refusal> {
        let (holder, passcode) = validation::validate(otp)?;
        let checking = pin!(self.engine.check(map::check(holder, passcode)));
        let verification = exchange.work(checking).await?;
        Ok(ok(map::token(StatusCode::OK, &verification, otp.otp.as_deref())))
    }

    async fn search(&self, exchange: &mut Exchange<'_>, otp: &TokenOtp<'_>) -> Result<Answer, Refusal> {
        let Some(vid) = otp.uuid.as_deref().and_then(vid) else { return Ok(ok(map::no_token())) };
        let finding = pin!(self.engine.find(vid));
        match exchange.work(finding).await {
            // What has an id of its caller's is no token.
            Ok(found) if found.external_id.is_none() => Ok(ok(map::token(StatusCode::OK, &found, None))),
            Ok(_) | Err(DomainError::Gone) => Ok(ok(map::no_token())),
            Err(error) => Err(error.into()),
        }
    }

    async fn health(&self, exchange: &mut Exchange<'_>) -> Answer {
        let asking = pin!(self.engine.ready());
        match exchange.attend(asking).await {
            Ok(()) => ok(json(StatusCode::OK, &Health { status: "UP" })),
            Err(error) => {
                let response = json(StatusCode::SERVICE_UNAVAILABLE, &Health { status: "DOWN" });
                Answer { response, outcome: error.code(), cause: Some(error) }
            }
        }
    }
}

/// A token's id, in the one spelling that it is given out in.
fn vid(text: &str) -> Option<Vid> {
    let uuid = Uuid::try_parse(text).ok()?;
    let spelled = uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
    spelled.then_some(Vid::from_uuid(uuid))
}

/// # Errors
/// There is a body, and it is not said to be JSON.
fn said_to_be_json(headers: &HeaderMap, body: &Bytes) -> Result<(), InputError> {
    let Some(given) = headers.get(CONTENT_TYPE) else {
        return Err(if body.is_empty() { InputError::NoBody } else { InputError::MediaType });
    };
    let essence = given.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_json = essence.eq_ignore_ascii_case(b"application/json")
        || (essence.to_ascii_lowercase().starts_with(b"application/")
            && essence.to_ascii_lowercase().ends_with(b"+json"));
    if is_json { Ok(()) } else { Err(InputError::MediaType) }
}

const fn ok(response: Response) -> Answer {
    Answer { response, outcome: "ok", cause: None }
}

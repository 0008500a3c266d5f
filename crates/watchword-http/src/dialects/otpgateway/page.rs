//! The pages of otpgateway (wire contract, "Pages"): which one is shown, and what its forms do. Looking at a page changes nothing.

mod same_site;
mod view;
mod visit;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use http::HeaderValue;
use http::request::Parts;
use watchword_core::address::Address;
use watchword_core::delivery::DeliveryMode;
use watchword_core::engine::{AddressRequest, CheckBy, CheckRequest, ResendRequest, Sent, Words};
use watchword_core::error::Error;
use watchword_core::passcode::Passcode;
use watchword_core::ports::StoreError;
use watchword_core::time::seconds_rounded_up;
use watchword_core::verification::{OnRight, State, Verification};

use self::same_site::Origin;
pub(super) use self::view::broken;
use self::view::{Said, View};
use self::visit::Visit;
use super::Api;
use super::calls::{ok, success};
use super::map::{MAX_OTP_BYTES, seconds_left};
use super::message::MessageContext;
use super::parameters::{Name, Parameters};
use super::refusal::Refusal;
use super::settings::{OtpgatewaySettings, ProviderProfile};
use super::wire::PageStatus;
use crate::front::{Answer, BodyError, Exchange};
use crate::pages::{Message, Notice, policy};

/// What is asked of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageCall {
    /// `GET /otp/{ns}/{id}`
    Code,
    /// `POST /otp/{ns}/{id}`
    SubmitCode,
    /// `GET /otp/{ns}/{id}/address`
    Address,
    /// `POST /otp/{ns}/{id}/address`
    SubmitAddress,
}

impl PageCall {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Code => "page",
            Self::SubmitCode => "page_submit",
            Self::Address => "page_address",
            Self::SubmitAddress => "page_address_submit",
        }
    }

    const fn submits(self) -> bool {
        matches!(self, Self::SubmitCode | Self::SubmitAddress)
    }
}

/// What is not there where a person looked for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// The path.
    Path,
    /// The method.
    Method,
}

/// What is the same for all pages of this server.
pub(super) struct Site {
    /// The path that all our paths begin with, where people reach this server below one.
    base: String,
    origin: Option<Origin>,
    /// What browsers are told about the pages of each namespace.
    policies: HashMap<Box<str>, HeaderValue>,
    /// And about those of a namespace that is not there.
    policy: HeaderValue,
}

impl Site {
    pub(super) fn new(root_url: &str, settings: &OtpgatewaySettings) -> Self {
        let pages = &settings.pages;
        let common = pages.pages.policy();
        let path = root_url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        let policies = settings.namespaces.iter().map(|access| {
            let ancestors = pages.frame_ancestors.get(&access.namespace);
            (access.namespace.as_str().into(), policy(common, ancestors.map(Vec::as_slice)))
        });
        Self {
            base: path.map_or_else(String::new, |(_, path)| format!("/{path}")),
            origin: Origin::of(root_url),
            policies: policies.collect(),
            policy: policy(common, None),
        }
    }
}

impl Api {
    pub(super) async fn page(&self, call: PageCall, exchange: &mut Exchange<'_>, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let visit = Visit::new(self, &parts);
        let view = match self.settle(call, &visit, exchange, &parts, body).await {
            Ok(view) => view,
            Err(error @ Error::Store(StoreError::OutcomeUnknown(_))) if call.submits() => {
                View::in_doubt(error)
            }
            Err(error) => View::refused(error, exchange.now()),
        };
        self.page_answer(&visit, view, exchange.now())
    }

    /// The answer to a path below `/otp/` that is no page, or to a method that a page does not have.
    pub(super) fn no_page(&self, absent: Absent, exchange: &Exchange<'_>, request: Request) -> Answer {
        let (parts, _) = request.into_parts();
        let visit = Visit::new(self, &parts);
        let view = self.limited(exchange, &parts).unwrap_or_else(|| match absent {
            Absent::Path => View::new("not_found", Said::Message(Message::NotFound)),
            Absent::Method => View::new("method_not_allowed", Said::Message(Message::MethodNotAllowed)),
        });
        self.page_answer(&visit, view, exchange.now())
    }

    /// What a client is shown that asked for too many pages.
    fn limited(&self, exchange: &Exchange<'_>, parts: &Parts) -> Option<View> {
        let wait = exchange.take_turn(parts, self.settings.pages.requests_per_minute).err()?;
        let seconds = seconds_rounded_up(wait);
        Some(View::new("page_limit", Said::Message(Message::PageLimit { seconds })))
    }

    /// Does what the call asks for.
    async fn settle(
        &self,
        call: PageCall,
        visit: &Visit<'_>,
        exchange: &mut Exchange<'_>,
        parts: &Parts,
        body: Body,
    ) -> Result<View, Error> {
        if let Some(limited) = self.limited(exchange, parts) {
            return Ok(limited);
        }
        if call.submits() && !same_site::is_ours(&parts.headers, self.site.origin.as_ref()) {
            return Ok(View::new("foreign", Said::Message(Message::Foreign)));
        }
        let body = match exchange.read(body).await {
            Ok(body) => body,
            Err(error) => return Ok(View::bad_request(body_outcome(error))),
        };
        let form = if call.submits() {
            Parameters::read(parts.uri.query(), &parts.headers, &body).await
        } else {
            // What fills in a field is no mistake of anybody's when it can't be read.
            Ok(Parameters::of_query(parts.uri.query()).unwrap_or_default())
        };
        let Ok(form) = form else { return Ok(View::bad_request("invalid_input")) };
        match call {
            PageCall::Code => {
                let found = self.found(visit, exchange).await?;
                let code = form.line(Name::Otp, MAX_OTP_BYTES).unwrap_or_default().to_owned();
                Ok(View::ok(Said::Code { found, notice: None, code }))
            }
            PageCall::SubmitCode if form.get(Name::Action) == Some("resend") => {
                self.page_resend(visit, exchange).await
            }
            PageCall::SubmitCode => self.page_check(visit, exchange, &form).await,
            PageCall::Address => {
                let found = self.found(visit, exchange).await?;
                Ok(View::ok(Said::Address { found, notice: None, to: String::new() }))
            }
            PageCall::SubmitAddress => self.page_address(visit, exchange, &form).await,
        }
    }

    async fn found(
        &self,
        visit: &Visit<'_>,
        exchange: &mut Exchange<'_>,
    ) -> Result<Arc<Verification>, Error> {
        let (namespace, id) = visit.name.as_ref().ok_or(Error::Gone)?;
        exchange.work(self.engine.get(namespace, id)).await
    }

    /// A right code closes and never deletes: the application asks for the status afterwards.
    async fn page_check(
        &self,
        visit: &Visit<'_>,
        exchange: &mut Exchange<'_>,
        form: &Parameters<'_>,
    ) -> Result<View, Error> {
        let passcode = match form.line(Name::Otp, MAX_OTP_BYTES) {
            Ok("") => Err(Notice::Empty),
            Ok(otp) => Passcode::new(otp).map_err(|_| Notice::Incorrect),
            // No code is like that.
            Err(_) => Err(Notice::Incorrect),
        };
        let passcode = match passcode {
            Ok(passcode) => passcode,
            Err(notice) => {
                let found = self.found(visit, exchange).await?;
                return Ok(View::new("invalid_input", Said::code(found, notice)));
            }
        };
        let (namespace, id) = visit.name.clone().ok_or(Error::Gone)?;
        let request = CheckRequest {
            namespace,
            by: CheckBy::Id(id),
            passcode,
            on_right: Some(OnRight::Close),
            approved_again: true,
        };
        let checking = pin!(self.engine.check(request));
        let found = exchange.work(checking).await?;
        Ok(View::ok(Said::Code { found, notice: None, code: String::new() }))
    }

    async fn page_resend(&self, visit: &Visit<'_>, exchange: &mut Exchange<'_>) -> Result<View, Error> {
        let (namespace, id) = visit.name.clone().ok_or(Error::Gone)?;
        let found = self.found(visit, exchange).await?;
        let Some(profile) = self.providers.get(found.route.as_str()) else {
            return Ok(View::ok(Said::Code { found, notice: None, code: String::new() }));
        };
        let request = ResendRequest {
            namespace,
            external_id: id,
            cool_down: self.settings.pages.resend_cool_down,
            throttle: None,
            mode: self.attached(exchange),
        };
        let compose =
            |verification: &Verification, passcode: &Passcode| self.compose(profile, verification, passcode);
        let resending = pin!(self.engine.resend(request, compose));
        match exchange.work(resending).await {
            Ok(sent) => {
                let found = self.sent(sent, exchange).await?;
                Ok(View::ok(Said::code(found, Notice::Resent)))
            }
            Err(Error::TooSoon { retry_at }) => {
                let seconds = seconds_rounded_up(exchange.now().until(retry_at));
                Ok(View::new("too_soon", Said::code(found, Notice::TooSoon { seconds })))
            }
            Err(error) => Err(error),
        }
    }

    async fn page_address(
        &self,
        visit: &Visit<'_>,
        exchange: &mut Exchange<'_>,
        form: &Parameters<'_>,
    ) -> Result<View, Error> {
        let (namespace, id) = visit.name.clone().ok_or(Error::Gone)?;
        let found = self.found(visit, exchange).await?;
        let shown = |notice, to: &str| Said::Address { found: Arc::clone(&found), notice, to: to.to_owned() };
        // People leave spaces at the end.
        let to = form.line(Name::To, Address::MAX_BYTES).unwrap_or_default().trim();
        let profile = self.providers.get(found.route.as_str());
        let asked = found.target.is_none() && found.state == State::Pending && !found.is_locked();
        let (Some(profile), true) = (profile, asked) else { return Ok(View::ok(shown(None, ""))) };
        let address = Address::new(to).ok().filter(|_| profile.address_rule.problem(to).is_none());
        let Some(address) = address else {
            return Ok(View::new("invalid_input", shown(Some(Notice::InvalidAddress), to)));
        };
        let request = AddressRequest {
            namespace,
            external_id: id,
            channel: profile.channel.clone(),
            address,
            throttle: None,
            mode: self.attached(exchange),
        };
        let compose =
            |verification: &Verification, passcode: &Passcode| self.compose(profile, verification, passcode);
        let setting = pin!(self.engine.set_address(request, compose));
        let sent = exchange.work(setting).await?;
        self.sent(sent, exchange).await?;
        Ok(View::ok(Said::ToCode))
    }

    /// Waits, as a PUT does, until a provider has the message.
    async fn sent(&self, sent: Sent, exchange: &mut Exchange<'_>) -> Result<Arc<Verification>, Error> {
        let Sent { verification, delivery } = sent;
        if let Some(delivery) = delivery {
            let late = || Err(Error::NotSent(Arc::clone(&verification)));
            exchange.in_time(delivery.result()).await.unwrap_or_else(late)?;
        }
        Ok(verification)
    }

    fn attached(&self, exchange: &Exchange<'_>) -> DeliveryMode {
        DeliveryMode::Attached { deadline: exchange.arrived().after(self.delivery_time) }
    }

    fn compose(&self, profile: &ProviderProfile, verification: &Verification, passcode: &Passcode) -> Words {
        let now = self.engine.now();
        let target = verification.target.as_ref();
        profile.composer.compose(&MessageContext {
            to: target.map_or("", |target| target.address.given()),
            namespace: verification.namespace.as_str(),
            id: verification.external_id.as_ref().map_or("", |id| id.as_str()),
            channel: profile.channel.as_str(),
            otp: passcode.expose(),
            ttl: Duration::from_secs(seconds_left(verification, now)),
            now,
            root_url: &self.root_url,
        })
    }

    pub(super) async fn page_status(
        &self,
        exchange: &mut Exchange<'_>,
        parts: &Parts,
    ) -> Result<Answer, Refusal> {
        let visit = Visit::new(self, parts);
        match self.found(&visit, exchange).await {
            Ok(found) => Ok(success(&PageStatus { closed: found.state == State::Approved })),
            Err(Error::Gone) => Err(Refusal::SessionExpired),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn static_file(&self, parts: &Parts) -> Result<Answer, Refusal> {
        let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let file = self.settings.pages.pages.file(name).ok_or(Refusal::NotFound)?;
        Ok(ok(file.response(&parts.headers)))
    }
}

fn body_outcome(error: BodyError) -> &'static str {
    match error {
        BodyError::TooLarge => "body_too_large",
        BodyError::TooSlow => "body_too_slow",
        BodyError::Broken => "body_broken",
    }
}

//! What each call does: reads, asks the engine, replies. No call decides anything about passcodes.

use std::pin::pin;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use watchword_core::delivery::DeliveryMode;
use watchword_core::engine::Started;
use watchword_core::error::Error;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Passcode;
use watchword_core::verification::{ExternalId, Verification};

use super::map::{self, json, seconds_left};
use super::message::{MessageContext, page_url};
use super::parameters::{Name, Parameters};
use super::refusal::{InputError, Refusal};
use super::wire::Success;
use super::{Api, Operation};
use crate::front::{Answer, Exchange};

/// Where ids begin in a path.
const OTP_PATH: &str = "/api/otp/";
/// Characters of an id that is made here.
const MADE_ID_LENGTH: usize = 32;

impl Api {
    pub(super) async fn perform(
        &self,
        operation: Operation,
        exchange: &mut Exchange<'_>,
        request: Request,
    ) -> Result<Answer, Refusal> {
        let (parts, body) = request.into_parts();
        let namespace = || self.callers.authenticate(&parts.headers);
        match operation {
            Operation::Root => Ok(ok("Watchword speaks otpgateway's API here.\n".into_response())),
            Operation::PageStatus => self.page_status(exchange, &parts).await,
            Operation::Static => self.static_file(&parts),
            // Pages say so themselves.
            Operation::NotFound | Operation::Page(_) => Err(Refusal::NotFound),
            Operation::MethodNotAllowed => Err(Refusal::MethodNotAllowed),
            Operation::Health => self.health(exchange).await,
            Operation::Providers => {
                namespace()?;
                Ok(success(&self.provider_ids))
            }
            Operation::Start => self.start(exchange, namespace()?, &parts, body).await,
            Operation::Check => self.check(exchange, namespace()?, &parts, body).await,
            Operation::Status => self.status(exchange, namespace()?, &parts).await,
            Operation::Delete => self.delete(exchange, namespace()?, &parts).await,
        }
    }

    /// Not counted as work: a server that is busy is healthy.
    async fn health(&self, exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
        exchange.attend(self.engine.ready()).await?;
        Ok(success("OK"))
    }

    async fn start(
        &self,
        exchange: &mut Exchange<'_>,
        namespace: &Namespace,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let id = match id_segment(parts) {
            Some(segment) => map::external_id(segment, InputError::ShortId)?,
            None => ExternalId::new(&self.engine.random_id(MADE_ID_LENGTH))?,
        };
        let body = exchange.read(body).await?;
        let parameters = Parameters::read(parts.uri.query(), &parts.headers, &body).await?;
        let provider = parameters.line(Name::Provider, usize::MAX)?;
        let profile = self.providers.get(provider).ok_or(InputError::UnknownProvider)?;
        let deadline = exchange.arrived().after(self.delivery_time);
        let mode = DeliveryMode::Attached { deadline };
        let request = map::put(&parameters, profile, &self.settings, namespace.clone(), id.clone(), mode)?;
        let (ttl, address) = (request.ttl, request.address.clone());
        let compose = |passcode: &Passcode| {
            profile.composer.compose(&MessageContext {
                to: address.as_ref().map_or("", |address| address.given()),
                namespace: namespace.as_str(),
                id: id.as_str(),
                channel: profile.channel.as_str(),
                otp: passcode.expose(),
                ttl,
                now: self.engine.now(),
                root_url: &self.root_url,
            })
        };
        let starting = pin!(self.engine.start(request, compose));
        let Started { verification, passcode, delivery } = exchange.work(starting).await?;
        if let Some(delivery) = delivery {
            // Waiting takes no room: only `work` does.
            let late = || Err(Error::NotSent(verification.clone()));
            exchange.in_time(delivery.result()).await.unwrap_or_else(late)?;
        }
        let url = page_url(&self.root_url, namespace.as_str(), id.as_str());
        let mut otp = map::otp(&verification, passcode.expose(), ttl.as_secs());
        otp.url = Some(&url);
        Ok(success(&otp))
    }

    async fn check(
        &self,
        exchange: &mut Exchange<'_>,
        namespace: &Namespace,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let segment = id_segment(parts).unwrap_or_default();
        let id = map::external_id(segment, InputError::ShortIdOfCheck)?;
        let body = exchange.read(body).await?;
        let parameters = Parameters::read(parts.uri.query(), &parts.headers, &body).await?;
        let request = map::check(&parameters, namespace.clone(), id)?;
        let passcode = request.passcode.clone();
        let checking = pin!(self.engine.check(request));
        let verification = exchange.work(checking).await?;
        // It was right, so it need not be unsealed.
        let ttl = seconds_left(&verification, exchange.now());
        Ok(success(&map::otp(&verification, passcode.expose(), ttl)))
    }

    async fn status(
        &self,
        exchange: &mut Exchange<'_>,
        namespace: &Namespace,
        parts: &Parts,
    ) -> Result<Answer, Refusal> {
        let id = map::external_id(id_segment(parts).unwrap_or_default(), InputError::ShortId)?;
        let verification = exchange.work(self.engine.get_approved(namespace, &id)).await?;
        self.approved(exchange, &verification)
    }

    async fn delete(
        &self,
        exchange: &mut Exchange<'_>,
        namespace: &Namespace,
        parts: &Parts,
    ) -> Result<Answer, Refusal> {
        let id = map::external_id(id_segment(parts).unwrap_or_default(), InputError::ShortId)?;
        let verification = exchange.work(self.engine.delete_if_approved(namespace, &id)).await?;
        self.approved(exchange, &verification)
    }

    fn approved(&self, exchange: &Exchange<'_>, verification: &Verification) -> Result<Answer, Refusal> {
        let passcode = self.engine.passcode_of(verification)?;
        let otp = passcode.as_ref().map_or("", Passcode::expose);
        Ok(success(&map::otp(verification, otp, seconds_left(verification, exchange.now()))))
    }
}

/// The path's id as sent, percent-encoded. `None`: the path has none.
fn id_segment(parts: &Parts) -> Option<&str> {
    let rest = parts.uri.path().strip_prefix(OTP_PATH)?;
    rest.split('/').next()
}

pub(super) fn success(data: &(impl Serialize + ?Sized)) -> Answer {
    ok(json(StatusCode::OK, &Success::new(data)))
}

pub(super) fn ok(response: Response) -> Answer {
    Answer { response, outcome: "ok", cause: None }
}

//! What each call does: reads, asks the engine, replies. No call decides anything about passcodes.

use std::pin::pin;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use watchword_core::passcode::Passcode;

use super::channel::ChannelName;
use super::map::{self, json};
use super::name::Name;
use super::parameters::{NotJson, Parameters};
use super::refusal::{InputError, Refusal};
use super::telegram::Handled;
use super::wire::{PasswordContent, Reply, TargetContent};
use super::{Api, Operation, limit};
use crate::front::{Answer, BodyError, Exchange};

impl Api {
    pub(super) async fn perform(
        &self,
        operation: Operation,
        exchange: &mut Exchange<'_>,
        request: Request,
    ) -> Result<Answer, Refusal> {
        let (parts, body) = request.into_parts();
        self.door.admit(operation, &parts.headers)?;
        match operation {
            Operation::Send(channel) => self.send(channel, exchange, &parts, body).await,
            Operation::Check(channel) => self.check(channel, exchange, &parts, body).await,
            Operation::PutRules(channel) => self.put_rules(channel, exchange, &parts, body).await,
            Operation::GetRules(channel) => self.get_rules(channel, exchange).await,
            Operation::Target => self.target(exchange, &parts, body).await,
            Operation::Password => self.password(exchange, &parts, body).await,
            Operation::Webhook => self.webhook(exchange, body).await,
            Operation::NotFound => Err(Refusal::NotFound),
            Operation::MethodNotAllowed => Err(Refusal::MethodNotAllowed),
        }
    }

    async fn send(
        &self,
        channel: ChannelName,
        exchange: &mut Exchange<'_>,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let body = exchange.read(body).await?;
        let parameters = Parameters::read(parts.uri.query(), &body, NotJson::Refused)?;
        let (request, wording) = map::send(channel, &parameters, &self.settings)?;
        let starting = pin!(self.engine.start(request, |passcode| wording.words(passcode)));
        exchange.work(starting).await?;
        Ok(done())
    }

    async fn check(
        &self,
        channel: ChannelName,
        exchange: &mut Exchange<'_>,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let body = exchange.read(body).await?;
        let parameters = look_up(parts, &body)?;
        let request = map::check(channel, &parameters, self.settings.namespace.clone())?;
        let checking = pin!(self.engine.check(request));
        exchange.work(checking).await?;
        Ok(done())
    }

    async fn put_rules(
        &self,
        channel: ChannelName,
        exchange: &mut Exchange<'_>,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let body = exchange.read(body).await?;
        let parameters = Parameters::read(parts.uri.query(), &body, NotJson::Refused)?;
        let by_ip = limit::rules(&parameters, Name::Ips)?;
        let by_target = limit::rules(&parameters, channel.target_rules())?;
        let putting =
            pin!(self.engine.put_rules(&self.settings.namespace, channel.channel(), by_ip, by_target));
        exchange.work(putting).await?;
        Ok(done())
    }

    async fn get_rules(&self, channel: ChannelName, exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
        let getting = pin!(self.engine.get_rules(&self.settings.namespace, channel.channel()));
        let rules = exchange.work(getting).await?;
        Ok(found(limit::shown(channel, &rules)))
    }

    async fn target(
        &self,
        exchange: &mut Exchange<'_>,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let body = exchange.read(body).await?;
        let parameters = look_up(parts, &body)?;
        let passcode = map::passcode(&parameters)?;
        let channel = ChannelName::find(&parameters.required(Name::Channel)?).ok_or(InputError::Channel)?;
        let looking = pin!(self.engine.newest_target(&self.settings.namespace, channel.channel(), &passcode));
        let target = exchange.work(looking).await?;
        Ok(found(TargetContent { target: target.as_ref().map(|target| target.address.given()) }))
    }

    async fn password(
        &self,
        exchange: &mut Exchange<'_>,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, Refusal> {
        let body = exchange.read(body).await?;
        let parameters = look_up(parts, &body)?;
        let address = map::address(&parameters, Name::Target)?;
        let channels = ChannelName::ALL.map(|name| name.channel().clone());
        let looking = pin!(self.engine.newest_passcode(&self.settings.namespace, &address, &channels));
        let passcode = exchange.work(looking).await?;
        Ok(found(PasswordContent { password: passcode.as_ref().map(Passcode::expose) }))
    }

    /// What is not acknowledged comes again, for a day; so all is that another time would not help.
    async fn webhook(&self, exchange: &mut Exchange<'_>, body: Body) -> Result<Answer, Refusal> {
        let handled = match exchange.read(body).await {
            Ok(body) => {
                let handling = pin!(self.updates.handle(&body));
                exchange.work(handling).await?
            }
            Err(BodyError::TooLarge) => Handled::TooLarge,
            Err(error) => return Err(error.into()),
        };
        handled.log();
        if handled == Handled::NotAnObject {
            return Err(InputError::NotAnObject.into());
        }
        Ok(Answer { outcome: handled.code(), ..done() })
    }
}

/// The parameters of a `GET`.
fn look_up<'a>(parts: &'a Parts, body: &'a Bytes) -> Result<Parameters<'a>, InputError> {
    Parameters::read(parts.uri.query(), body, NotJson::Nothing)
}

fn done() -> Answer {
    reply::<()>(None)
}

fn found(content: impl Serialize) -> Answer {
    reply(Some(content))
}

fn reply<T: Serialize>(content: Option<T>) -> Answer {
    let response = json(StatusCode::OK, &Reply { status: true, content });
    Answer { response, outcome: "ok", cause: None }
}

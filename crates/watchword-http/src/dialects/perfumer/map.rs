//! From parameters to engine calls, and from what comes of them to replies.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use watchword_core::address::{Address, Target};
use watchword_core::delivery::{BodyFormat, DeliveryMode};
use watchword_core::engine::{CheckBy, CheckRequest, PasscodeSource, StartRequest, ThrottleBy, Words};
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Passcode;
use watchword_core::ports::OnLive;
use watchword_core::verification::{Attributes, Limits, OnRight, RouteName};

use super::channel::ChannelName;
use super::name::Name;
use super::parameters::Parameters;
use super::refusal::InputError;
use super::settings::PerfumerSettings;

/// What a message says.
pub(super) struct Wording<'a> {
    body: WordingBody<'a>,
    /// The parameters as the caller spelled them, for a provider that passes them on.
    given: Arc<str>,
}

enum WordingBody<'a> {
    /// The passcode, spoken digit by digit.
    Spoken,
    Text(Cow<'a, str>),
    Mail {
        subject: Cow<'a, str>,
        text: Option<Cow<'a, str>>,
        html: Option<Cow<'a, str>>,
    },
}

impl Wording<'_> {
    /// The message's words.
    pub(super) fn words(&self, passcode: &Passcode) -> Words {
        let owned = |text: &Option<Cow<'_, str>>| text.as_ref().map(|text| text.as_ref().to_owned());
        let given = Some(Arc::clone(&self.given));
        match &self.body {
            WordingBody::Spoken => Words { body: spaced(passcode.expose()), given, ..Words::default() },
            WordingBody::Text(text) => Words { body: text.as_ref().to_owned(), given, ..Words::default() },
            WordingBody::Mail { subject, text, html } => {
                let (body, format, plain) = match html {
                    Some(html) => (html.as_ref().to_owned(), BodyFormat::Html, owned(text)),
                    None => (owned(text).unwrap_or_default(), BodyFormat::Text, None),
                };
                Words { subject: subject.as_ref().to_owned(), body, format, plain, given }
            }
        }
    }
}

/// `12345` as `1 2 3 4 5`, for a voice to read out.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(2 * text.len());
    for character in text.chars() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push(character);
    }
    spaced
}

/// A send on a channel. Errors come in the order of the wire contract.
pub(super) fn send<'a>(
    channel: ChannelName,
    parameters: &'a Parameters<'_>,
    settings: &PerfumerSettings,
) -> Result<(StartRequest, Wording<'a>), InputError> {
    let to = address(parameters, channel.target())?;
    if channel == ChannelName::Telegram {
        // In one spelling only: limits count by it.
        let is_integer = to.given().parse().is_ok_and(|chat: i64| chat.to_string() == to.given());
        if !is_integer {
            return Err(InputError::NotInteger(channel.target()));
        }
    }
    let passcode = passcode(parameters)?;
    let (body, passed_on): (_, &[Name]) = match channel {
        ChannelName::Call => (WordingBody::Spoken, &[Name::Phone]),
        ChannelName::Sms => {
            (WordingBody::Text(parameters.required(Name::Message)?), &[Name::Phone, Name::Message])
        }
        ChannelName::Telegram => {
            (WordingBody::Text(parameters.required(Name::Message)?), &[Name::ChatId, Name::Message])
        }
        ChannelName::Email => {
            let subject = parameters.required(Name::Subject)?;
            if subject.chars().any(char::is_control) {
                return Err(InputError::ControlCharacter(Name::Subject));
            }
            let body = WordingBody::Mail {
                subject,
                text: parameters.text(Name::Text)?,
                html: parameters.text(Name::Html)?,
            };
            (body, &[Name::Email, Name::Subject, Name::Text, Name::Html])
        }
    };
    let lifetime = parameters.lifetime()?;
    if matches!(&body, WordingBody::Mail { text: None, html: None, .. }) {
        return Err(InputError::NoBody);
    }
    let ip = parameters.short_if_there(Name::Ip)?;
    let route = settings.routes.of(channel).ok_or(InputError::NoRoute(channel))?;
    let request = start(
        channel,
        settings.namespace.clone(),
        route.clone(),
        to,
        PasscodeSource::Given(passcode),
        Duration::from_secs(lifetime.into()),
        ThrottleBy { ip: ip.map(Cow::into_owned), target: true },
    );
    Ok((request, Wording { body, given: given(parameters, passed_on) }))
}

/// What every passcode of this dialect has in common.
pub(super) fn start(
    channel: ChannelName,
    namespace: Namespace,
    route: RouteName,
    to: Address,
    passcode: PasscodeSource,
    ttl: Duration,
    throttle: ThrottleBy,
) -> StartRequest {
    StartRequest {
        namespace,
        external_id: None,
        channel: channel.channel().clone(),
        address: Some(to),
        route,
        passcode,
        keep_passcode: true,
        look_up_by_passcode: true,
        on_live: OnLive::Add,
        limits: Limits::default(),
        ttl,
        kept_after: Duration::ZERO,
        on_right: OnRight::Keep,
        attributes: Attributes::default(),
        throttle: Some(throttle),
        dedupe: None,
        mode: DeliveryMode::Durable,
    }
}

/// A JSON object of these parameters.
fn given(parameters: &Parameters<'_>, names: &[Name]) -> Arc<str> {
    let mut given = String::with_capacity(256);
    for name in names {
        given.push(if given.is_empty() { '{' } else { ',' });
        given.push('"');
        given.push_str(name.as_str());
        given.push_str("\":");
        parameters.write_as_given(*name, &mut given);
    }
    given.push('}');
    given.into()
}

/// A check of a target.
pub(super) fn check(
    channel: ChannelName,
    parameters: &Parameters<'_>,
    namespace: Namespace,
) -> Result<CheckRequest, InputError> {
    let address = address(parameters, channel.target())?;
    let targets = channel
        .checked()
        .iter()
        .map(|channel| Target { channel: channel.channel().clone(), address: address.clone() });
    Ok(CheckRequest {
        namespace,
        by: CheckBy::Targets(targets.collect()),
        passcode: passcode(parameters)?,
        on_right: Some(OnRight::Keep),
        approved_again: true,
    })
}

/// The passcode that the caller brings, or asks about.
pub(super) fn passcode(parameters: &Parameters<'_>) -> Result<Passcode, InputError> {
    Passcode::new(&parameters.short(Name::Password)?).map_err(|error| InputError::of(Name::Password, &error))
}

/// Where a message goes.
pub(super) fn address(parameters: &Parameters<'_>, name: Name) -> Result<Address, InputError> {
    Address::new(&parameters.short(name)?).map_err(|error| InputError::of(name, &error))
}

/// A reply in JSON. It may hold a passcode, so nobody on the way keeps it.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(128);
    #[expect(
        clippy::expect_used,
        reason = "strings, numbers and lists always serialize, and a Vec takes them"
    )]
    serde_json::to_writer(&mut bytes, body).expect("a reply is JSON");
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

//! From requests to engine calls, and from what comes of them to replies.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use watchword_core::address::{Address, Channel, Target};
use watchword_core::delivery::DeliveryMode;
use watchword_core::engine::{CheckBy, CheckRequest, Letter, PasscodeSource, StartRequest, Words};
use watchword_core::passcode::Passcode;
use watchword_core::ports::OnLive;
use watchword_core::verification::{Attributes, Limits, OnRight, RouteName, State, Verification};

use super::settings::EgovSettings;
use super::validation::Holder;
use super::wire::{Given, Token, TokenReply};
use super::words::{Purpose, Texts};

/// How long a token is found after its time is over.
const FINDABLE_FOR: Duration = Duration::from_hours(24);

/// Where all passcodes of this dialect are kept: a number is good for it, whether or not anything is sent there.
fn channel() -> Channel {
    #[expect(clippy::expect_used, reason = "it is a short line")]
    static SMS: LazyLock<Channel> = LazyLock::new(|| Channel::new("sms").expect("a name"));
    SMS.clone()
}

/// A new passcode beside those that are live already, each good once.
pub(super) fn start(holder: Holder, route: RouteName, settings: &EgovSettings) -> StartRequest {
    StartRequest {
        namespace: holder.namespace,
        external_id: None,
        channel: channel(),
        address: Some(holder.identity),
        route,
        passcode: PasscodeSource::Digits(settings.passcode_length),
        keep_passcode: false,
        look_up_by_passcode: false,
        on_live: OnLive::Add,
        limits: Limits::default(),
        ttl: settings.ttl,
        kept_after: FINDABLE_FOR,
        on_right: OnRight::Close,
        attributes: Attributes::default(),
        throttle: None,
        dedupe: None,
        mode: DeliveryMode::Durable,
    }
}

/// The route of a token that nothing is sent for.
pub(super) fn no_route() -> RouteName {
    #[expect(clippy::expect_used, reason = "it is a short line")]
    static NONE: LazyLock<RouteName> = LazyLock::new(|| RouteName::new("none").expect("a name"));
    NONE.clone()
}

/// A check of all live passcodes of a holder.
pub(super) fn check(holder: Holder, passcode: Passcode) -> CheckRequest {
    CheckRequest {
        namespace: holder.namespace,
        by: CheckBy::Targets(vec![Target { channel: channel(), address: holder.identity }]),
        passcode,
        on_right: Some(OnRight::Close),
        approved_again: false,
    }
}

/// Where an SMS goes: the number, with its country code before it where that is told. `None`: nothing can be sent there.
pub(super) fn sms_address(country_code: Option<&str>, number: &str) -> Option<Address> {
    let whole = country_code.filter(|_| !number.starts_with('+')).map(|code| format!("{code}{number}"));
    whole.and_then(|whole| Address::new(&whole).ok()).or_else(|| Address::new(number).ok())
}

/// The messages of a `_send`.
pub(super) struct Letters {
    pub(super) purpose: Purpose,
    pub(super) texts: Arc<Texts>,
    pub(super) sms: (RouteName, Address),
    pub(super) mail: Option<(RouteName, Address)>,
    /// What a provider tells on.
    pub(super) given: Arc<str>,
}

impl Letters {
    pub(super) fn given(tenant_id: &str, country_code: Option<&str>) -> Arc<str> {
        #[expect(clippy::expect_used, reason = "strings always serialize")]
        let given = serde_json::to_string(&Given { tenant_id, country_code }).expect("an object of strings");
        given.into()
    }

    /// In the words of the tenant and the locale.
    pub(super) fn written(&self, passcode: &Passcode) -> Vec<Letter> {
        let Self { purpose, texts, sms, mail, given } = self;
        let letter = |(route, to): &(RouteName, Address), subject, body| {
            let words = Words { subject, body, given: Some(Arc::clone(given)), ..Words::default() };
            Letter { route: route.clone(), to: to.clone(), words }
        };
        let mut letters = vec![letter(sms, String::new(), purpose.sms().with(texts, passcode))];
        if let (Some(mail), Some((subject, body))) = (mail, purpose.mail()) {
            letters.push(letter(mail, subject.line(texts), body.with(texts, passcode)));
        }
        letters
    }
}

/// A token as egov-otp shows it. `otp` is the passcode, to those who know it.
pub(super) fn token(status: StatusCode, verification: &Verification, otp: Option<&str>) -> Response {
    let shown = verification.target.as_ref().map(|target| Token {
        otp,
        identity: target.address.given(),
        tenant_id: verification.namespace.as_str(),
        uuid: verification.vid.as_uuid(),
        is_validation_successful: verification.state == State::Approved,
    });
    json(status, &TokenReply { response_info: (), otp: shown })
}

/// There is no such token.
pub(super) fn no_token() -> Response {
    json(StatusCode::OK, &TokenReply { response_info: (), otp: None })
}

/// A reply in JSON. It may hold a passcode, so nobody on the way keeps it.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(192);
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

//! What is shown: the rules of the wire contract, the first that applies.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use watchword_core::error::Error;
use watchword_core::passcode::Passcode;
use watchword_core::time::{Timestamp, seconds_rounded_up};
use watchword_core::verification::{State, Verification};

use super::super::Api;
use super::super::address::AddressRule;
use super::super::error::RETRY_SOON;
use super::super::map::seconds_left;
use super::super::settings::ProviderProfile;
use super::visit::Visit;
use crate::front::Answer;
use crate::pages::{AddressPage, CodePage, InputKind, Message, MessagePage, Notice, Page, page_response};

/// What came of a call, for its reader.
pub(super) enum Said {
    /// The page where the code is entered, or what stands before it.
    Code {
        found: Arc<Verification>,
        notice: Option<Notice>,
        /// What the field holds already.
        code: String,
    },
    /// The page where the address is asked for, or what stands before it.
    Address {
        found: Arc<Verification>,
        notice: Option<Notice>,
        /// What the field holds already.
        to: String,
    },
    /// Something that is no matter of the verification.
    Message(Message<'static>),
    /// On to the page where the code is entered.
    ToCode,
    /// On to the page where the address is asked for.
    ToAddress,
}

impl Said {
    pub(super) fn code(found: Arc<Verification>, notice: Notice) -> Self {
        Self::Code { found, notice: Some(notice), code: String::new() }
    }
}

/// What came of a call, for its reader, and for metrics and the log.
pub(super) struct View {
    said: Said,
    outcome: &'static str,
    cause: Option<Error>,
}

impl View {
    pub(super) fn ok(said: Said) -> Self {
        Self::new("ok", said)
    }

    pub(super) fn new(outcome: &'static str, said: Said) -> Self {
        Self { said, outcome, cause: None }
    }

    pub(super) fn bad_request(outcome: &'static str) -> Self {
        Self::new(outcome, Said::Message(Message::BadRequest))
    }

    /// What a form asked for, of which nobody knows whether it was done.
    pub(super) fn in_doubt(error: Error) -> Self {
        Self { said: Said::Message(Message::InDoubt), outcome: error.code(), cause: Some(error) }
    }

    /// What a person is told of each error of the domain.
    pub(super) fn refused(error: Error, now: Timestamp) -> Self {
        let locked = |until| Said::Message(Message::Locked { seconds: seconds_rounded_up(now.until(until)) });
        let said = match &error {
            Error::Gone | Error::InvalidInput(_) => Said::Message(Message::Expired),
            Error::Wrong(found) => Said::code(Arc::clone(found), Notice::Incorrect),
            Error::NotSent(found) => Said::code(Arc::clone(found), Notice::NotSent),
            Error::Locked(found) => locked(found.expires_at),
            Error::Refused { until, .. } => locked(*until),
            Error::AddressSet(_) => Said::ToCode,
            Error::AddressMissing(_) => Said::ToAddress,
            Error::Overloaded | Error::Store(_) | Error::UnknownKey(_) | Error::Damaged => {
                Said::Message(Message::Unreachable)
            }
            // A resend tells of its cool-down itself; nothing here starts, and there are no rules.
            Error::TooSoon { .. }
            | Error::NotApproved(_)
            | Error::Exists(_)
            | Error::Used(_)
            | Error::Throttled { .. }
            | Error::SubjectMissing(_)
            | Error::Duplicate
            | Error::NoFreePasscode => Said::Message(Message::Unreachable),
        };
        Self { said, outcome: error.code(), cause: Some(error) }
    }
}

/// What a verification's page is by the rules; the parts that the form needs where none stands before it.
enum Shown<'a> {
    Message(Message<'a>),
    Form(&'a ProviderProfile),
}

impl Api {
    /// The reply, as of `now`.
    pub(super) fn page_answer(&self, visit: &Visit<'_>, view: View, now: Timestamp) -> Answer {
        let View { said, outcome, cause } = view;
        let answer = |response| Answer { response, outcome, cause };
        let message = |message, notice| self.html(visit, &Page::Message(MessagePage { message, notice }));
        let response = match &said {
            Said::ToCode => redirect(visit.page_path()),
            Said::ToAddress => redirect(&visit.address_path()),
            Said::Message(said) => message(*said, None),
            Said::Code { found, notice, code } => match self.shown(found, now) {
                Shown::Message(said) => message(said, notice.filter(|notice| *notice == Notice::Resent)),
                Shown::Form(_) if found.target.is_none() => redirect(&visit.address_path()),
                Shown::Form(profile) => match self.engine.passcode_of(found) {
                    Ok(passcode) => {
                        self.code_form(visit, found, profile, passcode.as_ref(), *notice, code, now)
                    }
                    Err(error) => return self.page_answer(visit, View::refused(error, now), now),
                },
            },
            Said::Address { found, notice, to } => match self.shown(found, now) {
                Shown::Message(said) => message(said, None),
                Shown::Form(_) if found.target.is_some() => redirect(visit.page_path()),
                Shown::Form(profile) => self.address_form(visit, found, profile, *notice, to, now),
            },
        };
        answer(response)
    }

    /// The first of the rules that applies.
    fn shown<'a>(&'a self, found: &Verification, now: Timestamp) -> Shown<'a> {
        if !found.is_live(now) {
            return Shown::Message(Message::Expired);
        }
        if found.is_locked() {
            let seconds = seconds_rounded_up(now.until(found.expires_at));
            return Shown::Message(Message::Locked { seconds });
        }
        let Some(profile) = self.providers.get(found.route.as_str()) else {
            return Shown::Message(Message::ProviderGone);
        };
        if found.state == State::Approved {
            return Shown::Message(Message::Verified { channel: profile.channel.as_str() });
        }
        Shown::Form(profile)
    }

    #[expect(clippy::too_many_arguments, reason = "each of them is on the page")]
    fn code_form(
        &self,
        visit: &Visit<'_>,
        found: &Verification,
        profile: &ProviderProfile,
        passcode: Option<&Passcode>,
        notice: Option<Notice>,
        code: &str,
        now: Timestamp,
    ) -> Response {
        let passcode = passcode.map_or("", Passcode::expose);
        // Of a short address the mask leaves nothing to say.
        let to = found.target.as_ref().map(|target| target.address.masked()).filter(|to| to != "…");
        let can_resend = found.limits.max_sends.is_none_or(|max| found.sends < max);
        let free_at = found.last_sent_at.map(|last| last.after(self.settings.pages.resend_cool_down));
        let resend_in = seconds_rounded_up(free_at.map_or(Duration::ZERO, |free_at| now.until(free_at)));
        let page = CodePage {
            channel: profile.channel.as_str(),
            description: first(&found.attributes.channel_description, &profile.channel_description),
            to: to.as_deref().unwrap_or_default(),
            code,
            numeric: passcode.bytes().all(|byte| byte.is_ascii_digit()),
            // A caller's own code may be longer. One that is made here tells nothing by this.
            max_length: passcode.encode_utf16().count().max(profile.passcode_length),
            attempts: found.attempts,
            max_attempts: found.limits.max_attempts.unwrap_or(0),
            seconds_left: seconds_left(found, now),
            resend_in: can_resend.then_some(resend_in),
            notice,
        };
        self.html(visit, &Page::Code(page))
    }

    fn address_form(
        &self,
        visit: &Visit<'_>,
        found: &Verification,
        profile: &ProviderProfile,
        notice: Option<Notice>,
        to: &str,
        now: Timestamp,
    ) -> Response {
        let page = AddressPage {
            channel: profile.channel.as_str(),
            address_name: &profile.address_name,
            description: first(&found.attributes.address_description, &profile.address_description),
            to,
            kind: match profile.address_rule {
                AddressRule::Email => InputKind::Email,
                AddressRule::Phone => InputKind::Telephone,
                AddressRule::Any => InputKind::Text,
            },
            max_length: profile.max_address_length,
            seconds_left: seconds_left(found, now),
            notice,
        };
        self.html(visit, &Page::Address(page))
    }

    fn html(&self, visit: &Visit<'_>, page: &Page<'_>) -> Response {
        let Some(html) = self.settings.pages.pages.render(page, &visit.place(), visit.language) else {
            return broken();
        };
        let namespace = visit.name.as_ref().map(|(namespace, _)| namespace.as_str());
        let policy = namespace.and_then(|namespace| self.site.policies.get(namespace));
        let (status, retry_after) = status(page);
        let mut response = page_response(status, html, policy.unwrap_or(&self.site.policy).clone());
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// A page's status, and in how many seconds to come back.
fn status(page: &Page<'_>) -> (StatusCode, Option<u64>) {
    let Page::Message(page) = page else { return (StatusCode::OK, None) };
    match page.message {
        Message::PageLimit { seconds } => (StatusCode::TOO_MANY_REQUESTS, Some(seconds)),
        Message::Unreachable | Message::InDoubt => (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY_SOON)),
        Message::NotFound => (StatusCode::NOT_FOUND, None),
        Message::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, None),
        Message::Expired
        | Message::Locked { .. }
        | Message::ProviderGone
        | Message::Verified { .. }
        | Message::Foreign
        | Message::BadRequest => (StatusCode::OK, None),
    }
}

/// What the caller says, else what the provider does.
fn first<'a>(caller: &'a str, provider: &'a str) -> &'a str {
    if caller.is_empty() { provider } else { caller }
}

/// 302 to a path of ours, whose characters `page_url` has made safe.
fn redirect(path: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// The reply to a mistake of ours.
pub(in super::super) fn broken() -> Response {
    let html = "<!doctype html>\n<html lang=\"en\">\n<title>Something went wrong</title>\n<h1>Something went wrong</h1>\n\
                <p>Please try again.</p>\n";
    let policy = HeaderValue::from_static("default-src 'none'");
    page_response(StatusCode::INTERNAL_SERVER_ERROR, html.to_owned(), policy)
}

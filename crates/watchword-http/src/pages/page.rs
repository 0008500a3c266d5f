//! The pages, and what each can say. A template knows these fields, and `text(name)` for the words of the reader's language.

use serde::Serialize;

use super::languages::Language;
use super::policy::{ImageUrl, Look};

/// Where a page stands: what its links and forms begin with, and who is asked about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place<'a> {
    /// The path that all our paths begin with; mostly empty.
    pub(crate) base: &'a str,
    /// Whether it was opened by the plugin, in a frame.
    pub(crate) popup: bool,
    /// As the caller named it; empty where the request does not say.
    pub(crate) namespace: &'a str,
    /// The caller's id.
    pub(crate) id: &'a str,
    /// Where the code is entered; empty where the request does not say.
    pub(crate) page_path: &'a str,
}

/// A page, and what is on it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page<'a> {
    /// Where the code is entered.
    Code(CodePage<'a>),
    /// Where the address is asked for.
    Address(AddressPage<'a>),
    /// One that only says something.
    Message(MessagePage<'a>),
}

/// Where the code is entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodePage<'a> {
    /// What people call the medium.
    pub(crate) channel: &'a str,
    /// What the caller or the provider says to it; empty: the usual words.
    pub(crate) description: &'a str,
    /// The address, masked; empty: the code was not sent by us.
    pub(crate) to: &'a str,
    /// What the field holds already.
    pub(crate) code: &'a str,
    /// Whether the code has digits only.
    pub(crate) numeric: bool,
    /// The most characters that it can have.
    pub(crate) max_length: usize,
    /// Checks used.
    pub(crate) attempts: u32,
    /// The most of them; 0: no limit.
    pub(crate) max_attempts: u32,
    /// Until it expires.
    pub(crate) seconds_left: u64,
    /// Until it can be sent again; `None`: it can't, there is no address.
    pub(crate) resend_in: Option<u64>,
    /// What just happened.
    pub(crate) notice: Option<Notice>,
}

/// Where the address is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressPage<'a> {
    /// What people call the medium.
    pub(crate) channel: &'a str,
    /// What people call an address.
    pub(crate) address_name: &'a str,
    /// What the caller or the provider says to it; empty: the usual words.
    pub(crate) description: &'a str,
    /// What the field holds already.
    pub(crate) to: &'a str,
    /// The keyboard that suits it.
    pub(crate) kind: InputKind,
    /// The most characters.
    pub(crate) max_length: Option<usize>,
    /// Until it expires.
    pub(crate) seconds_left: u64,
    /// What just happened.
    pub(crate) notice: Option<Notice>,
}

/// What is typed into a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// A mailbox.
    Email,
    /// A telephone number.
    Telephone,
    /// Anything.
    Text,
}

/// A page that only says something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessagePage<'a> {
    /// What.
    pub(crate) message: Message<'a>,
    /// What just happened.
    pub(crate) notice: Option<Notice>,
}

/// What a page without a form says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// There is no live verification of that name.
    Expired,
    /// Its attempts are used up, or this address has to wait.
    Locked {
        /// Until when.
        seconds: u64,
    },
    /// Its provider is not configured any more.
    ProviderGone,
    /// Proven.
    Verified {
        /// What people call the medium.
        channel: &'a str,
    },
    /// Another site sent the form.
    Foreign,
    /// More pages than one address may ask for.
    PageLimit {
        /// Until when.
        seconds: u64,
    },
    /// The store, or this node, can't take it now.
    Unreachable,
    /// The store did not say in time what came of it: it may have been done, and counted.
    InDoubt,
    /// There is no page of this path.
    NotFound,
    /// There is one, and this is not how it is asked for.
    MethodNotAllowed,
    /// A form that can't be read.
    BadRequest,
}

/// What just happened, in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The code is wrong.
    Incorrect,
    /// There was none.
    Empty,
    /// It is on its way again.
    Resent,
    /// It was sent a moment ago.
    TooSoon {
        /// Until it can be sent again.
        seconds: u64,
    },
    /// No provider took the message.
    NotSent,
    /// Nobody can be reached there.
    InvalidAddress,
}

impl Notice {
    /// Whether it tells of something that did not work, and its words.
    fn words(self, language: &Language) -> (bool, String) {
        let text = |name| language.text(name, &[]).unwrap_or_default();
        match self {
            Self::Incorrect => (true, text("incorrect")),
            Self::Empty => (true, text("empty")),
            Self::Resent => (false, text("resent")),
            Self::TooSoon { seconds } => {
                (true, language.text("too_soon", &[("seconds", &seconds)]).unwrap_or_default())
            }
            Self::NotSent => (true, text("not_sent")),
            Self::InvalidAddress => (true, text("address_invalid")),
        }
    }

    /// Whether it is about what was entered, not about what became of it.
    const fn is_about_input(self) -> bool {
        match self {
            Self::Incorrect | Self::Empty | Self::InvalidAddress => true,
            Self::Resent | Self::TooSoon { .. } | Self::NotSent => false,
        }
    }
}

impl Message<'_> {
    /// Its name in templates.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Locked { .. } => "locked",
            Self::ProviderGone => "provider_gone",
            Self::Verified { .. } => "verified",
            Self::Foreign => "foreign",
            Self::PageLimit { .. } => "page_limit",
            Self::Unreachable => "unreachable",
            Self::InDoubt => "in_doubt",
            Self::NotFound => "not_found",
            Self::BadRequest | Self::MethodNotAllowed => "bad_request",
        }
    }

    /// Whether trying again, from the page itself, can do better.
    const fn leads_on(&self) -> bool {
        match self {
            Self::Foreign
            | Self::Unreachable
            | Self::InDoubt
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::BadRequest
            | Self::PageLimit { .. } => true,
            Self::Expired | Self::Locked { .. } | Self::ProviderGone | Self::Verified { .. } => false,
        }
    }
}

/// What a template can say.
#[derive(Debug, Serialize)]
pub(super) struct Context<'a> {
    lang: &'a str,
    base: &'a str,
    popup: bool,
    logo_url: Option<&'a str>,
    favicon_url: &'a str,
    namespace: &'a str,
    id: &'a str,
    page_path: &'a str,
    title: String,
    error: Option<String>,
    invalid: bool,
    notice: Option<String>,
    #[serde(flatten)]
    own: Own<'a>,
}

/// What one kind of page has besides.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Own<'a> {
    Code {
        channel: &'a str,
        description: String,
        status_path: String,
        code: &'a str,
        numeric: bool,
        max_length: usize,
        attempts: u32,
        max_attempts: u32,
        seconds_left: u64,
        can_resend: bool,
        resend_in: u64,
    },
    Address {
        channel: &'a str,
        address_name: &'a str,
        description: String,
        address_path: String,
        status_path: String,
        to: &'a str,
        input_type: &'static str,
        autocomplete: &'static str,
        max_length: Option<usize>,
        seconds_left: u64,
    },
    Message {
        kind: &'static str,
        message: String,
        closed: bool,
    },
}

/// A browser asks for `/favicon.ico` unless it is told that there is none.
const NO_FAVICON: &str = "data:,";

impl<'a> Page<'a> {
    /// The template that shows it.
    pub(super) const fn template(&self) -> &'static str {
        match self {
            Self::Code(_) => "code.html",
            Self::Address(_) => "address.html",
            Self::Message(_) => "message.html",
        }
    }

    /// What the template can say, in this language.
    pub(super) fn context(&self, place: &Place<'a>, language: &'a Language, look: &'a Look) -> Context<'a> {
        let (title, own, notice) = match self {
            Self::Code(page) => (verify(language, page.channel), page.own(place, language), page.notice),
            Self::Address(page) => (verify(language, page.channel), page.own(place, language), page.notice),
            Self::Message(page) => {
                let (title, own) = page.own(language);
                (title, own, page.notice)
            }
        };
        let invalid = notice.is_some_and(Notice::is_about_input);
        let (error, notice) = match notice.map(|notice| notice.words(language)) {
            None => (None, None),
            Some((true, words)) => (Some(words), None),
            Some((false, words)) => (None, Some(words)),
        };
        let leads_on = !matches!(self, Self::Message(page) if !page.message.leads_on());
        Context {
            lang: language.tag(),
            base: place.base,
            popup: place.popup,
            logo_url: look.logo.as_ref().map(ImageUrl::as_str),
            favicon_url: look.favicon.as_ref().map_or(NO_FAVICON, ImageUrl::as_str),
            namespace: place.namespace,
            id: place.id,
            page_path: if leads_on { place.page_path } else { "" },
            title,
            error,
            invalid,
            notice,
            own,
        }
    }
}

fn verify(language: &Language, channel: &str) -> String {
    language.text("verify", &[("channel", &channel)]).unwrap_or_default()
}

/// A page below the one where the code is entered: `?view=popup` stays at the end.
fn below(page_path: &str, name: &str) -> String {
    match page_path.split_once('?') {
        Some((path, query)) => format!("{path}/{name}?{query}"),
        None => format!("{page_path}/{name}"),
    }
}

impl<'a> CodePage<'a> {
    fn own(&self, place: &Place<'a>, language: &Language) -> Own<'a> {
        let description = match (self.description, self.to) {
            ("", "") => language.text("code_description_unsent", &[]).unwrap_or_default(),
            ("", to) => language.text("code_description", &[("to", &to)]).unwrap_or_default(),
            (description, _) => description.to_owned(),
        };
        Own::Code {
            channel: self.channel,
            description,
            status_path: below(place.page_path.split('?').next().unwrap_or_default(), "status"),
            code: self.code,
            numeric: self.numeric,
            max_length: self.max_length,
            attempts: self.attempts,
            max_attempts: self.max_attempts,
            seconds_left: self.seconds_left,
            can_resend: self.resend_in.is_some(),
            resend_in: self.resend_in.unwrap_or(0),
        }
    }
}

impl<'a> AddressPage<'a> {
    fn own(&self, place: &Place<'a>, language: &Language) -> Own<'a> {
        let description = match self.description {
            "" => language.text("address_description", &[]).unwrap_or_default(),
            description => description.to_owned(),
        };
        let (input_type, autocomplete) = match self.kind {
            InputKind::Email => ("email", "email"),
            InputKind::Telephone => ("tel", "tel"),
            InputKind::Text => ("text", "off"),
        };
        Own::Address {
            channel: self.channel,
            address_name: self.address_name,
            description,
            address_path: below(place.page_path, "address"),
            status_path: below(place.page_path.split('?').next().unwrap_or_default(), "status"),
            to: self.to,
            input_type,
            autocomplete,
            max_length: self.max_length,
            seconds_left: self.seconds_left,
        }
    }
}

impl MessagePage<'_> {
    fn own<'a>(&self, language: &Language) -> (String, Own<'a>) {
        let kind = self.message.kind();
        let text = |part: &str| {
            let name = format!("{kind}_{part}");
            let text = match &self.message {
                Message::Locked { seconds } | Message::PageLimit { seconds } => {
                    language.text(&name, &[("seconds", seconds)])
                }
                Message::Verified { channel } => language.text(&name, &[("channel", channel)]),
                Message::Expired
                | Message::ProviderGone
                | Message::Foreign
                | Message::Unreachable
                | Message::InDoubt
                | Message::NotFound
                | Message::MethodNotAllowed
                | Message::BadRequest => language.text(&name, &[]),
            };
            text.unwrap_or_default()
        };
        let closed = matches!(self.message, Message::Verified { .. });
        (text("title"), Own::Message { kind, message: text("text"), closed })
    }
}

//! The engine: what dialects call. It makes codes, digests and messages, calls the store, and reads the outcome.

mod adopt;
mod check;
mod look;
mod readiness;
mod send;
mod start;
mod unabandoned;

use std::fmt;
use std::sync::Arc;

use crate::address::{Address, Channel};
use crate::delivery::{BodyFormat, DeliveryId, Message, NewDelivery};
use crate::dispatcher::{Dispatcher, Prepared};
use crate::error::Error;
use crate::guess::{GuessRule, LookupRule};
use crate::keyring::{Purpose, Subject, SubjectKey};
use crate::namespace::Namespace;
pub use crate::parts::Parts;
use crate::passcode::{Passcode, SealedPasscode, random_text};
use crate::ports::Throttled;
use crate::throttle::{Throttle, ThrottleKind, ThrottleSubject};
use crate::time::Timestamp;
use crate::verification::{ExternalId, RouteName, Verification, Vid};

pub use check::{CheckBy, CheckRequest};
use readiness::Readiness;
pub use send::{AddressRequest, ResendRequest, Sent};
pub use start::{PasscodeSource, StartRequest, Started};

/// The limits that hold for every dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineSettings {
    /// Wrong checks in a row per target.
    pub guess: GuessRule,
    /// Missed look-ups by passcode in a row per channel.
    pub lookup: LookupRule,
}

/// The words of a message, as a dialect composes them for a passcode.
#[derive(Clone, Default)]
pub struct Words {
    /// One line; empty for media without subjects.
    pub subject: String,
    /// The text.
    pub body: String,
    /// What the text is written in.
    pub format: BodyFormat,
    /// See [`Message::plain`].
    pub plain: Option<String>,
    /// See [`Message::given`].
    pub given: Option<Arc<str>>,
}

/// Without the text: it holds the passcode.
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(…)")
    }
}

/// A message, and where it goes: not always to the address that the verification is about.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Which providers carry it.
    pub route: RouteName,
    /// Where it goes.
    pub to: Address,
    /// What it says.
    pub words: Words,
}

/// Who a message counts against under the throttle rules.
#[derive(Clone, Debug, Default)]
pub struct ThrottleBy {
    /// The IP address that the caller passes on, compared exactly.
    pub ip: Option<String>,
    /// Whether the target counts too.
    pub target: bool,
}

/// Decides about passcodes, for all dialects. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    parts: Parts,
    dispatcher: Dispatcher,
    settings: EngineSettings,
    readiness: Arc<Readiness>,
}

impl Engine {
    /// An engine over these parts.
    pub fn new(parts: Parts, dispatcher: Dispatcher, settings: EngineSettings) -> Self {
        Self { parts, dispatcher, settings, readiness: Arc::default() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Whether messages can be sent by that name.
    pub fn has_route(&self, route: &RouteName) -> bool {
        self.dispatcher.has_route(route)
    }

    /// A random id of `length` letters and digits, for callers that bring none.
    pub fn random_id(&self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        random_text(ALPHABET, length, &*self.parts.random)
    }

    /// Opens the sealed passcode of a verification; `None` where none is kept.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] or [`Error::Damaged`].
    pub fn passcode_of(&self, verification: &Verification) -> Result<Option<Passcode>, Error> {
        let Some(sealed) = &verification.passcode.sealed else { return Ok(None) };
        self.open_passcode(&verification.namespace, verification.vid, sealed).map(Some)
    }

    fn open_passcode(
        &self,
        namespace: &Namespace,
        vid: Vid,
        sealed: &SealedPasscode,
    ) -> Result<Passcode, Error> {
        let opened =
            self.parts.keyring.open(Purpose::Passcode, namespace, vid.as_uuid().as_bytes(), sealed)?;
        let code = std::str::from_utf8(&opened).map_err(|_| Error::Damaged)?;
        Passcode::new(code).map_err(|_| Error::Damaged)
    }

    fn new_vid(&self, namespace: &Namespace, now: Timestamp) -> Vid {
        Vid::generate(namespace, now, &*self.parts.random)
    }

    /// Where wrong guesses are counted: by address, over all channels; by external id while there is none.
    fn guess_subject(
        &self,
        namespace: &Namespace,
        address: Option<&Address>,
        id: Option<&ExternalId>,
    ) -> SubjectKey {
        let subject = |subject| self.parts.keyring.subject(namespace, subject);
        match (address, id) {
            (Some(address), _) => subject(Subject::Guesses(&address.canonical())),
            (None, Some(id)) => subject(Subject::GuessesOf(id)),
            (None, None) => subject(Subject::Guesses("")),
        }
    }

    fn throttle(
        &self,
        by: Option<&ThrottleBy>,
        namespace: &Namespace,
        channel: &Channel,
        address: Option<&Address>,
    ) -> Option<Throttle> {
        let by = by?;
        let subject = |kind, text: &str| ThrottleSubject {
            kind,
            key: self.parts.keyring.subject(namespace, Subject::Sends(kind, channel, text)),
        };
        let ip = by.ip.as_deref().map(|ip| subject(ThrottleKind::Ip, ip));
        let target =
            address.filter(|_| by.target).map(|address| subject(ThrottleKind::Target, address.given()));
        Some(Throttle { channel: channel.clone(), subjects: ip.into_iter().chain(target).collect() })
    }

    /// A message, sealed for the outbox and as it is.
    fn new_delivery(
        &self,
        context: &Composing<'_>,
        passcode: &Passcode,
        words: Words,
    ) -> (NewDelivery, Prepared) {
        let Composing { namespace, route, address, ttl_seconds, now } = *context;
        let id = DeliveryId::generate(now, &*self.parts.random);
        let message = Message {
            to: address.given().to_owned(),
            subject: words.subject,
            body: words.body,
            format: words.format,
            plain: words.plain,
            given: words.given,
            passcode: passcode.clone(),
            ttl_seconds,
        };
        let row = id.as_uuid().as_bytes();
        let sealed = self.parts.keyring.seal(
            Purpose::Message,
            namespace,
            row,
            &message.to_bytes(),
            &*self.parts.random,
        );
        let delivery = NewDelivery {
            id,
            route: route.clone(),
            message: sealed,
            masked_to: address.masked(),
            not_before: None,
        };
        (delivery, Prepared { id, message })
    }
}

/// What a message is composed for.
#[derive(Clone, Copy)]
struct Composing<'a> {
    namespace: &'a Namespace,
    route: &'a RouteName,
    address: &'a Address,
    ttl_seconds: u64,
    now: Timestamp,
}

impl From<Throttled> for Error {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled { kind: throttled.kind, retry_at: throttled.retry_at }
    }
}

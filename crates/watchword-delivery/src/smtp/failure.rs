//! What went wrong with a message, at which step of the dialogue, and what that means for its delivery.

use std::error::Error as _;
use std::fmt;
use std::io;

use lettre::transport::smtp;
use lettre::transport::smtp::response::Response;
use rustls::Error as TlsError;
use watchword_core::delivery::Outcome;

use super::wire::Wire;

/// Bytes of an error's text in a detail.
const CAUSE_BYTES: usize = 200;

/// The steps of the dialogue, as details call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Connect,
    Hello,
    StartTls,
    SignIn,
    Mail,
    Recipient,
    Data,
    /// From the message's first byte to the answer to its last.
    Content,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::SignIn => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the end of the message",
        })
    }
}

/// A reply's numbers. Its words are left out on purpose: they often repeat the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// RFC 5321, section 4.2.
    pub(super) code: u16,
    /// RFC 3463: class, subject, detail.
    pub(super) enhanced: Option<(u16, u16, u16)>,
}

impl Reply {
    pub(super) fn new(code: u16, words: &str) -> Self {
        let mut parts = words.split_whitespace().next().unwrap_or_default().splitn(3, '.').map(str::parse);
        let enhanced = match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(class @ (2 | 4 | 5))), Some(Ok(subject)), Some(Ok(detail))) => {
                Some((class, subject, detail))
            }
            _ => None,
        };
        Self { code, enhanced }
    }

    fn is_permanent(self) -> bool {
        // Where they differ, the finer one is meant: `552 4.2.2` is a full mailbox.
        self.enhanced.map_or(self.code / 100, |(class, _, _)| class) == 5
    }

    /// Whether it is about the recipient alone, and for good.
    fn refuses_recipient(self, step: Step) -> bool {
        match (step, self.enhanced) {
            // It wants us to sign in, whoever the recipient is.
            (Step::Recipient, _) if self.code == 530 => false,
            // 1.7 and 1.8 are about the sender's address, 5 about the protocol. 7, policy and permission, may be about either:
            // whoever chooses addresses must not be able to have the breaker opened for all others.
            (Step::Recipient, Some((_, subject, detail))) => {
                !matches!((subject, detail), (1, 7 | 8) | (5, _))
            }
            (Step::Recipient, None) => matches!(self.code, 550 | 551 | 553 | 554 | 556),
            // Some servers look at the recipient last.
            (Step::Content, Some((_, subject, detail))) => {
                matches!((subject, detail), (1, 1 | 2 | 3 | 6 | 10) | (2, _))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match self.enhanced {
            Some((class, subject, detail)) => write!(f, " {class}.{subject}.{detail}"),
            None => Ok(()),
        }
    }
}

/// Why there is no good reply.
#[derive(Debug)]
pub(super) enum Cause {
    Refused(Reply),
    /// The connection could not be made, or broke.
    Broken(String),
    /// The server closed the connection.
    Closed,
    Unreadable,
    Late,
    /// The address has letters that this server can't take.
    NoUtf8,
    /// The server can't be used as it is configured. The text says what to do.
    Unusable(String),
}

/// A step that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) cause: Cause,
    /// The message was handed over whole, so it may have been taken.
    pub(super) in_doubt: bool,
}

impl Failure {
    pub(super) fn new(step: Step, cause: Cause) -> Self {
        Self { step, cause, in_doubt: false }
    }

    pub(super) fn unusable(step: Step, text: impl Into<String>) -> Self {
        Self::new(step, Cause::Unusable(text.into()))
    }

    /// What lettre's error means. Its own text is not used: it holds what the server said.
    pub(super) fn of(step: Step, error: &smtp::Error, wire: &Wire) -> Self {
        let cause = if let Some(code) = error.status() {
            let words = error.source().map(ToString::to_string).unwrap_or_default();
            Cause::Refused(Reply::new(code.into(), &words))
        } else if wire.ended() {
            Cause::Closed
        } else if error.is_response() || error.is_client() {
            Cause::Unreadable
        } else {
            Cause::Broken(root_cause(error))
        };
        let in_doubt = step == Step::Content && error.status().is_none() && wire.all_written();
        Self { step, cause, in_doubt }
    }

    /// A reply that does not belong to this step.
    pub(super) fn unexpected(step: Step, _: &Response) -> Self {
        Self { step, cause: Cause::Unreadable, in_doubt: step == Step::Content }
    }

    pub(super) fn of_connecting(error: &io::Error) -> Self {
        Self::new(Step::Connect, Cause::Broken(shortened(error.to_string())))
    }

    /// A handshake that failed. What a certificate lacks is for the operator to mend; so is a server that speaks no TLS.
    pub(super) fn of_tls(step: Step, error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        match tls {
            Some(TlsError::InvalidCertificate(reason)) => Self::unusable(
                step,
                shortened(format!(
                    "the server's certificate is not accepted: {reason}; is `host` the name it is for, and does `ca_file` hold \
                     who issued it?"
                )),
            ),
            Some(TlsError::InvalidMessage(_)) => Self::unusable(
                step,
                "the server does not answer in TLS; does `tls_type` fit the port (TLS: mostly 465, STARTTLS: mostly 587)?",
            ),
            Some(TlsError::PeerIncompatible(_)) => {
                Self::unusable(step, "the server knows no TLS version or cipher that is safe to use")
            }
            _ => Self::new(step, Cause::Broken(shortened(error.to_string()))),
        }
    }

    /// Whether the connection is still good for another message.
    pub(super) fn spares_connection(&self) -> bool {
        let between_messages = matches!(self.step, Step::Mail | Step::Recipient | Step::Data | Step::Content);
        match &self.cause {
            Cause::Refused(reply) => between_messages && reply.code != 421,
            Cause::NoUtf8 => true,
            _ => false,
        }
    }

    /// Whether a fresh connection may do better than one that had been idle: the server is done with that one.
    pub(super) fn is_of_connection(&self) -> bool {
        match &self.cause {
            Cause::Refused(reply) => !reply.is_permanent(),
            Cause::Broken(_) | Cause::Closed | Cause::Unreadable => true,
            Cause::Late | Cause::NoUtf8 | Cause::Unusable(_) => false,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let detail = self.to_string();
        if self.in_doubt {
            return Outcome::Unknown { detail };
        }
        match &self.cause {
            Cause::Refused(reply) if reply.refuses_recipient(self.step) && reply.is_permanent() => {
                Outcome::AddressRefused { detail }
            }
            // RFC 5321, section 4.5.3.1.10: a plain 552 to RCPT means 452.
            Cause::Refused(Reply { code: 552, enhanced: None }) if self.step == Step::Recipient => {
                Outcome::Transient { detail }
            }
            Cause::Refused(reply) if reply.is_permanent() => Outcome::ProviderRefused { detail },
            Cause::NoUtf8 => Outcome::AddressRefused { detail },
            Cause::Unusable(_) => Outcome::ProviderRefused { detail },
            _ => Outcome::Transient { detail },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.step;
        match &self.cause {
            Cause::Refused(reply) => write!(f, "{reply} at {step}"),
            Cause::Broken(cause) if step == Step::Connect => write!(f, "no connection: {cause}"),
            Cause::Broken(cause) => write!(f, "the connection broke at {step}: {cause}"),
            Cause::Closed => write!(f, "the server closed the connection at {step}"),
            Cause::Unreadable => write!(f, "an answer that can't be read at {step}"),
            Cause::Late if step == Step::Connect => f.write_str("no connection in time"),
            Cause::Late => write!(f, "no answer in time at {step}"),
            Cause::NoUtf8 => f.write_str(
                "the address has letters beyond ASCII before its @, and the server has no SMTPUTF8",
            ),
            Cause::Unusable(text) => f.write_str(text),
        }
    }
}

/// The text of the innermost cause: the system's, not the server's.
fn root_cause(error: &smtp::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    shortened(cause.to_string())
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(CAUSE_BYTES));
    text
}

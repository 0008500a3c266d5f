//! Why verifications fail, told apart by call and kind, and counted.

use std::fmt;

use hyper::StatusCode;
use serde::Serialize;

use crate::causes::with_causes;
use crate::client::ExchangeError;

/// Which of the two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    Put,
    Check,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Put => "PUT",
            Self::Check => "the check",
        })
    }
}

/// Why a verification did not go through. Never holds a passcode.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{call} has no reply")]
    NoReply { call: Call, source: ExchangeError },
    #[error("{call} was answered {status} {message}")]
    Refused { call: Call, status: StatusCode, message: String },
    #[error("{call} was answered 200, but not with a reply of its API")]
    NotTheApi { call: Call },
    #[error("{call} was answered 200, but not with a `status` that is true")]
    NotTrue { call: Call },
    #[error("the reply to PUT gives no passcode back")]
    NoPasscode,
}

/// What kind of failure, as reports name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorKind {
    /// No connection.
    Connect,
    /// A connection, but no TLS.
    Tls,
    /// No whole reply in time.
    Timeout,
    /// The connection broke before the whole reply was there.
    Connection,
    /// A reply with another status than 200.
    Status,
    /// A reply that is not of the otpgateway API.
    NotTheApi,
}

impl Failure {
    pub(crate) fn call(&self) -> Call {
        match self {
            Self::NoReply { call, .. }
            | Self::Refused { call, .. }
            | Self::NotTheApi { call }
            | Self::NotTrue { call } => *call,
            Self::NoPasscode => Call::Put,
        }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::NoReply { source, .. } => match source {
                ExchangeError::Connect(_) => ErrorKind::Connect,
                ExchangeError::Tls(_) => ErrorKind::Tls,
                ExchangeError::TimedOut => ErrorKind::Timeout,
                ExchangeError::Request(_) | ExchangeError::Http(_) | ExchangeError::Body(_) => {
                    ErrorKind::Connection
                }
            },
            Self::Refused { .. } => ErrorKind::Status,
            Self::NotTheApi { .. } | Self::NotTrue { .. } | Self::NoPasscode => ErrorKind::NotTheApi,
        }
    }

    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ErrorCount {
    pub(crate) call: Call,
    pub(crate) kind: ErrorKind,
    /// The reply's status, where the kind is `status`.
    pub(crate) status: Option<u16>,
    pub(crate) count: u64,
    /// The first of them, in words.
    pub(crate) example: String,
}

impl fmt::Display for ErrorCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} × {}", self.count, self.example)
    }
}

/// All failures of a load, one entry a kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Errors(Vec<ErrorCount>);

impl Errors {
    /// Counts one.
    pub(crate) fn count(&mut self, failure: &Failure) {
        let (call, kind) = (failure.call(), failure.kind());
        let status = failure.status().map(|status| status.as_u16());
        match self.entry(call, kind, status) {
            Some(entry) => entry.count += 1,
            None => {
                self.0.push(ErrorCount { call, kind, status, count: 1, example: with_causes(failure) });
            }
        }
    }

    /// Counts all that another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for theirs in &other.0 {
            match self.entry(theirs.call, theirs.kind, theirs.status) {
                Some(entry) => entry.count += theirs.count,
                None => self.0.push(theirs.clone()),
            }
        }
        self.0.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    }

    /// How many in all.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|entry| entry.count).sum()
    }

    /// The kinds; after [`Errors::add`], the most frequent first.
    pub(crate) fn kinds(&self) -> &[ErrorCount] {
        &self.0
    }

    fn entry(&mut self, call: Call, kind: ErrorKind, status: Option<u16>) -> Option<&mut ErrorCount> {
        self.0.iter_mut().find(|entry| (entry.call, entry.kind, entry.status) == (call, kind, status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_call_kind_and_status_the_most_frequent_first() {
        let refused = |status, message: &str| Failure::Refused {
            call: Call::Check,
            status,
            message: message.to_owned(),
        };
        let timed_out = |call| Failure::NoReply { call, source: ExchangeError::TimedOut };
        let (mut one, mut other) = (Errors::default(), Errors::default());
        one.count(&timed_out(Call::Put));
        one.count(&refused(StatusCode::BAD_REQUEST, "Incorrect OTP"));
        other.count(&refused(StatusCode::BAD_REQUEST, "the OTP does not exist"));
        other.count(&refused(StatusCode::SERVICE_UNAVAILABLE, "Unable to reach store."));
        other.count(&timed_out(Call::Check));
        other.count(&refused(StatusCode::BAD_REQUEST, "the OTP does not exist"));
        one.add(&other);
        let counted: Vec<_> =
            one.kinds().iter().map(|entry| (entry.call, entry.kind, entry.status, entry.count)).collect();
        assert_eq!(
            counted,
            [
                (Call::Check, ErrorKind::Status, Some(400), 3),
                (Call::Put, ErrorKind::Timeout, None, 1),
                (Call::Check, ErrorKind::Status, Some(503), 1),
                (Call::Check, ErrorKind::Timeout, None, 1),
            ]
        );
        assert_eq!(one.total(), 6);
        assert_eq!(
            one.kinds()[0].to_string(),
            "3 × the check was answered 400 Bad Request Incorrect OTP",
            "the first of a kind stands for all"
        );
    }
}

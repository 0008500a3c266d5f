//! What an error of the driver says about the call that it came for.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use watchword_core::ports::StoreError;

/// Why a call has no answer.
pub(super) enum Failure {
    /// It was not done, and may be soon.
    NotYet(RedisError),
    /// It was not done.
    NotDone(RedisError),
    /// The server has too much to do.
    Busy,
    /// The server does not know the script. Nothing was done.
    NoScript,
    /// It may have been done.
    Unknown(RedisError),
}

impl Failure {
    /// What an error of connecting means: nothing was written.
    pub(super) fn of_unsent(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io if !error.is_timeout() => Self::NotYet(error),
            // A fail-over is under way: the old primary is known to be gone, and there is no new one yet.
            ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::Server(ServerErrorKind::BusyLoading) => {
                Self::NotYet(error)
            }
            _ => Self::NotDone(error),
        }
    }

    /// What an error of a call means that may have been written.
    pub(super) fn of_sent(error: RedisError) -> Self {
        use ServerErrorKind::{
            Ask, BusyLoading, ClusterDown, CrossSlot, MasterDown, Moved, NoPerm, NoScript, ReadOnly, TryAgain,
        };
        match error.kind() {
            ErrorKind::Server(NoScript) => Self::NoScript,
            ErrorKind::Server(Moved | Ask | TryAgain | ClusterDown | MasterDown | BusyLoading | ReadOnly) => {
                Self::NotYet(error)
            }
            ErrorKind::Server(CrossSlot | NoPerm) | ErrorKind::AuthenticationFailed => Self::NotDone(error),
            _ => match error.code() {
                Some("BUSY") => Self::Busy,
                // A script's first write is refused, or all of them are done.
                Some("OOM" | "MISCONF" | "NOREPLICAS" | "NOAUTH" | "WRONGPASS") => Self::NotDone(error),
                _ => Self::Unknown(error),
            },
        }
    }

    /// Its cause.
    pub(super) fn into_error(self) -> RedisError {
        match self {
            Self::NotYet(error) | Self::NotDone(error) | Self::Unknown(error) => error,
            Self::Busy => (ErrorKind::Client, "the server is busy").into(),
            Self::NoScript => (ErrorKind::Client, "the server does not know the script").into(),
        }
    }

    /// It took too long to get a connection.
    pub(super) fn late(elapsed: tokio::time::error::Elapsed) -> Self {
        Self::NotDone(std::io::Error::from(elapsed).into())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotYet(error) | Failure::NotDone(error) => Self::unavailable(error),
            Failure::Busy | Failure::NoScript => Self::Busy,
            Failure::Unknown(error) => Self::outcome_unknown(error),
        }
    }
}

//! What the driver's errors mean for an operation: whether it was done.

use std::error::Error as StdError;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use watchword_core::ports::StoreError;

type Boxed = Box<dyn StdError + Send + Sync>;

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not done, and may be soon.
    NotYet(Boxed),
    /// It was not done.
    NotDone(Boxed),
    /// The server has too much to do. It was not done.
    Busy,
    /// It may have been done.
    Unknown(Boxed),
}

/// What a database could not be made ready for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("{0}")]
    Server(Boxed),
    #[error(
        "its encoding is {0}, and Watchword keeps texts in UTF8 only; name another database, or make this one anew with ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding(String),
    #[error("{0}")]
    Migration(#[from] refinery::Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Server(told(error))
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotYet(error) | Failure::NotDone(error) | Failure::Unknown(error) => Self::Server(error),
            Failure::Busy => Self::Server("it is busy".into()),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotYet(error) | Failure::NotDone(error) => Self::unavailable(error),
            Failure::Busy => Self::Busy,
            Failure::Unknown(error) => Self::outcome_unknown(error),
        }
    }
}

/// The driver's own text says "db error" and no more; what the server said is in its cause.
struct Told(Error);

/// As it is displayed: what the driver's shows may hold a whole row.
impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_db_error() {
            // Neither details nor hints: they may hold what is in a row.
            Some(told) => write!(f, "{}: {} ({})", told.severity(), told.message(), told.code().code()),
            None => match self.0.source() {
                Some(source) => write!(f, "{}: {source}", self.0),
                None => self.0.fmt(f),
            },
        }
    }
}

impl StdError for Told {}

pub(super) fn told(error: Error) -> Boxed {
    Box::new(Told(error))
}

/// What an error of connecting means: nothing was written.
pub(super) fn of_unsent(error: Error) -> Failure {
    let is_for_now = match error.code() {
        Some(code) => {
            [
                &SqlState::CANNOT_CONNECT_NOW,
                &SqlState::TOO_MANY_CONNECTIONS,
                &SqlState::ADMIN_SHUTDOWN,
                &SqlState::CRASH_SHUTDOWN,
            ]
            .contains(&code)
                || is_of_connections(code)
        }
        None => error.is_closed() || is_of_network(&error),
    };
    if is_for_now { Failure::NotYet(told(error)) } else { Failure::NotDone(told(error)) }
}

/// What an error of a call means that may have been written.
pub(super) fn of_sent(error: Error) -> Failure {
    let Some(from_server) = error.as_db_error() else { return Failure::Unknown(told(error)) };
    let code = from_server.code();
    if [&SqlState::T_R_DEADLOCK_DETECTED, &SqlState::T_R_SERIALIZATION_FAILURE].contains(&code)
        // A server that became a standby, or is none any more soon.
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        // PgBouncer has no server to give it to.
        || (is_of_connections(code) && from_server.message().starts_with("server login"))
    {
        return Failure::NotYet(told(error));
    }
    if [&SqlState::QUERY_CANCELED, &SqlState::LOCK_NOT_AVAILABLE].contains(&code) {
        return Failure::Busy;
    }
    // An error ends the transaction with nothing done. What ends the connection, a pooler's to its server too, may come after
    // the commit.
    let is_error = !is_of_connections(code)
        && (matches!(from_server.parsed_severity(), Some(tokio_postgres::error::Severity::Error))
            || from_server.severity() == "ERROR");
    if is_error { Failure::NotDone(told(error)) } else { Failure::Unknown(told(error)) }
}

fn is_of_connections(code: &SqlState) -> bool {
    code.code().starts_with("08")
}

/// Whether one of its causes is of the network.
fn is_of_network(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(next) = cause {
        if next.is::<std::io::Error>() {
            return true;
        }
        cause = next.source();
    }
    false
}

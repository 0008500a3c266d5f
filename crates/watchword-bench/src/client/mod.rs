//! What requests travel over: where a server is, whom to trust, and one connection to it.

mod connection;
mod origin;
mod tls;

pub(crate) use connection::{Connection, Endpoint, ExchangeError, Reply};
pub(crate) use origin::Origin;
pub(crate) use tls::{Authorities, TlsError};

//! The servers that this program itself can be.

use std::io;
use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;

use crate::error::Error;
use crate::output::Output;

/// Where one of them is.
#[derive(Args)]
pub(crate) struct Listen {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

impl Listen {
    /// Listens, and prints the address, with `scheme` before it, once connections are accepted.
    ///
    /// # Errors
    ///
    /// When it can't listen.
    pub(crate) async fn open(&self, scheme: &str) -> Result<TcpListener, Error> {
        let listener = TcpListener::bind(self.listen).await.map_err(|source| self.failed(source))?;
        let address = listener.local_addr().map_err(|source| self.failed(source))?;
        Output::text().section(&format_args!("listening on {scheme}{address}"))?;
        Ok(listener)
    }

    /// The error for a listener that fails.
    pub(crate) fn failed(&self, source: io::Error) -> Error {
        Error::Listen { address: self.listen, source }
    }
}

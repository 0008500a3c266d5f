//! How a connection comes about: dialed, made secure, signed in.

use std::time::Duration;

use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::Extension;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::connection::Connection;
use super::failure::{Cause, Failure, Step};
use super::settings::{Endpoint, Security};
use super::sign_in::sign_in;
use super::wire::Wire;

impl Endpoint {
    /// Connects, makes it secure and signs in. `limit` is for all of it; each address of the host gets a share.
    pub(super) async fn connect(&self, limit: Duration, step: &mut Step) -> Result<Connection, Failure> {
        *step = Step::Connect;
        let wire = Wire::new(self.dial(limit).await?);
        if let Security::Tls(connector, name) = &self.security {
            let secured = wire.start_tls(connector, name.clone()).await;
            secured.map_err(|error| Failure::of_tls(Step::Connect, &error))?;
        }
        *step = Step::Hello;
        let mut connection = Connection::greet(wire, &self.hello).await?;
        if let Security::StartTls(connector, name) = &self.security {
            *step = Step::StartTls;
            if !connection.server().supports_feature(Extension::StartTls) {
                return Err(Failure::unusable(
                    Step::StartTls,
                    "the server offers no STARTTLS; set `tls_type` to \"TLS\" and use its port for that, or, for a server on \
                     this machine only, to \"none\"",
                ));
            }
            connection.command(Step::StartTls, Starttls).await?;
            let secured = connection.wire().start_tls(connector, name.clone()).await;
            secured.map_err(|error| Failure::of_tls(Step::StartTls, &error))?;
            *step = Step::Hello;
            connection.greet_again(&self.hello).await?;
        }
        if let Some(as_whom) = &self.sign_in {
            *step = Step::SignIn;
            sign_in(&mut connection, as_whom).await?;
        }
        Ok(connection)
    }

    async fn dial(&self, limit: Duration) -> Result<TcpStream, Failure> {
        let failed = |error| Failure::of_connecting(&error);
        let addresses: Vec<_> = lookup_host((self.host.as_str(), self.port)).await.map_err(failed)?.collect();
        let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = Failure::new(Step::Connect, Cause::Broken("the host has no address".to_owned()));
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Commands and a message's end are small writes that must not wait for each other.
                    stream.set_nodelay(true).map_err(failed)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = failed(error),
                Err(_) => last = Failure::new(Step::Connect, Cause::Late),
            }
        }
        Err(last)
    }
}

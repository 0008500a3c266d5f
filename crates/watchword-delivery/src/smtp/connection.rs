//! One connection to a mail server: how it comes about, and how it carries a message, step by step, so that each failure is known
//! with its step.

use std::fmt::Display;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Starttls};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter, ServerInfo};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::failure::{Cause, Failure, Step};
use super::letter::Letter;
use super::settings::{Endpoint, Security};
use super::wire::Wire;

/// How long a server is waited for at a farewell. It matters to nobody.
pub(super) const FAREWELL: Duration = Duration::from_millis(200);

/// A connection that is signed in and between two messages.
pub(super) struct Connection {
    dialogue: AsyncSmtpConnection,
    wire: Wire,
    server: ServerInfo,
    /// How it was signed in.
    signed_in: Option<&'static str>,
    /// A message was begun and not taken: the server must first be told to forget it.
    unfinished: bool,
}

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
        let dialogue = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &self.hello).await;
        let dialogue = dialogue.map_err(|error| Failure::of(Step::Hello, &error, &wire))?;
        let server = dialogue.server_info().clone();
        let mut connection = Connection { dialogue, wire, server, signed_in: None, unfinished: false };
        if let Security::StartTls(connector, name) = &self.security {
            *step = Step::StartTls;
            if !connection.server.supports_feature(Extension::StartTls) {
                return Err(Failure::unusable(
                    Step::StartTls,
                    "the server offers no STARTTLS; set `tls_type` to \"TLS\" and use its port for that, or, for a server on \
                     this machine only, to \"none\"",
                ));
            }
            connection.command(Step::StartTls, Starttls).await?;
            let secured = connection.wire.start_tls(connector, name.clone()).await;
            secured.map_err(|error| Failure::of_tls(Step::StartTls, &error))?;
            *step = Step::Hello;
            // What was offered in clear text counts no more (RFC 3207, section 4.2).
            let hello = connection.command(Step::Hello, Ehlo::new(self.hello.clone())).await?;
            let server = ServerInfo::from_response(&hello);
            connection.server = server.map_err(|_| Failure::unexpected(Step::Hello, &hello))?;
        }
        if let Some(sign_in) = &self.sign_in {
            *step = Step::SignIn;
            connection.signed_in = Some(connection.sign_in(sign_in).await?);
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

impl Connection {
    pub(super) fn server(&self) -> &ServerInfo {
        &self.server
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(super) fn signed_in(&self) -> Option<&'static str> {
        self.signed_in
    }

    /// Sends a command and reads its reply, a good one.
    pub(super) async fn command(&mut self, step: Step, command: impl Display) -> Result<Response, Failure> {
        let reply = self.dialogue.command(command).await;
        reply.map_err(|error| Failure::of(step, &error, &self.wire))
    }

    /// A command that is done with its reply.
    async fn order(&mut self, step: Step, command: impl Display) -> Result<(), Failure> {
        let reply = self.command(step, command).await?;
        completed(step, &reply)
    }

    /// Announces a message. Nothing of it has been sent when this fails.
    pub(super) async fn begin(&mut self, letter: &Letter) -> Result<(), Failure> {
        if self.unfinished {
            self.order(Step::Mail, "RSET\r\n").await?;
            self.unfinished = false;
        }
        let mut parameters = Vec::new();
        if letter.needs_utf8() {
            if !self.server.supports_feature(Extension::SmtpUtfEight) {
                return Err(Failure::new(Step::Mail, Cause::NoUtf8));
            }
            parameters.push(MailParameter::SmtpUtfEight);
            if self.server.supports_feature(Extension::EightBitMime) {
                parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
            }
        }
        self.order(Step::Mail, Mail::new(Some(letter.from.clone()), parameters)).await
    }

    pub(super) async fn recipient(&mut self, to: Address) -> Result<(), Failure> {
        let accepted = self.order(Step::Recipient, Rcpt::new(to, Vec::new())).await;
        self.unfinished |= accepted.is_err();
        accepted
    }

    /// Asks to go on with the text itself.
    pub(super) async fn data(&mut self) -> Result<(), Failure> {
        let reply = self.command(Step::Data, Data).await;
        self.unfinished |= reply.is_err();
        let reply = reply?;
        if reply.has_code(354) { Ok(()) } else { Err(Failure::unexpected(Step::Data, &reply)) }
    }

    pub(super) async fn content(&mut self, text: &[u8]) -> Result<(), Failure> {
        let reply = self.dialogue.message(text).await;
        let reply = reply.map_err(|error| Failure::of(Step::Content, &error, &self.wire))?;
        completed(Step::Content, &reply)
    }

    /// Says goodbye, so that the server need not wait.
    pub(super) async fn quit(mut self) {
        let _ = timeout(FAREWELL, self.dialogue.command(Quit)).await;
    }
}

fn completed(step: Step, reply: &Response) -> Result<(), Failure> {
    match reply.code().severity {
        Severity::PositiveCompletion => Ok(()),
        _ => Err(Failure::unexpected(step, reply)),
    }
}

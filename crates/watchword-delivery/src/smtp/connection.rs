//! One connection to a mail server: how it carries a message, step by step, so that each failure is known with its step.

use std::fmt::Display;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter, ServerInfo};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::time::timeout;

use super::failure::{Cause, Failure, Step};
use super::letter::Letter;
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

impl Connection {
    /// Waits for the server's greeting, and says hello.
    pub(super) async fn greet(wire: Wire, hello: &ClientId) -> Result<Self, Failure> {
        let dialogue = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), hello).await;
        let dialogue = dialogue.map_err(|error| Failure::of(Step::Hello, &error, &wire))?;
        let server = dialogue.server_info().clone();
        Ok(Self { dialogue, wire, server, signed_in: None, unfinished: false })
    }

    /// Says hello again: what was offered in clear text counts no more (RFC 3207, section 4.2).
    pub(super) async fn greet_again(&mut self, hello: &ClientId) -> Result<(), Failure> {
        let reply = self.command(Step::Hello, Ehlo::new(hello.clone())).await?;
        let server = ServerInfo::from_response(&reply);
        self.server = server.map_err(|_| Failure::unexpected(Step::Hello, &reply))?;
        Ok(())
    }

    pub(super) fn server(&self) -> &ServerInfo {
        &self.server
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(super) fn signed_in(&self) -> Option<&'static str> {
        self.signed_in
    }

    pub(super) fn set_signed_in(&mut self, by: &'static str) {
        self.signed_in = Some(by);
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

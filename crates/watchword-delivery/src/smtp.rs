//! `smtp`: sends each message as mail through a mail server (RFC 5321; settings as in the wire contract of otpgateway, "smtp").
//!
//! | what happened | outcome |
//! |---|---|
//! | the server took the message | `Accepted`, with the Message-ID, which is the delivery's id at the sender's domain |
//! | no e-mail address; letters beyond ASCII before its `@`, and the server has no SMTPUTF8 | `AddressRefused`: nothing was sent |
//! | 5xx to RCPT, but for the next line; 5xx with 5.1.1, 5.1.2, 5.1.3, 5.1.6, 5.1.10, 5.2.x to the whole message | `AddressRefused` |
//! | 5xx to RCPT with 530, 5.1.7, 5.1.8 (the sender), 5.5.x; or a plain 5xx not made for recipients | `ProviderRefused` |
//! | any other 5xx: to the connection, EHLO, STARTTLS, AUTH, MAIL, DATA or the whole message | `ProviderRefused` |
//! | a certificate that is not accepted, no STARTTLS, no TLS where it is expected | `ProviderRefused`: nothing was sent |
//! | 4xx to anything; a plain 552 to RCPT, which means the same | `Transient` |
//! | no connection, or it broke or went silent before the end of the message was written | `Transient` |
//! | the same after that | `Unknown`: it may have been taken |
//!
//! Details hold a reply's numbers and never its words: those often repeat the address.
//!
//! Connections are kept and used again. One that its server has closed or is tired of costs no message: where the very first command
//! on a kept connection fails, that same try goes on with a fresh one.

mod connect;
mod connection;
mod failure;
mod letter;
mod pool;
mod settings;
mod sign_in;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;
use tokio::time::timeout;
use watchword_core::delivery::{Outcome, ProviderId};
use watchword_core::ports::{Clock, Outgoing, Probe, Provider};

use self::connection::{Connection, FAREWELL};
use self::failure::{Cause, Failure, Step};
use self::letter::Letter;
use self::pool::{Connections, Lease};
use self::settings::Security;
use self::wire::Wire;
use crate::kind::{BuildError, PASSCODE_LENGTH, Presentation, ProviderKind, Shared};
pub use settings::{AuthProtocol, SmtpSettings, TlsType};

/// So much of a try's time is for saying how it went.
const VERDICT: Duration = Duration::from_millis(50);

impl ProviderKind for SmtpSettings {
    fn presentation<'a>(&'a self, _: &'a ProviderId) -> Presentation<'a> {
        Presentation {
            channel: "E-mail",
            address_name: "E-mail ID",
            max_address_length: Some(100),
            passcode_length: PASSCODE_LENGTH,
        }
    }

    fn build(&self, id: ProviderId, shared: &Shared) -> Result<Arc<dyn Provider>, BuildError> {
        let checked = self.check(&id, shared)?;
        let connections =
            Connections::new(checked.endpoint, self.max_conns, checked.timeout, checked.idle_timeout);
        // The pool asks for a runtime only where it has timeouts of its own.
        let connections = connections.map_err(|_| BuildError::Setting {
            provider: id.clone(),
            setting: "max_conns",
            problem: "makes no pool",
        })?;
        Ok(Arc::new(Smtp {
            id,
            sender: checked.sender,
            timeout: checked.timeout,
            max_concurrent: self.max_conns,
            clock: shared.clock(),
            connections,
        }))
    }
}

struct Smtp {
    id: ProviderId,
    sender: Mailbox,
    timeout: Duration,
    max_concurrent: usize,
    clock: Arc<dyn Clock>,
    connections: Connections,
}

/// How far a try has come, for when its time is over.
struct Progress {
    step: Step,
    /// The connection that the message goes over.
    wire: Option<Wire>,
}

#[async_trait]
impl Provider for Smtp {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_concurrent(&self) -> usize {
        self.max_concurrent
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Outcome {
        let letter = match Letter::compose(&self.sender, &outgoing, self.clock.now()) {
            Ok(letter) => letter,
            Err(unmailable) => return Outcome::AddressRefused { detail: unmailable.to_string() },
        };
        let mut progress = Progress { step: Step::Connect, wire: None };
        // Whoever waits for this gives up at the timeout itself, and would not know how far it came.
        let limit = self.timeout.saturating_sub(VERDICT);
        let handed_over = timeout(limit, self.hand_over(&letter, &mut progress)).await;
        match handed_over.unwrap_or_else(|_| Err(progress.overdue())) {
            Ok(()) => Outcome::Accepted { message_id: Some(letter.id) },
            Err(failure) => failure.outcome(),
        }
    }

    async fn probe(&self) -> Probe {
        let mut step = Step::Connect;
        let server = self.connections.server();
        let (host, port) = (&server.endpoint.host, server.endpoint.port);
        let connected = timeout(self.timeout.saturating_sub(FAREWELL), server.connect(&mut step)).await;
        match connected.unwrap_or_else(|_| Err(Failure::new(step, Cause::Late))) {
            Ok(connection) => {
                let tried = tried(host, port, &server.endpoint.security, &connection);
                connection.quit().await;
                Probe::Good { tried }
            }
            Err(failure) => Probe::Failed { problem: format!("{host} port {port}: {failure}") },
        }
    }
}

impl Smtp {
    async fn hand_over(&self, letter: &Letter, progress: &mut Progress) -> Result<(), Failure> {
        let mut lease = self.connections.lease().await?;
        match self.dialogue(&mut lease, letter, progress).await {
            Ok(()) => {
                self.connections.keep(lease);
                Ok(())
            }
            Err(failure) => {
                if failure.spares_connection() {
                    self.connections.keep(lease);
                }
                Err(failure)
            }
        }
    }

    async fn dialogue(
        &self,
        lease: &mut Lease,
        letter: &Letter,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        progress.step = Step::Mail;
        match lease.begin(letter).await {
            Err(failure) if lease.was_kept() && failure.is_of_connection() => {
                **lease = self.connections.server().connect(&mut progress.step).await?;
                progress.step = Step::Mail;
                lease.begin(letter).await?;
            }
            begun => begun?,
        }
        progress.step = Step::Recipient;
        lease.recipient(letter.to.clone()).await?;
        progress.step = Step::Data;
        lease.data().await?;
        progress.step = Step::Content;
        progress.wire = Some(lease.wire().clone());
        lease.content(&letter.text).await
    }
}

impl Progress {
    fn overdue(&self) -> Failure {
        let in_doubt = self.step == Step::Content && self.wire.as_ref().is_some_and(Wire::all_written);
        Failure { in_doubt, ..Failure::new(self.step, Cause::Late) }
    }
}

fn tried(host: &str, port: u16, security: &Security, connection: &Connection) -> String {
    let security = match security {
        Security::None => "without TLS",
        Security::Tls(..) => "in TLS",
        Security::StartTls(..) => "with STARTTLS",
    };
    match connection.signed_in() {
        Some(mechanism) => format!("connected to {host} port {port} {security}, signed in by {mechanism}"),
        None => format!("connected to {host} port {port} {security}, without signing in"),
    }
}

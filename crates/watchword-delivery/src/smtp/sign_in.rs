//! Signing in (RFC 4954). PLAIN and LOGIN are lettre's; CRAM-MD5 (RFC 2195) it does not have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::extension::ServerInfo;
use lettre::transport::smtp::response::Response;
use md5::Md5;

use super::connection::Connection;
use super::failure::{Failure, Step};
use super::settings::{AuthProtocol, SignIn};

/// LOGIN asks twice. More is no LOGIN.
const MAX_CHALLENGES: usize = 4;

/// The code of a reply that asks on (RFC 4954, section 4).
const CHALLENGE: u16 = 334;

/// Signs in, and notes by what.
pub(super) async fn sign_in(connection: &mut Connection, as_whom: &SignIn) -> Result<(), Failure> {
    let protocol = as_whom.protocol.unwrap_or_else(|| best(connection.server()));
    let by = match protocol {
        AuthProtocol::None => return Ok(()),
        AuthProtocol::Plain => {
            by_mechanism(connection, Mechanism::Plain, as_whom).await?;
            "PLAIN"
        }
        AuthProtocol::Login => {
            by_mechanism(connection, Mechanism::Login, as_whom).await?;
            "LOGIN"
        }
        AuthProtocol::Cram => {
            by_cram_md5(connection, as_whom).await?;
            "CRAM-MD5"
        }
    };
    connection.set_signed_in(by);
    Ok(())
}

/// The best that the server offers. lettre does not know whether it offers CRAM-MD5, so that is what is left.
fn best(server: &ServerInfo) -> AuthProtocol {
    if server.supports_auth_mechanism(Mechanism::Plain) {
        AuthProtocol::Plain
    } else if server.supports_auth_mechanism(Mechanism::Login) {
        AuthProtocol::Login
    } else {
        AuthProtocol::Cram
    }
}

async fn by_mechanism(
    connection: &mut Connection,
    mechanism: Mechanism,
    as_whom: &SignIn,
) -> Result<(), Failure> {
    let credentials = Credentials::new(as_whom.username.clone(), as_whom.password.expose().to_owned());
    let command = |auth: Result<Auth, _>| auth.map_err(|_| unknown_challenge());
    let first = command(Auth::new(mechanism, credentials.clone(), None))?;
    let mut reply = connection.command(Step::SignIn, first).await?;
    for _ in 0..MAX_CHALLENGES {
        if !reply.has_code(CHALLENGE) {
            return done(&reply);
        }
        let answer = command(Auth::new_from_response(mechanism, credentials.clone(), &reply))?;
        reply = connection.command(Step::SignIn, answer).await?;
    }
    Err(unknown_challenge())
}

async fn by_cram_md5(connection: &mut Connection, as_whom: &SignIn) -> Result<(), Failure> {
    let reply = connection.command(Step::SignIn, "AUTH CRAM-MD5\r\n").await?;
    let challenge = reply.has_code(CHALLENGE).then(|| reply.first_word().unwrap_or_default());
    let challenge = challenge.and_then(|challenge| STANDARD.decode(challenge).ok());
    let answer = cram_md5(as_whom, &challenge.ok_or_else(unknown_challenge)?) + "\r\n";
    done(&connection.command(Step::SignIn, answer).await?)
}

/// The answer to a challenge: the user's name, and the challenge's digest keyed with the password.
fn cram_md5(as_whom: &SignIn, challenge: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 3)")]
    let mut mac = Hmac::<Md5>::new_from_slice(as_whom.password.expose().as_bytes()).expect("a key");
    mac.update(challenge);
    let digest = u128::from_be_bytes(mac.finalize().into_bytes().into());
    STANDARD.encode(format!("{} {digest:032x}", as_whom.username))
}

fn done(reply: &Response) -> Result<(), Failure> {
    // 235 (RFC 4954, section 6).
    if reply.has_code(235) { Ok(()) } else { Err(Failure::unexpected(Step::SignIn, reply)) }
}

fn unknown_challenge() -> Failure {
    Failure::unusable(
        Step::SignIn,
        "the server asks for something else than a user name and a password at AUTH; try another `auth_protocol`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_challenge_is_that_of_the_rfc() {
        // RFC 2195, section 2.
        let as_whom = SignIn {
            protocol: Some(AuthProtocol::Cram),
            username: "tim".to_owned(),
            password: "tanstaaftanstaaf".into(),
        };
        let answer = cram_md5(&as_whom, b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(answer, "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
    }
}

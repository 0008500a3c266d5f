//! Signing in (RFC 4954). PLAIN and LOGIN are lettre's; CRAM-MD5 (RFC 2195) it does not have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::response::Response;
use md5::Md5;

use super::connection::Connection;
use super::failure::{Failure, Step};
use super::settings::{AuthProtocol, SignIn};

/// LOGIN asks twice. More is no LOGIN.
const MAX_CHALLENGES: usize = 4;

/// The code of a reply that asks on (RFC 4954, section 4).
const CHALLENGE: u16 = 334;

impl Connection {
    /// Signs in, and says by what.
    pub(super) async fn sign_in(&mut self, sign_in: &SignIn) -> Result<&'static str, Failure> {
        let offers = |mechanism| self.server().supports_auth_mechanism(mechanism);
        let protocol = sign_in.protocol.unwrap_or_else(|| {
            if offers(Mechanism::Plain) {
                AuthProtocol::Plain
            } else if offers(Mechanism::Login) {
                AuthProtocol::Login
            } else {
                AuthProtocol::Cram
            }
        });
        match protocol {
            AuthProtocol::None => Ok("none"),
            AuthProtocol::Plain => self.sign_in_by(Mechanism::Plain, sign_in).await.map(|()| "PLAIN"),
            AuthProtocol::Login => self.sign_in_by(Mechanism::Login, sign_in).await.map(|()| "LOGIN"),
            AuthProtocol::Cram => self.sign_in_by_cram(sign_in).await.map(|()| "CRAM-MD5"),
        }
    }

    async fn sign_in_by(&mut self, mechanism: Mechanism, sign_in: &SignIn) -> Result<(), Failure> {
        let credentials = Credentials::new(sign_in.username.clone(), sign_in.password.expose().to_owned());
        let command = |auth: Result<Auth, _>| auth.map_err(|_| unknown_challenge());
        let first = command(Auth::new(mechanism, credentials.clone(), None))?;
        let mut reply = self.command(Step::SignIn, first).await?;
        for _ in 0..MAX_CHALLENGES {
            if !reply.has_code(CHALLENGE) {
                return done(&reply);
            }
            let answer = command(Auth::new_from_response(mechanism, credentials.clone(), &reply))?;
            reply = self.command(Step::SignIn, answer).await?;
        }
        Err(unknown_challenge())
    }

    async fn sign_in_by_cram(&mut self, sign_in: &SignIn) -> Result<(), Failure> {
        let challenge = self.command(Step::SignIn, "AUTH CRAM-MD5\r\n").await?;
        let answer = challenge.has_code(CHALLENGE).then(|| challenge.first_word().unwrap_or_default());
        let answer = answer.and_then(|challenge| STANDARD.decode(challenge).ok());
        let answer = cram_md5(sign_in, &answer.ok_or_else(unknown_challenge)?) + "\r\n";
        let reply = self.command(Step::SignIn, answer).await?;
        done(&reply)
    }
}

/// The answer to a challenge: the user's name, and the challenge's digest keyed with the password.
fn cram_md5(sign_in: &SignIn, challenge: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 3)")]
    let mut mac = Hmac::<Md5>::new_from_slice(sign_in.password.expose().as_bytes()).expect("a key");
    mac.update(challenge);
    let digest = u128::from_be_bytes(mac.finalize().into_bytes().into());
    STANDARD.encode(format!("{} {digest:032x}", sign_in.username))
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
        let sign_in = SignIn {
            protocol: Some(AuthProtocol::Cram),
            username: "tim".to_owned(),
            password: "tanstaaftanstaaf".into(),
        };
        let answer = cram_md5(&sign_in, b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(answer, "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
    }
}

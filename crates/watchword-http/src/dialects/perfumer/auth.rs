//! Who may call: BasicAuth (RFC 7617) for everything, or Telegram's secret token for the webhook.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::Operation;
use super::settings::PerfumerSettings;

/// What Telegram proves itself by (Bot API, `setWebhook`).
static SECRET_TOKEN: HeaderName = HeaderName::from_static("x-telegram-bot-api-secret-token");

/// As servers in front of the original read it: padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum AuthError {
    /// No BasicAuth, or a wrong one.
    #[error("Unauthorized")]
    Unauthorized,
    /// Not Telegram.
    #[error("Forbidden")]
    Forbidden,
}

/// What callers are compared with: digests, so that a comparison's time tells nothing, not even a length.
pub(super) struct Door {
    basic: Option<[TextDigest; 2]>,
    secret_token: Option<TextDigest>,
}

type TextDigest = [u8; 32];

impl Door {
    pub(super) fn new(settings: &PerfumerSettings) -> Self {
        let basic = settings.basic_auth.as_ref();
        Self {
            basic: basic.map(|basic| [&basic.username, &basic.password].map(|text| digest(text.as_bytes()))),
            secret_token: settings.webhook.secret.as_ref().map(|secret| digest(secret.as_bytes())),
        }
    }

    /// Lets a call in. Telegram can't send BasicAuth beside its token, so the token alone decides about the webhook.
    ///
    /// # Errors
    /// The wrong credentials, or none.
    pub(super) fn admit(&self, operation: Operation, headers: &HeaderMap) -> Result<(), AuthError> {
        match (&self.secret_token, &self.basic) {
            (Some(expected), _) if operation == Operation::Webhook => {
                let given = headers.get(&SECRET_TOKEN).map(|value| digest(value.as_bytes()));
                let right = given.is_some_and(|given| given.ct_eq(expected).into());
                if right { Ok(()) } else { Err(AuthError::Forbidden) }
            }
            (_, Some([username, password])) => {
                let [given_username, given_password] = credentials(headers).ok_or(AuthError::Unauthorized)?;
                // Both are compared, whatever comes of the first.
                let right = username.ct_eq(&given_username) & password.ct_eq(&given_password);
                if right.into() { Ok(()) } else { Err(AuthError::Unauthorized) }
            }
            (_, None) => Ok(()),
        }
    }
}

/// The digests of the user name and the password that came.
fn credentials(headers: &HeaderMap) -> Option<[TextDigest; 2]> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = BASE64.decode(encoded.trim_matches(' ')).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some([digest(&decoded[..colon]), digest(&decoded[colon + 1..])])
}

fn digest(text: &[u8]) -> TextDigest {
    Sha256::digest(text).into()
}

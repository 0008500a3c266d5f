//! BasicAuth, `namespace:secret` (wire contract of otpgateway, "API"; RFC 7617).

use std::collections::HashMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;
use watchword_core::namespace::Namespace;

use super::settings::Access;

/// Padding is required; bits that are left over may be anything.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// Why a caller is not let in. The texts are those of the wire contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum AuthError {
    /// No header, or not Basic.
    #[error("Missing Basic Authorization header.")]
    Missing,
    /// What follows is not base64.
    #[error("Invalid Base64 value in Basic Authorization header.")]
    NotBase64,
    /// No colon in it.
    #[error("Invalid value in Basic Authorization header.")]
    NoColon,
    /// No such namespace, or a wrong secret: nobody can tell which.
    #[error("Invalid API credentials.")]
    Wrong,
}

/// Who may call, by the digests of their secrets.
pub(super) struct Callers {
    known: HashMap<Box<str>, (Namespace, Vec<SecretDigest>)>,
    /// What a caller of an unknown namespace is compared with.
    nobody: Vec<SecretDigest>,
}

type SecretDigest = [u8; 32];

impl Callers {
    pub(super) fn new(accesses: &[Access]) -> Self {
        let mut known: HashMap<Box<str>, (Namespace, Vec<SecretDigest>)> = HashMap::new();
        for Access { namespace, secret } in accesses {
            let caller =
                known.entry(namespace.as_str().into()).or_insert_with(|| (namespace.clone(), Vec::new()));
            caller.1.push(digest(secret.as_bytes()));
        }
        // No secret is known to have this digest; it is not even asked for.
        Self { known, nobody: vec![[0; 32]] }
    }

    /// The namespace that the caller proves to be.
    ///
    /// # Errors
    /// In the order of [`AuthError`]'s variants.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<&Namespace, AuthError> {
        let header = headers.get(AUTHORIZATION).ok_or(AuthError::Missing)?;
        let encoded = header.as_bytes().strip_prefix(b"Basic").ok_or(AuthError::Missing)?;
        let decoded = BASE64.decode(trim_spaces(encoded)).map_err(|_| AuthError::NotBase64)?;
        let colon = decoded.iter().position(|byte| *byte == b':').ok_or(AuthError::NoColon)?;
        let (name, secret) = (&decoded[..colon], digest(&decoded[colon + 1..]));
        let caller = std::str::from_utf8(name).ok().and_then(|name| self.known.get(name));
        let digests = caller.map_or(&self.nobody, |(_, digests)| digests);
        // All are compared, in constant time.
        let right = digests.iter().fold(Choice::from(0), |right, known| right | known.ct_eq(&secret));
        match caller {
            Some((namespace, _)) if right.into() => Ok(namespace),
            _ => Err(AuthError::Wrong),
        }
    }
}

fn digest(secret: &[u8]) -> SecretDigest {
    Sha256::digest(secret).into()
}

fn trim_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn callers() -> Callers {
        let access = |namespace, secret: &str| Access {
            namespace: Namespace::new(namespace).unwrap(),
            secret: secret.to_owned(),
        };
        Callers::new(&[access("app", "s3cret"), access("app", "n3wer:secret"), access("other", "secret")])
    }

    fn authenticate(header: &[u8]) -> Result<String, AuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(header).unwrap());
        callers().authenticate(&headers).map(|namespace| namespace.as_str().to_owned())
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64.encode(text))
    }

    #[test]
    fn the_right_secret_of_a_namespace_opens_it_and_no_other() {
        for (text, expected) in [
            ("app:s3cret", Ok("app")),
            ("app:n3wer:secret", Ok("app")),
            ("other:secret", Ok("other")),
            ("app:secret", Err(AuthError::Wrong)),
            ("app:S3cret", Err(AuthError::Wrong)),
            ("app:", Err(AuthError::Wrong)),
            ("app:s3cret ", Err(AuthError::Wrong)),
            ("App:s3cret", Err(AuthError::Wrong)),
            ("nobody:s3cret", Err(AuthError::Wrong)),
            (":", Err(AuthError::Wrong)),
            (":s3cret", Err(AuthError::Wrong)),
        ] {
            assert_eq!(authenticate(basic(text).as_bytes()), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn each_way_to_get_the_header_wrong_is_told_apart() {
        assert_eq!(callers().authenticate(&HeaderMap::new()), Err(AuthError::Missing));
        let right = basic("app:s3cret");
        let right = right.trim_start_matches("Basic ");
        for (header, expected) in [
            (format!("Basic {right}"), Ok("app")),
            (format!("Basic{right}"), Ok("app")),
            (format!("Basic   {right}"), Ok("app")),
            (format!("basic {right}"), Err(AuthError::Missing)),
            (format!("BASIC {right}"), Err(AuthError::Missing)),
            ("Bearer x".to_owned(), Err(AuthError::Missing)),
            (right.to_owned(), Err(AuthError::Missing)),
            ("Basic !".to_owned(), Err(AuthError::NotBase64)),
            // "app:s" without its padding, and in the URL alphabet.
            ("Basic YXBwOnM".to_owned(), Err(AuthError::NotBase64)),
            ("Basic YXBwOj8_".to_owned(), Err(AuthError::NotBase64)),
            ("Basic YXBw OnM=".to_owned(), Err(AuthError::NotBase64)),
            ("Basic YXBwOnM=".to_owned(), Err(AuthError::Wrong)),
            // The bits after the last letter are left over.
            ("Basic YXBwOnN=".to_owned(), Err(AuthError::Wrong)),
            ("Basic YXBw".to_owned(), Err(AuthError::NoColon)),
            ("Basic".to_owned(), Err(AuthError::NoColon)),
            ("Basic    ".to_owned(), Err(AuthError::NoColon)),
        ] {
            assert_eq!(authenticate(header.as_bytes()), expected.map(str::to_owned), "{header}");
        }
        assert_eq!(authenticate(b"Basic \xff\xfe"), Err(AuthError::NotBase64));
        // Not UTF-8 once decoded: nobody's name.
        assert_eq!(authenticate(b"Basic /zpz"), Err(AuthError::Wrong));
    }
}

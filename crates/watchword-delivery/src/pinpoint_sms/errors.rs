//! What errors of the service mean for a delivery.
//!
//! | `__type` | `Reason` or field | outcome |
//! |---|---|---|
//! | `ThrottlingException`, `TooManyRequestsException` | | `Throttled` |
//! | `ValidationException` | a field is `DestinationPhoneNumber`, or a reason of [`NUMBER`] | `AddressRefused` |
//! | `ValidationException` | any other | `ProviderRefused` |
//! | `ConflictException` | a reason of [`NUMBER`] | `AddressRefused` |
//! | `ConflictException` | any other | `ProviderRefused` |
//! | `ServiceQuotaExceededException` | a spend limit, and any other | `ProviderRefused` |
//! | `ResourceNotFoundException` | | `ProviderRefused`: the sender is not this account's |
//! | `AccessDeniedException`, `UnrecognizedClientException`, `InvalidSignatureException`, … of [`ACCOUNT`] | | `ProviderRefused` |
//! | `InternalServerException`, `ServiceUnavailableException`, `InternalFailure` | | `Transient` |
//! | any other, or none | | as in `http_client.rs` |
//!
//! A reason that depends on the number's country is one of the number: whoever chooses numbers must not be able to open the
//! breaker for all others.

use watchword_core::delivery::Outcome;

use crate::exchange::Answer;
use crate::reply::{Found, Path, ReplyBody, can_be_shown};

/// The number's own: this one can't be reached from this account, now and later.
pub(super) const NUMBER: [&str; 15] = [
    "CHANNEL_NOT_ENABLED",
    "COUNTRY_CODE_MISMATCH",
    "COUNTRY_NOT_ENABLED",
    "DESTINATION_COUNTRY_BLOCKED",
    "INTERNATIONAL_SENDING_NOT_SUPPORTED",
    "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
    "PRICE_OVER_THRESHOLD",
    "SENDER_ID_NOT_REGISTERED",
    "SENDER_ID_NOT_SUPPORTED",
    "SENDER_ID_REQUIRES_REGISTRATION",
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
    "DESTINATION_PHONE_NUMBER_OPTED_OUT",
    "NO_ORIGINATION_IDENTITIES_FOUND",
];

/// Ours: credentials, rights, account, clock, or what is asked for.
pub(super) const ACCOUNT: [&str; 15] = [
    "AccessDeniedException",
    "ServiceQuotaExceededException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "ExpiredTokenException",
    "OptInRequired",
    "NotAuthorized",
    "UnknownOperationException",
];

/// Reads errors.
pub(super) struct Errors {
    kind: Path,
    reason: Path,
    fields: Path,
}

impl Default for Errors {
    fn default() -> Self {
        Self { kind: Path::of(&["__type"]), reason: Path::of(&["Reason"]), fields: Path::of(&["Fields"]) }
    }
}

impl Errors {
    /// What a reply that is no success means.
    pub(super) fn outcome(&self, answer: Answer, passcode: &str) -> Outcome {
        let Answer { status, retry_after, refusal, body } = answer;
        let word = |path: &Path| body.as_ref()?.field(path)?.scalar();
        let kind = word(&self.kind);
        // It may stand behind a name space, and before a link.
        let kind = kind.as_deref().and_then(|kind| kind.rsplit('#').next()?.split(':').next());
        let kind = kind.filter(|kind| can_be_shown(kind, passcode)).unwrap_or_default();
        let reason = word(&self.reason);
        let reason = reason.as_deref().filter(|reason| can_be_shown(reason, passcode)).unwrap_or_default();
        let detail = match (kind, reason) {
            ("", _) => format!("HTTP {status}"),
            (_, "") => format!("HTTP {status}, error {kind}"),
            _ => format!("HTTP {status}, error {kind} {reason}"),
        };
        let is_of_number =
            || NUMBER.contains(&reason) || body.as_ref().is_some_and(|body| self.blames_number(body));
        match kind {
            "ThrottlingException" | "TooManyRequestsException" => Outcome::Throttled { after: retry_after },
            "ValidationException" | "ConflictException" if is_of_number() => {
                Outcome::AddressRefused { detail }
            }
            "ValidationException" | "ConflictException" => Outcome::ProviderRefused { detail },
            "InternalServerException" | "ServiceUnavailableException" | "InternalFailure" => {
                Outcome::Transient { detail }
            }
            kind if ACCOUNT.contains(&kind) => Outcome::ProviderRefused { detail },
            _ => match refusal {
                Some(throttled @ Outcome::Throttled { .. }) => throttled,
                Some(Outcome::AddressRefused { .. }) => Outcome::AddressRefused { detail },
                Some(Outcome::ProviderRefused { .. }) => Outcome::ProviderRefused { detail },
                _ => Outcome::Transient { detail },
            },
        }
    }

    /// Whether one of the fields that are wrong is the telephone number.
    fn blames_number(&self, body: &ReplyBody) -> bool {
        let names = body.field(&self.fields).into_iter().flat_map(|fields| fields.each("Name"));
        names.filter_map(Found::scalar).any(|name| name.eq_ignore_ascii_case("DestinationPhoneNumber"))
    }
}

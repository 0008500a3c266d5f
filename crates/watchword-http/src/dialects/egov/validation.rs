//! What is wrong with a request's fields, in the order of the wire contract of egov.

use std::borrow::Cow;

use watchword_core::address::Address;
use watchword_core::namespace::Namespace;
use watchword_core::passcode::Passcode;

use super::clients::{NumberRule, NumberRules};
use super::pattern::Matched;
use super::refusal::{Refusal, TooLong};
use super::request::{SendOtp, TokenOtp};
use super::tenant::{first_part, is_well_formed};
use super::wire::Field;
use super::words::Purpose;

/// What `_send` and `_create` call a bad request.
pub(super) const INVALID_REQUEST: &str = "Invalid OTP request";
/// What `_validate` calls one.
const INVALID_VALIDATION: &str = "Invalid OTP validation request";

const TENANT: &str = "otp.tenantId";
const NUMBER: &str = "otp.mobileNumber";

fn field(code: &'static str, message: impl Into<Cow<'static, str>>, field: &'static str) -> Field {
    Field { code, message: message.into(), field }
}

fn tenant_missing() -> Field {
    field("OTP.TENANT_ID_MANDATORY", "Tenant field is mandatory", TENANT)
}

fn tenant_invalid() -> Field {
    field("OTP.TENANT_ID_INVALID", "Tenant field is not valid", TENANT)
}

/// A `_send` as far as it can be read. What is wrong with it is in `fields`.
pub(super) struct Asked<'a> {
    pub(super) fields: Vec<Field>,
    /// There, and well formed.
    pub(super) tenant: Option<&'a str>,
    pub(super) number: Option<&'a str>,
    pub(super) purpose: Option<Purpose>,
}

impl<'a> Asked<'a> {
    /// Of no `otp` at all even the purpose is missing; in one that is there it may be left out.
    pub(super) fn read(otp: Option<&'a SendOtp<'a>>) -> Self {
        let mut fields = Vec::new();
        let given = otp.and_then(|otp| otp.tenant.as_deref());
        let tenant = given.filter(|tenant| is_well_formed(tenant));
        match given {
            None => fields.push(tenant_missing()),
            Some(_) if tenant.is_none() => fields.push(tenant_invalid()),
            Some(_) => {}
        }
        let number = otp.and_then(|otp| otp.number.as_deref());
        if number.is_none() {
            fields.push(field("OTP.MOBILE_NUMBER_MANDATORY", "Mobile number field is mandatory", NUMBER));
        }
        let purpose = otp.and_then(|otp| match otp.purpose.as_deref() {
            None => Some(Purpose::Register),
            Some(name) => Purpose::find(name),
        });
        if purpose.is_none() {
            fields.push(field(
                "OTP.REQUEST_TYPE_MANDATORY",
                "Request type (register, passwordreset,login) is mandatory",
                "otp.type",
            ));
        }
        Self { fields, tenant, number, purpose }
    }
}

/// What a number's country code turns out to be.
///
/// # Errors
/// What is wrong with the number.
pub(super) fn country_code<'a>(
    number: &str,
    purpose: Option<Purpose>,
    given: Option<&'a str>,
    rules: &'a NumberRules,
    default: &'a NumberRule,
) -> Result<Option<&'a str>, Field> {
    let rule = rules.of(given);
    if purpose == Some(Purpose::PasswordReset) {
        // Numbers of long ago may look otherwise, and their owners forget passwords too.
        return Ok(given.or(rule.and_then(|rule| rule.country_code.as_deref())));
    }
    let failed = |message: Cow<'static, str>| field("OTP.MOBILE_NUMBER_VALIDATION_FAILED", message, NUMBER);
    let rule = match (rule, given) {
        (Some(rule), _) => rule,
        (None, None) => default,
        (None, Some(code)) => {
            let message =
                format!("Mobile number validation configuration not found for country code: {code}");
            return Err(failed(message.into()));
        }
    };
    match rule.pattern.matches(number) {
        Matched::Wholly => Ok(given.or(rule.country_code.as_deref())),
        Matched::Not => {
            let pattern = rule.pattern.as_str();
            Err(failed(format!("Mobile number must match the configured pattern: {pattern}").into()))
        }
        Matched::Broken => Err(failed("Invalid mobile number validation pattern configured.".into())),
    }
}

/// Whose passcode it is.
#[derive(Debug)]
pub(super) struct Holder {
    /// The tenant's first part.
    pub(super) namespace: Namespace,
    pub(super) identity: Address,
}

/// The codes of fields that are too long, in the order of [`TokenOtp`]'s.
type SizeCodes = [&'static str; 4];

const CREATE_SIZES: SizeCodes = [
    "Size.otpRequest.otp.tenantId",
    "Size.otpRequest.otp.identity",
    "Size.otpRequest.otp.otp",
    "Size.otpRequest.otp.uuid",
];
const VALIDATE_SIZES: SizeCodes = [
    "Size.otpValidateRequest.otp.tenantId",
    "Size.otpValidateRequest.otp.identity",
    "Size.otpValidateRequest.otp.otp",
    "Size.otpValidateRequest.otp.uuid",
];
const SIZES: [usize; 4] = [256, 100, 128, 36];

/// Looks at sizes before everything else, as egov-otp does.
fn sizes(otp: &TokenOtp<'_>, codes: SizeCodes) -> Result<(), Refusal> {
    let texts = [&otp.tenant, &otp.identity, &otp.otp, &otp.uuid];
    let too_long: Vec<_> = texts
        .iter()
        .zip(codes)
        .zip(SIZES)
        .filter(|((text, _), most)| {
            // A character has at least one byte, so few texts need counting.
            text.as_deref().is_some_and(|text| text.len() > *most && text.encode_utf16().count() > *most)
        })
        .map(|((_, code), most)| TooLong { code, most })
        .collect();
    if too_long.is_empty() { Ok(()) } else { Err(Refusal::TooLong(too_long)) }
}

fn holder_fields(otp: &TokenOtp<'_>) -> Vec<Field> {
    let mut fields = Vec::new();
    match otp.tenant.as_deref().map(first_part) {
        None | Some("") => fields.push(tenant_missing()),
        Some(tenant) if Namespace::new(tenant).is_err() => fields.push(tenant_invalid()),
        Some(_) => {}
    }
    if otp.identity.is_none() {
        fields.push(field("OTP.IDENTITY_MANDATORY", "Identity field is mandatory", "otp.identity"));
    }
    fields
}

fn holder(otp: &TokenOtp<'_>) -> Option<Holder> {
    let namespace = Namespace::new(first_part(otp.tenant.as_deref()?)).ok()?;
    let identity = Address::new(otp.identity.as_deref()?).ok()?;
    Some(Holder { namespace, identity })
}

/// A `_create`.
///
/// # Errors
/// Too long, missing, or not to be kept.
pub(super) fn create(otp: &TokenOtp<'_>) -> Result<Holder, Refusal> {
    sizes(otp, CREATE_SIZES)?;
    let fields = holder_fields(otp);
    if !fields.is_empty() {
        return Err(Refusal::Fields { message: INVALID_REQUEST, fields });
    }
    // Control characters: nothing that is sent to has any.
    holder(otp).ok_or_else(|| {
        Refusal::field(INVALID_REQUEST, "OTP.IDENTITY_INVALID", "Identity field is not valid", "otp.identity")
    })
}

/// A `_validate`.
///
/// # Errors
/// Too long, missing, or certainly wrong.
pub(super) fn validate(otp: &TokenOtp<'_>) -> Result<(Holder, Passcode), Refusal> {
    sizes(otp, VALIDATE_SIZES)?;
    let mut fields = holder_fields(otp);
    if otp.otp.is_none() {
        fields.push(field("OTP.OTP_MANDATORY", "Otp field is mandatory", "otp.otp"));
    }
    if !fields.is_empty() {
        return Err(Refusal::Fields { message: INVALID_VALIDATION, fields });
    }
    let passcode = otp.otp.as_deref().and_then(|otp| Passcode::new(otp).ok());
    // Nothing was ever made for an identity that can't be kept.
    holder(otp).zip(passcode).ok_or(Refusal::Domain(watchword_core::error::Error::Gone))
}

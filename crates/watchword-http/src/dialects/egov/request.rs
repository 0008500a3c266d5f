//! What callers send, as far as it is looked at (wire contract of egov).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fields::{WrongType, members, text};
use super::refusal::InputError;

/// The whole body, as JSON.
///
/// # Errors
/// There is none, or it is no JSON.
pub(super) fn json(body: &[u8]) -> Result<&RawValue, InputError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Err(InputError::NoBody);
    }
    let value: &RawValue = serde_json::from_slice(body)
        .map_err(|error| InputError::NotJson { line: error.line(), column: error.column() })?;
    // To the original a null is no body either.
    if value.get() == "null" { Err(InputError::NoBody) } else { Ok(value) }
}

/// `_send`.
#[derive(Default)]
pub(super) struct SendRequest<'a> {
    /// `requestInfo`, whole, to be passed on.
    pub(super) info: Option<&'a RawValue>,
    /// Its `msgId`.
    pub(super) message_id: Option<Cow<'a, str>>,
    /// Its `correlationId`.
    pub(super) correlation_id: Option<Cow<'a, str>>,
    /// `otp`.
    pub(super) otp: Option<SendOtp<'a>>,
}

/// The `otp` of a `_send`. `None`: absent.
#[derive(Default)]
pub(super) struct SendOtp<'a> {
    pub(super) tenant: Option<Cow<'a, str>>,
    pub(super) number: Option<Cow<'a, str>>,
    pub(super) purpose: Option<Cow<'a, str>>,
    pub(super) user_type: Option<Cow<'a, str>>,
    /// A blank one is none.
    pub(super) country_code: Option<Cow<'a, str>>,
}

impl<'a> SendRequest<'a> {
    /// # Errors
    /// A value of the wrong type.
    pub(super) fn read(body: &'a RawValue) -> Result<Self, WrongType> {
        let [info, otp] = members(body, &["requestInfo", "otp"])?.unwrap_or_default();
        let mut request = Self::default();
        if let Some(raw) = info
            && let Some([message_id, auth_token, correlation_id, user_info]) =
                members(raw, &["msgId", "authToken", "correlationId", "userInfo"])?
        {
            // The rest is the business of whom it is passed on to.
            text(auth_token)?;
            user_info.map(|user| members::<0>(user, &[])).transpose()?;
            request.info = Some(raw);
            request.message_id = text(message_id)?;
            request.correlation_id = text(correlation_id)?;
        }
        if let Some(raw) = otp {
            request.otp = SendOtp::read(raw)?;
        }
        Ok(request)
    }

    /// The second part of `msgId` (`20170310130900|hi_IN`), where it can be a locale.
    pub(super) fn locale(&self) -> Option<&str> {
        const LONGEST: usize = 35;
        let locale = self.message_id.as_deref()?.split('|').nth(1)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        ((1..=LONGEST).contains(&locale.len()) && locale.bytes().all(is_plain)).then_some(locale)
    }
}

impl<'a> SendOtp<'a> {
    fn read(raw: &'a RawValue) -> Result<Option<Self>, WrongType> {
        let names = ["tenantId", "mobileNumber", "type", "userType", "countryCode"];
        let Some([tenant, number, purpose, user_type, country_code]) = members(raw, &names)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            tenant: text(tenant)?,
            number: text(number)?,
            purpose: text(purpose)?,
            user_type: text(user_type)?,
            country_code: text(country_code)?.filter(|code| !code.trim().is_empty()),
        }))
    }
}

/// The `otp` of egov-otp's calls. `None`: absent.
#[derive(Default)]
pub(super) struct TokenOtp<'a> {
    pub(super) tenant: Option<Cow<'a, str>>,
    pub(super) identity: Option<Cow<'a, str>>,
    pub(super) otp: Option<Cow<'a, str>>,
    pub(super) uuid: Option<Cow<'a, str>>,
}

impl<'a> TokenOtp<'a> {
    /// # Errors
    /// A value of the wrong type.
    pub(super) fn read(body: &'a RawValue) -> Result<Self, WrongType> {
        let [raw] = members(body, &["otp"])?.unwrap_or_default();
        let names = ["tenantId", "identity", "otp", "uuid"];
        let Some([tenant, identity, otp, uuid]) = raw.map(|raw| members(raw, &names)).transpose()?.flatten()
        else {
            return Ok(Self::default());
        };
        Ok(Self { tenant: text(tenant)?, identity: text(identity)?, otp: text(otp)?, uuid: text(uuid)? })
    }
}

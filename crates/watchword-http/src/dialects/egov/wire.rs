//! What goes over the wire, byte for byte (wire contract of egov). Replies and outgoing calls; what comes in is read by `request.rs`
//! and by the clients.

use serde::Serialize;
use serde_json::value::RawValue;

/// The good reply to `_send`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    pub(super) response_info: (),
    pub(super) is_successful: bool,
}

/// The good reply of egov-otp.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenReply<'a> {
    pub(super) response_info: (),
    pub(super) otp: Option<Token<'a>>,
}

/// A token. The order of its keys is part of the contract.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token<'a> {
    pub(super) otp: Option<&'a str>,
    pub(super) identity: &'a str,
    pub(super) tenant_id: &'a str,
    #[serde(rename = "UUID")]
    pub(super) uuid: &'a uuid::Uuid,
    pub(super) is_validation_successful: bool,
}

/// A refusal by one of the two services.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refused<'a> {
    pub(super) response_info: (),
    pub(super) error: RefusedFields<'a>,
}

#[derive(Serialize)]
pub(super) struct RefusedFields<'a> {
    pub(super) code: u16,
    pub(super) message: &'a str,
    pub(super) description: (),
    pub(super) fields: &'a [Field],
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    pub(super) code: &'static str,
    pub(super) message: std::borrow::Cow<'static, str>,
    pub(super) field: &'static str,
}

/// A refusal in the platform's shape.
#[derive(Serialize)]
pub(super) struct PlatformRefused<'a> {
    #[serde(rename = "ResponseInfo")]
    pub(super) response_info: (),
    #[serde(rename = "Errors")]
    pub(super) errors: &'a [PlatformError<'a>],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlatformError<'a> {
    pub(super) id: (),
    pub(super) parent_id: (),
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) description: (),
    pub(super) params: (),
}

/// Health, as Spring's actuator tells it.
#[derive(Serialize)]
pub(super) struct Health {
    pub(super) status: &'static str,
}

/// What is asked of egov-user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserSearch<'a> {
    pub(super) user_name: (),
    pub(super) tenant_id: &'a str,
    pub(super) user_type: Option<&'a str>,
    pub(super) mobile_number: &'a str,
}

/// What is asked of egov-localization; the rest is in the URL.
#[derive(Serialize)]
pub(super) struct LocalizationSearch<'a> {
    #[serde(rename = "RequestInfo")]
    pub(super) request_info: &'a RawValue,
}

/// What is asked of MDMS.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MdmsSearch<'a> {
    pub(super) request_info: &'a RawValue,
    pub(super) mdms_criteria: MdmsCriteria<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MdmsCriteria<'a> {
    pub(super) tenant_id: &'a str,
    pub(super) module_details: [ModuleDetail<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModuleDetail<'a> {
    pub(super) module_name: &'a str,
    pub(super) master_details: [MasterDetail<'a>; 1],
}

#[derive(Serialize)]
pub(super) struct MasterDetail<'a> {
    pub(super) name: &'a str,
}

/// What a message is given besides its words, for a provider that tells it on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Given<'a> {
    pub(super) tenant_id: &'a str,
    pub(super) country_code: Option<&'a str>,
}

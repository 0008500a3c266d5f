//! `[egov]`: the APIs of DIGIT's user-otp and egov-otp.

use std::time::Duration;

use serde::Deserialize;
use watchword_http::dialects::egov::{EgovSettings, LocalizationSettings, MdmsSettings};

use super::super::value::{ServiceUrl, digits, duration, lifetime, parts};

/// `[egov]`: what holds where the dialect is egov.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Egov {
    /// The base path of user-otp.
    pub user_otp_path: String,
    /// Where both services have their health besides `/health`.
    pub management_path: String,
    /// egov-user's search; `None`: registrations go without it, logins and password resets are refused.
    pub user_url: Option<ServiceUrl>,
    /// Digits of a passcode.
    #[serde(deserialize_with = "digits")]
    pub digits: usize,
    /// How long a passcode is good.
    #[serde(deserialize_with = "lifetime")]
    pub lifetime: Duration,
    /// Where the words of messages come from.
    pub localization: Localization,
    /// What mobile numbers look like.
    pub mdms: Mdms,
}

impl Default for Egov {
    fn default() -> Self {
        let EgovSettings { user_otp_path, management_path, passcode_length, ttl, .. } =
            EgovSettings::default();
        Self {
            user_otp_path,
            management_path,
            user_url: None,
            digits: passcode_length,
            lifetime: ttl,
            localization: Localization::default(),
            mdms: Mdms::default(),
        }
    }
}

/// `[egov.localization]`: the words of messages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Localization {
    /// Its search; `None`: the built-in words.
    pub url: Option<ServiceUrl>,
    /// The module that has the messages.
    pub module: String,
    /// The locale where the caller names none.
    pub default_locale: String,
    /// How many parts of the tenant are left out at its end.
    #[serde(deserialize_with = "parts")]
    pub strip_suffix_count: usize,
}

impl Default for Localization {
    fn default() -> Self {
        let LocalizationSettings { module, default_locale, strip_suffix_count, .. } =
            LocalizationSettings::default();
        Self { url: None, module, default_locale, strip_suffix_count }
    }
}

/// `[egov.mdms]`: what mobile numbers look like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mdms {
    /// Its search; `None`: the default pattern for all.
    pub url: Option<ServiceUrl>,
    /// The module that has the master.
    pub module: String,
    /// The list of country codes with their patterns.
    pub master: String,
    /// The country code of numbers that are matched against the default pattern; empty: it is not known.
    pub default_country_code: String,
    /// For numbers without a country code where MDMS has nothing.
    pub default_pattern: String,
    /// How long an answer is good; zero: for ever.
    #[serde(deserialize_with = "duration")]
    pub cache: Duration,
    /// How many parts of a tenant name its state.
    #[serde(deserialize_with = "parts")]
    pub state_tenant_parts: usize,
}

impl Default for Mdms {
    fn default() -> Self {
        let MdmsSettings {
            module,
            master,
            default_country_code,
            default_pattern,
            cache_ttl,
            state_tenant_parts,
            ..
        } = MdmsSettings::default();
        Self {
            url: None,
            module,
            master,
            default_country_code: default_country_code.unwrap_or_default(),
            default_pattern,
            cache: cache_ttl,
            state_tenant_parts,
        }
    }
}

//! What the dialect is told at start.

use std::time::Duration;

use reqwest::Url;
use watchword_core::verification::RouteName;

/// How the dialect behaves. The defaults are those of the wire contract of egov.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgovSettings {
    /// The base path of user-otp: a path of whole segments. Slashes at its ends mean nothing; `/user-otp` by default. egov-otp is
    /// always under `/otp`.
    pub user_otp_path: String,
    /// Where both services have their health besides `/health`, under their base paths; `/actuator` by default.
    pub management_path: String,
    /// egov-user's search, whole. `None`: registrations go without it, logins and password resets are 503.
    pub user_url: Option<Url>,
    /// Where the words of messages come from.
    pub localization: LocalizationSettings,
    /// What mobile numbers look like.
    pub mdms: MdmsSettings,
    /// Digits of a passcode.
    pub passcode_length: usize,
    /// How long a passcode is good for.
    pub ttl: Duration,
    /// What carries the SMS. `None`: `_send` is 503.
    pub sms_route: Option<RouteName>,
    /// Whether an SMS is addressed to country code and number together (`+919876543210`), where the code is known: for providers that
    /// know nothing of DIGIT. Its own consumers want the number alone, and have the code beside it.
    pub sms_to_whole_number: bool,
    /// What carries mails. `None`: none are sent.
    pub email_route: Option<RouteName>,
    /// How long a request may take. The services that it asks have parts of it: egov-user three fifths, MDMS one fifth.
    pub server_timeout: Duration,
}

impl Default for EgovSettings {
    fn default() -> Self {
        Self {
            user_otp_path: "/user-otp".to_owned(),
            management_path: "/actuator".to_owned(),
            user_url: None,
            localization: LocalizationSettings::default(),
            mdms: MdmsSettings::default(),
            passcode_length: 6,
            ttl: Duration::from_secs(900),
            sms_route: None,
            sms_to_whole_number: false,
            email_route: None,
            server_timeout: Duration::from_secs(5),
        }
    }
}

/// egov-localization: the words of messages, by tenant and locale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalizationSettings {
    /// Its search, whole, without a query. `None`: the built-in words.
    pub url: Option<Url>,
    /// The module that has the messages.
    pub module: String,
    /// The locale where the caller names none.
    pub default_locale: String,
    /// How many parts of the tenant are left out at its end when it is asked. The first part always stays.
    pub strip_suffix_count: usize,
}

impl Default for LocalizationSettings {
    fn default() -> Self {
        Self {
            url: None,
            module: "egov-user".to_owned(),
            default_locale: "en_IN".to_owned(),
            strip_suffix_count: 1,
        }
    }
}

/// MDMS: what mobile numbers look like, by state and country code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdmsSettings {
    /// Its search, whole. `None`: the default pattern for all.
    pub url: Option<Url>,
    /// The module that has the master.
    pub module: String,
    /// The master: a list of country codes with their patterns.
    pub master: String,
    /// The country code of numbers that are matched against [`Self::default_pattern`]. `None`: it is not known.
    pub default_country_code: Option<String>,
    /// For numbers without a country code, where MDMS has nothing for them. A pattern of Java's; the whole number must match.
    pub default_pattern: String,
    /// How long an answer is good. An older one is still used, while a new one is asked for. Zero: for ever.
    pub cache_ttl: Duration,
    /// How many parts of a tenant name its state. Tenants of one state share an answer.
    pub state_tenant_parts: usize,
}

impl Default for MdmsSettings {
    fn default() -> Self {
        Self {
            url: None,
            module: "common-masters".to_owned(),
            master: "MobileNumberValidation".to_owned(),
            default_country_code: Some("+91".to_owned()),
            default_pattern: "^[6-9][0-9]{9}$".to_owned(),
            cache_ttl: Duration::from_hours(1),
            state_tenant_parts: 1,
        }
    }
}

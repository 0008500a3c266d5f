//! Their database as a URL of ours.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use watchword_delivery::settings::Secret;

use super::super::translated::Translated;
use super::properties::{Properties, Property};
use super::{put, wrong};

const URL: &str = "spring.datasource.url";
const USERNAME: &str = "spring.datasource.username";
const PASSWORD: &str = "spring.datasource.password";

const FORM: &str = "must be a JDBC URL of PostgreSQL, like jdbc:postgresql://localhost:5432/devdb";

/// Parameters of the JDBC driver that are said of a connection here too, and what they are called.
const PARAMETERS: [(&str, &str); 5] = [
    ("currentSchema", "schema"),
    ("sslmode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ApplicationName", "application_name"),
    ("targetServerType", ""),
];

/// A URL of ours that says the same.
pub(super) fn store(properties: &Properties, out: &mut Translated) {
    let Some(Property { value: url, origin }) = properties.get(URL) else { return };
    let (username, password) = (properties.get(USERNAME), properties.get(PASSWORD));
    let mut is_missing = false;
    for (name, property) in [(USERNAME, &username), (PASSWORD, &password)] {
        if property.is_none() {
            is_missing = true;
            wrong(out, URL, &origin, &format!("needs {name}, which is not set"));
        }
    }
    // What is wrong has been told.
    out.without_store = None;
    let (Some(username), Some(password), false) = (username, password, is_missing) else { return };
    let Some((place, parameters)) = place_of(url.trim()) else { return wrong(out, URL, &origin, FORM) };
    let mut query = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match PARAMETERS.iter().find(|(theirs, _)| *theirs == name) {
            Some((_, "sslmode")) => query.push(format!("sslmode={}", mode(value, out))),
            Some((_, ours)) if !ours.is_empty() => {
                // Theirs is a list, of which the first is where new tables go.
                query.push(format!("{ours}={}", value.split(',').next().unwrap_or(value)));
            }
            _ => out.warnings.push(format!("{URL}: its parameter `{name}` has no meaning here")),
        }
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let (username, secret) = (encoded(username.value.trim()), encoded(&password.value));
    out.secret = Some(Secret::from(password.value.as_str()));
    put(out, &["store", "url"], URL, origin, &format!("postgres://{username}:{secret}@{place}{query}"));
}

/// `HOST:PORT/DATABASE` and the parameters.
fn place_of(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("jdbc:postgresql:")?;
    // `jdbc:postgresql:database` is a database on this machine; who has it that way may write it out.
    let rest = rest.strip_prefix("//")?;
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, database) = place.split_once('/')?;
    (!host.is_empty() && !database.is_empty()).then_some((place, parameters))
}

/// The modes of libpq that are not ours are the next stricter one.
fn mode<'a>(theirs: &'a str, out: &mut Translated) -> &'a str {
    match theirs {
        "allow" => "prefer",
        "verify-ca" => {
            out.warnings.push(format!(
                "{URL}: sslmode=verify-ca is taken as verify-full: the certificate must be the host's too"
            ));
            "verify-full"
        }
        other => other,
    }
}

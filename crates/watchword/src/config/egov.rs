//! The properties of DIGIT's user-otp and egov-otp, put into our words (wire contract of egov, "Settings").
//!
//! # How to add one more
//!
//! A property: its line in [`PLAIN`] where it goes over as it is, else in the function of its theme; its name in [`KNOWN`].

mod database;
mod kafka;
mod properties;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use super::otpgateway::listen_address;
use super::problem::{Problem, nearest};
use super::translated::Translated;
use super::tree::{Node, Origin, Value};
use properties::{Properties, Property, is_same};

/// Where it listens unless told otherwise.
const PORT: &str = "8090";

/// How a property's value becomes one of ours.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Whole,
    /// A bare number of seconds.
    Seconds,
    /// A bare number of seconds; 0 and less are for ever.
    SecondsOrForEver,
}

use Form::{Seconds, SecondsOrForEver, Text, Whole};

/// Properties that are one setting of ours each.
const PLAIN: [(&str, &[&str], Form); 14] = [
    ("server.servlet.context-path", &["egov", "user_otp_path"], Text),
    ("management.endpoints.web.base-path", &["egov", "management_path"], Text),
    ("egov.otp.length", &["egov", "digits"], Whole),
    ("egov.otp.ttl", &["egov", "lifetime"], Seconds),
    ("egov.localisation.tenantid.strip.suffix.count", &["egov", "localization", "strip_suffix_count"], Whole),
    ("egov.localization.default.locale", &["egov", "localization", "default_locale"], Text),
    ("egov.localization.module", &["egov", "localization", "module"], Text),
    ("egov.mdms.module.name", &["egov", "mdms", "module"], Text),
    ("egov.mdms.master.name", &["egov", "mdms", "master"], Text),
    ("egov.mobile.validation.default.country.code", &["egov", "mdms", "default_country_code"], Text),
    ("egov.mobile.validation.default.regex", &["egov", "mdms", "default_pattern"], Text),
    ("egov.validation.cache.ttl.seconds", &["egov", "mdms", "cache"], SecondsOrForEver),
    ("state.level.tenantid.length", &["egov", "mdms", "state_tenant_parts"], Whole),
    ("spring.application.name", &["telemetry", "service_name"], Text),
];

/// Services: where the host is said, where the path, the path unless told otherwise, and our setting.
const SERVICES: [(&str, &str, &str, &[&str]); 3] = [
    ("user.host", "search.user.url", "/user/_search", &["egov", "user_url"]),
    (
        "egov.localisation.host",
        "egov.localisation.search.endpoint",
        "/localization/messages/v1/_search",
        &["egov", "localization", "url"],
    ),
    (
        "egov.mdms.host",
        "egov.mdms.search.endpoint",
        "/egov-mdms-service/v1/_search",
        &["egov", "mdms", "url"],
    ),
];

/// All that is read, besides what begins as [`kafka::PREFIXES`] do.
const KNOWN: [&str; 31] = [
    "server.port",
    "server.servlet.context-path",
    "management.endpoints.web.base-path",
    "spring.application.name",
    "spring.datasource.url",
    "spring.datasource.username",
    "spring.datasource.password",
    "user.host",
    "search.user.url",
    "sms.topic",
    "email.topic",
    "expiry.time.for.otp",
    "egov.localisation.host",
    "egov.localisation.search.endpoint",
    "egov.localisation.tenantid.strip.suffix.count",
    "egov.localization.default.locale",
    "egov.localization.module",
    "egov.mdms.host",
    "egov.mdms.search.endpoint",
    "egov.mdms.module.name",
    "egov.mdms.master.name",
    "egov.mobile.validation.default.country.code",
    "egov.mobile.validation.default.regex",
    "egov.validation.cache.ttl.seconds",
    "is.environment.central.instance",
    "state.schema.index.position.tenantid",
    "state.level.tenantid.length",
    "spring.kafka.bootstrap.servers",
    "kafka.config.bootstrap_server_config",
    "egov.otp.length",
    "egov.otp.ttl",
];

/// What has no meaning any more, by what it begins with.
const OBSOLETE: [&str; 17] = [
    "otp.host",
    "otp.create.url",
    "egov.otp.encrypt",
    "spring.flyway",
    "flyway",
    "spring.jpa",
    "spring.datasource",
    "spring.data.redis",
    "spring.redis",
    "spring.kafka",
    "spring.main",
    "spring.jackson",
    "kafka",
    "app.timezone",
    "logging",
    "management",
    "server",
];

const NO_KEY_OF_STORE: &str = "no database is named: set spring.datasource.url with its username and password, or \
    WATCHWORD_STORE=sqlite:PATH, and the state is kept in that file, on this machine";

/// Our tree of their properties.
pub(super) fn translate(
    files: &[PathBuf],
    variables: &[(OsString, OsString)],
    unreadable: &mut Vec<Problem>,
) -> Translated {
    let properties = Properties::read(files, variables, unreadable);
    let without_store = Problem::new(Origin::BuiltIn, String::new(), NO_KEY_OF_STORE.to_owned());
    let mut out = Translated::new(Some(without_store));
    put(&mut out, &["server", "dialect"], "", Origin::BuiltIn, "egov");
    listen(&properties, &mut out);
    for (name, ours, form) in PLAIN {
        if let Some(property) = properties.get(name) {
            plain(&mut out, name, ours, form, property);
        }
    }
    for (host, path, usual_path, ours) in SERVICES {
        if let Some(Property { value, origin }) = properties.get(host) {
            let path = properties.get(path).map_or_else(|| usual_path.to_owned(), |path| path.value);
            let url =
                format!("{}/{}", value.trim().trim_end_matches('/'), path.trim().trim_start_matches('/'));
            put(&mut out, ours, host, origin, &url);
        }
    }
    database::store(&properties, &mut out);
    kafka::providers(&properties, &mut out);
    unread(&properties, &mut out);
    out
}

/// Puts a setting of ours, which is known by their name.
fn put(out: &mut Translated, ours: &[&str], theirs: &str, origin: Origin, text: &str) {
    put_value(out, ours, theirs, origin, Value::Text(text.to_owned()));
}

fn put_value(out: &mut Translated, ours: &[&str], theirs: &str, origin: Origin, value: Value) {
    // A variable is known by its own name.
    let is_named = matches!(origin, Origin::File { .. });
    let theirs: Vec<String> =
        if is_named { theirs.split('.').map(str::to_owned).collect() } else { Vec::new() };
    let node = Node { value, origin };
    match node.origin {
        // What nobody has set has no name of theirs.
        Origin::BuiltIn => out.root.insert(ours, node),
        _ => out.put(ours, &theirs, node),
    }
}

/// A problem with a property, by its own name where its place does not say it.
fn wrong(out: &mut Translated, name: &str, origin: &Origin, text: &str) {
    let key = if matches!(origin, Origin::File { .. }) { name.to_owned() } else { String::new() };
    out.problems.push(Problem::new(origin.clone(), key, text.to_owned()));
}

fn plain(out: &mut Translated, name: &str, ours: &[&str], form: Form, property: Property) {
    let Property { value, origin } = property;
    let text = value.trim();
    let value = match form {
        Text => Value::Text(text.to_owned()),
        Whole => match text.parse() {
            Ok(number) => Value::Whole(number),
            Err(_) => return wrong(out, name, &origin, "must be a whole number"),
        },
        Seconds | SecondsOrForEver => match text.parse::<i64>() {
            Ok(seconds) if seconds > 0 => Value::Text(format!("{seconds}s")),
            Ok(_) if matches!(form, SecondsOrForEver) => Value::Text("0s".to_owned()),
            _ => return wrong(out, name, &origin, "must be a whole number of seconds"),
        },
    };
    put_value(out, ours, name, origin, value);
}

fn listen(properties: &Properties, out: &mut Translated) {
    const NAME: &str = "server.port";
    let usual = Property { value: PORT.to_owned(), origin: Origin::BuiltIn };
    let Property { value, origin } = properties.get(NAME).unwrap_or(usual);
    match value.trim().parse::<u16>().ok().and_then(|port| listen_address(&format!(":{port}")).ok()) {
        Some(address) => put(out, &["server", "listen"], NAME, origin, &address.to_string()),
        None => wrong(out, NAME, &origin, "must be a port, from 1 to 65535"),
    }
}

/// Tells of what is in the files and not read: in one line what has no meaning any more, and what is unknown each by itself.
fn unread(properties: &Properties, out: &mut Translated) {
    let mut obsolete = BTreeSet::new();
    for (name, origin) in properties.of_files() {
        if KNOWN.iter().any(|known| is_same(known, name)) || kafka::is_read(name) {
            continue;
        }
        let begins = |prefix: &str| {
            name == prefix || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
        };
        if OBSOLETE.iter().any(|prefix| begins(prefix)) {
            obsolete.insert(name);
        } else if !properties.is_named_by_another(name) {
            let meant = nearest(name, &KNOWN).map(|meant| format!("; did you mean `{meant}`?"));
            let text = format!("unknown, and not read{}", meant.unwrap_or_default());
            out.warnings.push(Problem::new(origin.clone(), name.to_owned(), text).to_string());
        }
    }
    if !obsolete.is_empty() {
        let names: Vec<&str> = obsolete.into_iter().collect();
        out.warnings.push(format!("these have no meaning any more: {}", names.join(", ")));
    }
}

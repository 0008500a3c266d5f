//! Perfumer OTP's environment, put into our words (wire contract of perfumer, "Environment" and "Sending").
//!
//! # How to add one more
//!
//! A variable: its name in [`KNOWN`], and its line in the function of its theme.

use std::ffi::OsString;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use watchword_delivery::settings::Secret;

use super::environment::is_service_link;
use super::otpgateway;
use super::problem::{Problem, nearest};
use super::translated::Translated;
use super::tree::{Node, Origin, Value};

/// Where it listens unless told otherwise: on every interface.
const LISTEN: &str = ":80";

/// A channel: its name here and in requests, what its variables begin with, and where Queue finds its service and worker
/// unless told otherwise.
struct ChannelVariables {
    name: &'static str,
    variables: &'static str,
    service: &'static str,
    worker: &'static str,
}

const CHANNELS: [ChannelVariables; 4] = [
    ChannelVariables { name: "sms", variables: "OTP_SMS", service: "http://sms", worker: "sms" },
    ChannelVariables { name: "call", variables: "OTP_CALL", service: "http://sms", worker: "sms" },
    ChannelVariables { name: "email", variables: "OTP_EMAIL", service: "http://email", worker: "email" },
    ChannelVariables {
        name: "telegram",
        variables: "OTP_TELEGRAM",
        service: "http://telegram:8080",
        worker: "telegram",
    },
];

const QUEUE_URL: &str = "OTP_QUEUE_URL";
const APP_TOKEN: &str = "OTP_TELEGRAM_APP_TOKEN";

/// Unless told otherwise.
const QUEUE: &str = "http://queue";

/// Its variables that begin as nobody else's do.
const KNOWN: [&str; 10] = [
    QUEUE_URL,
    "OTP_SMS_URL",
    "OTP_SMS_WORKER",
    "OTP_CALL_URL",
    "OTP_CALL_WORKER",
    "OTP_EMAIL_URL",
    "OTP_EMAIL_WORKER",
    "OTP_TELEGRAM_URL",
    "OTP_TELEGRAM_WORKER",
    APP_TOKEN,
];

/// Those without which there is no database.
const DATABASE: [&str; 4] = ["PG_HOST", "PG_DATABASE", "PG_USER", "PG_PASSWORD"];

/// What is wrong with naming a file of a product that has none.
pub(super) fn has_no_file(file: &Path) -> Problem {
    let text = "Perfumer OTP is configured by its environment and has no file; name a watchword.toml by WATCHWORD_CONFIG";
    Problem::of_file(file.display().to_string().into(), None, text.to_owned())
}

/// Our tree of their variables.
pub(super) fn translate(variables: &[(OsString, OsString)], unreadable: &mut Vec<Problem>) -> Translated {
    let variables = Variables::read(variables, unreadable);
    let mut out = Translated::new(without_store(&variables));
    put(&mut out, &["server", "dialect"], Origin::BuiltIn, "perfumer");
    // That it can't be looked up is no answer that a literal of ours gets.
    if let Ok(listen) = otpgateway::listen_address(LISTEN) {
        put(&mut out, &["server", "listen"], Origin::BuiltIn, &listen.to_string());
    }
    access(&variables, &mut out);
    sending(&variables, &mut out);
    store(&variables, &mut out);
    for (name, value) in &variables.0 {
        let is_theirs = name.starts_with("OTP_") && !KNOWN.contains(&name.as_str());
        if is_theirs && !is_service_link(name, value) {
            let meant = nearest(name, &KNOWN).map(|meant| format!("; did you mean {meant}?"));
            out.warnings.push(format!("{name} is not known, and not read{}", meant.unwrap_or_default()));
        }
    }
    out
}

/// What is set, by name.
struct Variables(Vec<(String, String)>);

impl Variables {
    fn read(variables: &[(OsString, OsString)], unreadable: &mut Vec<Problem>) -> Self {
        let is_theirs = |name: &str| {
            ["OTP_", "PG_", "HTTP_AUTH_"].iter().any(|prefix| name.starts_with(prefix)) || name == "DUMMY"
        };
        let mut theirs = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| is_theirs(name)) else { continue };
            match value.to_str() {
                Some(value) => theirs.push((name.to_owned(), value.to_owned())),
                None => {
                    let origin = Origin::Environment(name.into());
                    unreadable.push(Problem::new(origin, String::new(), "is not UTF-8 text".to_owned()));
                }
            }
        }
        // So that a start is like the one before.
        theirs.sort_unstable();
        Self(theirs)
    }

    /// What it is set to, be that nothing.
    fn set(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What it is set to, if that is something.
    fn get(&self, name: &str) -> Option<&str> {
        self.set(name).filter(|value| !value.is_empty())
    }

    /// What it is set to, else `default`; and where that is said.
    fn or<'a>(&'a self, name: &str, default: &'a str) -> (&'a str, Origin) {
        match self.get(name) {
            Some(value) => (value, origin(name)),
            None => (default, Origin::BuiltIn),
        }
    }
}

fn origin(variable: &str) -> Origin {
    Origin::Environment(variable.into())
}

/// Puts a setting of ours. It is known by the variable alone: that is where it was set.
fn put(out: &mut Translated, ours: &[&str], origin: Origin, text: &str) {
    let node = Node { value: Value::Text(text.to_owned()), origin };
    match node.origin {
        // What nobody has set has no name of theirs.
        Origin::BuiltIn => out.root.insert(ours, node),
        _ => out.put(ours, &[], node),
    }
}

/// Who may call.
fn access(variables: &Variables, out: &mut Translated) {
    const USERNAME: &str = "HTTP_AUTH_USERNAME";
    const PASSWORD: &str = "HTTP_AUTH_PASSWORD";
    match (variables.get(USERNAME), variables.get(PASSWORD)) {
        (None, None) => {}
        (Some(username), Some(password)) => {
            put(out, &["perfumer", "username"], origin(USERNAME), username);
            put(out, &["perfumer", "password"], origin(PASSWORD), password);
        }
        (Some(_), None) => {
            out.problem(&origin(USERNAME), &[], "is set without HTTP_AUTH_PASSWORD: set both, or neither");
        }
        (None, Some(_)) => {
            out.problem(&origin(PASSWORD), &[], "is set without HTTP_AUTH_USERNAME: set both, or neither");
        }
    }
}

/// Who carries the messages of each channel.
fn sending(variables: &Variables, out: &mut Translated) {
    if is_dummy(variables, out) {
        for channel in CHANNELS {
            put(out, &["providers", channel.name, "kind"], origin("DUMMY"), "discard");
        }
        return;
    }
    // Set to nothing, each channel goes straight to a provider of `watchword.toml`.
    if variables.set(QUEUE_URL) == Some("") {
        return;
    }
    let (queue, queue_origin) = variables.or(QUEUE_URL, QUEUE);
    for ChannelVariables { name, variables: prefix, service, worker } in CHANNELS {
        let setting = |key| ["providers", name, key];
        put(out, &setting("kind"), Origin::BuiltIn, "queue");
        put(out, &setting("sends"), Origin::BuiltIn, name);
        put(out, &setting("url"), queue_origin.clone(), queue);
        let (service, place) = variables.or(&format!("{prefix}_URL"), service).to_owned();
        put(out, &setting("service_url"), place, service);
        let (worker, place) = variables.or(&format!("{prefix}_WORKER"), worker).to_owned();
        put(out, &setting("worker"), place, worker);
    }
    if let Some(token) = variables.get(APP_TOKEN) {
        put(out, &["providers", "telegram", "app_token"], origin(APP_TOKEN), token);
    }
}

fn is_dummy(variables: &Variables, out: &mut Translated) -> bool {
    match variables.get("DUMMY").map(str::trim) {
        None => false,
        Some(value) if value.eq_ignore_ascii_case("true") || value == "1" => true,
        Some(value) if value.eq_ignore_ascii_case("false") || value == "0" => false,
        Some(_) => {
            out.warn(&origin("DUMMY"), &[], "is neither true nor false: messages are sent");
            false
        }
    }
}

/// A URL of ours that says the same.
fn store(variables: &Variables, out: &mut Translated) {
    let all = DATABASE.map(|name| variables.get(name));
    let [Some(host), Some(database), Some(user), Some(password)] = all else { return };
    let (port, port_origin) = variables.or("PG_PORT", "5432");
    if port.parse::<u16>().map_or(true, |port| port == 0) {
        out.problem(&port_origin, &[], "must be a port, from 1 to 65535");
        return;
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    // An IPv6 address stands in brackets in a URL.
    let place = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut url = format!(
        "postgres://{}:{}@{}:{port}/{}?schema={}",
        encoded(user),
        encoded(password),
        place(host),
        encoded(database),
        encoded(variables.or("PG_SCHEMA", "public").0),
    );
    if let Some(real) = variables.get("PG_REAL_HOST") {
        url.push_str(&format!("&real_host={}", encoded(real)));
    }
    out.secret = Some(Secret::from(password));
    put(out, &["store", "url"], origin("PG_HOST"), &url);
}

/// What is wrong where nobody says where the state is kept; nothing, where what was said is wrong in another way.
fn without_store(variables: &Variables) -> Option<Problem> {
    let missing: Vec<&str> = DATABASE.into_iter().filter(|name| variables.get(name).is_none()).collect();
    let text = format!(
        "no database is named: set {} as Perfumer OTP has them, or WATCHWORD_STORE=sqlite:PATH, and the state is kept in \
         that file, on this machine",
        missing.join(", ")
    );
    (!missing.is_empty()).then(|| Problem::new(Origin::BuiltIn, String::new(), text))
}

//! From their sections to ours, all but the providers.

use std::ops::RangeInclusive;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use watchword_http::pages::ImageUrl;

use super::super::problem::Problem;
use super::super::translated::Translated;
use super::super::tree::{Node, Origin, Value};
use super::section::{Section, Set};
use super::{form, providers};

/// Where it listens unless told otherwise.
const ADDRESS: &str = ":9000";

/// What `server.timeout` takes, in milliseconds.
const TIMEOUT: RangeInclusive<u64> = 1_000..=300_000;

/// What `store.timeout` takes, in milliseconds.
const STORE_TIMEOUT: RangeInclusive<u64> = 100..=60_000;

const NO_STORE: &str = "names no server: set `host`, or WATCHWORD_STORE=sqlite:PATH, and the state is kept in that file, \
    on this machine";

/// What keys begin with unless told otherwise.
const KEY_PREFIX: &str = "OTP";

/// Our tree of theirs.
pub(in super::super) fn translate(mut root: Node) -> Translated {
    let without_store = Problem::new(Origin::BuiltIn, "store.redis".to_owned(), NO_STORE.to_owned());
    let mut out = Translated::new(Some(without_store));
    let mut take = |name: &'static str, out: &mut Translated| {
        let node = root.take(&[name]).unwrap_or_else(|| Node::table(Origin::BuiltIn));
        Section::new(vec![name.to_owned()], node, out)
    };
    if let Some(section) = take("app", &mut out) {
        app(section, &mut out);
    }
    if let Some(section) = take("store", &mut out) {
        store(section, &mut out);
    }
    if let Some(section) = take("auth", &mut out) {
        auth(section, &mut out);
    }
    if let Some(section) = take("providers", &mut out) {
        providers::bundled(section, &mut out);
    }
    if let Some(section) = take("webhooks", &mut out) {
        providers::webhooks(section, &mut out);
    }
    if let Some(mut rest) = Section::new(Vec::new(), root, &mut out) {
        rest.skip(&["app", "store", "auth", "providers", "webhooks"]);
        rest.finish(&mut out);
    }
    out
}

fn app(mut app: Section, out: &mut Translated) {
    let address = app.text("address", out);
    let address = address.unwrap_or(Set { text: ADDRESS.to_owned(), origin: Origin::BuiltIn });
    match form::listen_address(&address.text) {
        Ok(listen) => {
            let text = Value::Text(listen.to_string());
            out.put(&["server", "listen"], &app.key("address"), Node { value: text, origin: address.origin });
        }
        Err(wrong) => out.problem(&address.origin, &app.key("address"), wrong),
    }
    timeout(&mut app, "server_timeout", TIMEOUT, &["server", "timeout"], out);
    if let Some((true, origin)) = app.boolean("enable_debug_logs", out) {
        let value = Value::Text("debug".to_owned());
        out.put(&["log", "level"], &app.key("enable_debug_logs"), Node { value, origin });
    }
    if let Some((seconds, origin)) = app.whole("otp_ttl", out) {
        match u32::try_from(seconds) {
            Ok(seconds) => {
                let value = Value::Text(format!("{seconds}s"));
                out.put(&["otp", "ttl"], &app.key("otp_ttl"), Node { value, origin });
            }
            Err(_) => out.problem(&origin, &app.key("otp_ttl"), "must be from 1 to 31536000 seconds"),
        }
    }
    for (theirs, ours) in [("otp_max_attempts", "max_attempts"), ("otp_max_generate", "max_generate")] {
        if let Some((number, origin)) = app.whole(theirs, out) {
            out.put(&["otp", ours], &app.key(theirs), Node { value: Value::Whole(number), origin });
        }
    }
    if let Some(url) = app.text("root_url", out) {
        out.put(&["server", "root_url"], &app.key("root_url"), url.node());
    }
    for picture in ["logo_url", "favicon_url"] {
        match app.text(picture, out) {
            Some(url) if ImageUrl::new(&url.text).is_ok() => {
                out.put(&["pages", picture], &app.key(picture), url.node());
            }
            // It harms no page to be without it.
            Some(url) => {
                let text = "is not shown: it must be a URL, like \"https://example.com/logo.png\"";
                out.warn(&url.origin, &app.key(picture), text);
            }
            None => {}
        }
    }
    if let Some(origin) = app.take("otp_max_resends") {
        let text = "has no effect, and never had one; the setting is `otp_max_generate`";
        out.warn(&origin, &app.key("otp_max_resends"), text);
    }
    app.finish(out);
}

/// A length of time of theirs, or what is nearest to it of what ours takes.
fn timeout(
    section: &mut Section,
    key: &'static str,
    takes: RangeInclusive<u64>,
    ours: &[&'static str],
    out: &mut Translated,
) {
    let Some((asked, origin)) = section.milliseconds(key, out) else { return };
    let taken = asked.clamp(*takes.start(), *takes.end());
    if taken != asked {
        let text = format!("is {asked}ms, {taken}ms is used (a number without a unit is nanoseconds)");
        out.warn(&origin, &section.key(key), text);
    }
    let value = Value::Text(format!("{taken}ms"));
    out.put(ours, &section.key(key), Node { value, origin });
}

/// A URL of ours that says the same.
fn store(mut store: Section, out: &mut Translated) {
    let redis = store.child("redis", out);
    store.finish(out);
    let Some(mut redis) = redis else { return };
    out.without_store =
        Some(Problem::new(redis.origin.clone(), "store.redis".to_owned(), NO_STORE.to_owned()));
    if let Some(origin) = redis.take("user") {
        out.warn(&origin, &redis.key("user"), "has no effect, and never had one; the setting is `username`");
    }
    if let Some(key) = redis.text("publish_key", out) {
        out.put(&["store", "publish_key"], &redis.key("publish_key"), key.node());
    }
    timeout(&mut redis, "timeout", STORE_TIMEOUT, &["store", "timeout"], out);
    let mut given = |key| redis.text(key, out).filter(|set| !set.text.is_empty());
    let (username, password) = (given("username"), given("password"));
    let (host, key_prefix) = (given("host"), given("key_prefix"));
    let (port, db) = (redis.whole("port", out), redis.whole("db", out));
    if let Some(host) = host {
        let encoded = |set: &Option<Set>| {
            set.as_ref().map(|set| utf8_percent_encode(&set.text, NON_ALPHANUMERIC).to_string())
        };
        let credentials = match (encoded(&username), encoded(&password)) {
            (None, None) => String::new(),
            (username, password) => {
                format!("{}:{}@", username.unwrap_or_default(), password.unwrap_or_default())
            }
        };
        // An IPv6 address stands in brackets in a URL.
        let place = if host.text.contains(':') { format!("[{}]", host.text) } else { host.text };
        let port = port.map_or(6_379, |(port, _)| port);
        let db = db.map_or(0, |(db, _)| db);
        let key_prefix = key_prefix.map_or_else(|| KEY_PREFIX.to_owned(), |set| set.text);
        let text = format!("redis://{credentials}{place}:{port}/{db}?key_prefix={key_prefix}");
        out.put(&["store", "url"], &redis.path.clone(), Set { text, origin: host.origin }.node());
    }
    for key in ["max_active", "max_idle"] {
        if let Some(origin) = redis.take(key) {
            out.warn(&origin, &redis.key(key), "has no effect: a few connections carry all calls");
        }
    }
    redis.finish(out);
}

fn auth(mut auth: Section, out: &mut Translated) {
    for mut one in auth.children(out) {
        let (namespace, secret) = (one.text("namespace", out), one.text("secret", out));
        for (key, value) in [("namespace", &namespace), ("secret", &secret)] {
            if value.is_none() {
                out.problem(&one.origin, &one.key(key), "is needed and not set");
            }
        }
        if let (Some(namespace), Some(secret)) = (namespace, secret) {
            let ours = ["namespaces", namespace.text.as_str()];
            if out.root.get(&ours).is_some() {
                out.warn(
                    &namespace.origin,
                    &one.key("namespace"),
                    "is that of another section too; the secret of this one counts",
                );
            }
            out.put(&ours, &one.key("namespace"), Node::table(namespace.origin));
            out.put(&[ours[0], ours[1], "secret"], &one.key("secret"), secret.node());
        }
        one.finish(out);
    }
}

//! Their providers and webhooks. Settings have the names that our kinds of providers have; what differs is the form of values.

use std::path::Path;

use super::super::translated::Translated;
use super::super::tree::{Node, Origin, Value};
use super::section::{Section, Set};

/// How a setting is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Whole,
    Boolean,
    Duration,
}

use Form::{Boolean, Duration, Text, Whole};

type Setting = (&'static str, Form);

/// What every provider has besides `enabled`, `subject` and `template`.
const SHARED: [Setting; 2] = [("max_conns", Whole), ("timeout", Duration)];

/// The providers of `[providers]`; each is the kind of the same name here.
const BUNDLED: [(&str, &[Setting]); 4] = [
    (
        "smtp",
        &[
            ("from_email", Text),
            ("host", Text),
            ("port", Whole),
            ("auth_protocol", Text),
            ("username", Text),
            ("password", Text),
            ("tls_type", Text),
            ("tls_skip_verify", Boolean),
        ],
    ),
    (
        "kaleyra_sms",
        &[
            ("api_key", Text),
            ("sender", Text),
            ("sid", Text),
            ("sms_entity_id", Text),
            ("sms_template_id", Text),
            ("default_phone_code", Text),
        ],
    ),
    (
        "kaleyra_whatsapp",
        &[
            ("api_key", Text),
            ("sender", Text),
            ("sid", Text),
            ("template_name", Text),
            ("default_phone_code", Text),
        ],
    ),
    (
        "pinpoint_sms",
        &[
            ("access_key", Text),
            ("secret_key", Text),
            ("region", Text),
            ("sms_sender_id", Text),
            ("sms_entity_id", Text),
            ("sms_template_id", Text),
            ("sms_message_type", Text),
            ("default_phone_code", Text),
        ],
    ),
];

const WEBHOOK: [Setting; 7] = [
    ("url", Text),
    ("username", Text),
    ("password", Text),
    ("channel_name", Text),
    ("address_name", Text),
    ("max_address_len", Whole),
    ("max_otp_len", Whole),
];

const NO_PINPOINT: &str =
    "has no effect any more: Amazon Pinpoint has ended, and messages go through AWS End User Messaging";

/// Templates that come with the product, for when nobody has put them beside it.
const SUPPLIED: [(&str, &str); 2] =
    [("static/smtp.tpl", include_str!("smtp.tpl")), ("static/sms.txt", include_str!("sms.txt"))];

/// A timeout under this is none (wire contract of otpgateway); one over the other is more than a provider takes.
const LEAST_TIMEOUT: u64 = 1_000;
const MOST_TIMEOUT: u64 = 300_000;

/// `[providers]`.
pub(super) fn bundled(mut providers: Section, out: &mut Translated) {
    for (name, settings) in BUNDLED {
        let Some(mut section) = providers.child(name, out) else { continue };
        let enabled = is_enabled(&mut section, out);
        if name == "pinpoint_sms" {
            pinpoint(&mut section, enabled, out);
        }
        if enabled {
            provider(&mut section, name, name, settings, out);
        } else {
            skip(&mut section, settings);
        }
        if enabled && name == "smtp" {
            smtp(&section, out);
        }
        section.finish(out);
    }
    providers.finish(out);
}

/// `[webhooks]`.
pub(super) fn webhooks(mut webhooks: Section, out: &mut Translated) {
    for mut section in webhooks.children(out) {
        let name = section.path.last().cloned().unwrap_or_default();
        if BUNDLED.iter().any(|(bundled, _)| *bundled == name) {
            let text =
                format!("is the name of a provider in [providers.{name}]; give the webhook another one");
            out.problem(&section.origin, &section.path, text);
            continue;
        }
        if is_enabled(&mut section, out) {
            provider(&mut section, &name, "webhook", &WEBHOOK, out);
        } else {
            skip(&mut section, &WEBHOOK);
        }
        section.finish(out);
    }
}

/// What is not plainly true is off, as there.
fn is_enabled(section: &mut Section, out: &mut Translated) -> bool {
    let Some(Set { text, origin }) = section.text("enabled", out) else { return false };
    let enabled = super::form::boolean(&text);
    if enabled.is_none() {
        out.warn(&origin, &section.key("enabled"), "is neither true nor false: this provider is off");
    }
    enabled.unwrap_or(false)
}

fn skip(section: &mut Section, settings: &[Setting]) {
    section.skip(&["subject", "template"]);
    for (key, _) in SHARED.iter().chain(settings) {
        section.skip(&[key]);
    }
}

fn provider(section: &mut Section, name: &str, kind: &str, settings: &[Setting], out: &mut Translated) {
    let ours = ["providers", name];
    out.put(&ours, &section.path, Node::table(section.origin.clone()));
    let kind = Node { value: Value::Text(kind.to_owned()), origin: section.origin.clone() };
    out.put(&[ours[0], ours[1], "kind"], &section.path, kind);
    for (key, form) in SHARED.iter().chain(settings) {
        if let Some(node) = setting(section, key, *form, out) {
            out.put(&[ours[0], ours[1], key], &section.key(key), node);
        }
    }
    if let Some(subject) = section.text("subject", out) {
        out.put(&[ours[0], ours[1], "subject"], &section.key("subject"), subject.node());
    }
    if let Some(template) = section.text("template", out) {
        out.put(&[ours[0], ours[1], "template"], &section.key("template"), template_node(template));
    }
}

fn setting(section: &mut Section, key: &'static str, form: Form, out: &mut Translated) -> Option<Node> {
    let (value, origin) = match form {
        Text => return section.text(key, out).map(Set::node),
        Whole => section.whole(key, out).map(|(number, origin)| (Value::Whole(number), origin))?,
        Boolean => section.boolean(key, out).map(|(value, origin)| (Value::Boolean(value), origin))?,
        Duration => {
            let (asked, origin) = section.milliseconds(key, out)?;
            if asked < LEAST_TIMEOUT {
                // The kind's own.
                return None;
            }
            if asked > MOST_TIMEOUT {
                out.warn(&origin, &section.key(key), "is more than 5m, which is used");
            }
            (Value::Text(format!("{}ms", asked.min(MOST_TIMEOUT))), origin)
        }
    };
    Some(Node { value, origin })
}

/// Relative to where the program runs.
fn template_node(Set { text, origin }: Set) -> Node {
    let supplied = SUPPLIED.iter().find(|(path, _)| *path == text && !Path::new(path).exists());
    if let Some((_, template)) = supplied {
        return Node { value: Value::Supplied(template), origin };
    }
    let absolute = std::path::absolute(&text).ok().and_then(|path| path.into_os_string().into_string().ok());
    Node { value: Value::Text(absolute.unwrap_or(text)), origin }
}

/// What belongs to a service that is no more.
fn pinpoint(section: &mut Section, enabled: bool, out: &mut Translated) {
    if let Some(Set { origin, .. }) = section.text("application_id", out).filter(|_| enabled) {
        out.warn(&origin, &section.key("application_id"), NO_PINPOINT);
    }
}

/// What our kind says otherwise where nothing is said.
fn smtp(section: &Section, out: &mut Translated) {
    let setting = |key| ["providers", "smtp", key];
    for (key, text) in [("auth_protocol", "none"), ("timeout", "2s"), ("tls_type", "STARTTLS")] {
        if out.root.get(&setting(key)).is_none() {
            let node = Node { value: Value::Text(text.to_owned()), origin: Origin::BuiltIn };
            out.put(&setting(key), &section.key(key), node);
        }
    }
    // Whatever is neither of the others is STARTTLS.
    if let Some(Node { value: Value::Text(text), .. }) = out.root.get_mut(&setting("tls_type"))
        && !["none", "TLS"].contains(&text.as_str())
    {
        "STARTTLS".clone_into(text);
    }
}

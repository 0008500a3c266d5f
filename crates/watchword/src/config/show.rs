//! What is set, to be shown to people: without secrets.

use std::fmt;

use super::layers::Layers;
use super::problem::dotted;
use super::tree::{Node, Origin, Value};
use super::{ConfigError, REFERENCE, Sources, file};

/// One setting with its value and where it was set. A value that may be a secret is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSetting {
    key: String,
    value: String,
    origin: Origin,
}

impl fmt::Display for ShownSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  # {}", self.key, self.value, self.origin)
    }
}

/// Texts and numbers of a provider that are no secrets. All others may be.
const PLAIN: [&str; 32] = [
    "kind",
    "host",
    "tls_type",
    "auth_protocol",
    "from_email",
    "timeout",
    "idle_timeout",
    "channel_name",
    "address_name",
    "subject",
    "template",
    "template_format",
    "method",
    "address",
    "to_format",
    "default_phone_code",
    "region",
    "sender",
    "sms_sender_id",
    "sms_message_type",
    "template_name",
    "sends",
    "worker",
    "brokers",
    "topic",
    "expiry",
    "security_protocol",
    "sasl_mechanism",
    "port",
    "max_conns",
    "max_address_len",
    "max_otp_len",
];

/// Every setting, the defaults too, by name. Nothing is checked: mistakes are shown as they are.
///
/// # Errors
/// A source can't be read.
pub fn show(sources: Sources) -> Result<Vec<ShownSetting>, ConfigError> {
    let layers = Layers::read(sources)?;
    let mut root =
        file::parse(REFERENCE, &"default.toml".into()).map_err(|problem| ConfigError::new(vec![problem]))?;
    forget_origins(&mut root);
    root.merge(layers.root);
    let mut shown = Vec::new();
    collect(&root, &mut Vec::new(), &mut shown);
    Ok(shown)
}

/// Nobody set the defaults.
fn forget_origins(node: &mut Node) {
    node.origin = Origin::BuiltIn;
    if let Value::Table(table) = &mut node.value {
        table.values_mut().for_each(forget_origins);
    }
}

fn collect<'a>(node: &'a Node, path: &mut Vec<&'a str>, shown: &mut Vec<ShownSetting>) {
    if let Value::Table(table) = &node.value {
        for (key, node) in table {
            path.push(key);
            collect(node, path, shown);
            path.pop();
        }
    } else {
        let value = if is_plain(path, &node.value) { text(&node.value) } else { "…".to_owned() };
        shown.push(ShownSetting { key: dotted(path), value, origin: node.origin.clone() });
    }
}

fn is_plain(path: &[&str], value: &Value) -> bool {
    match path {
        ["namespaces", _, "frame_ancestors"] => true,
        ["namespaces", ..] => false,
        ["providers", _, key] => {
            // A secret that was written without its quotes may be a number.
            PLAIN.contains(key) || matches!(value, Value::Boolean(_) | Value::Supplied(_))
        }
        ["providers", ..] => false,
        ["perfumer", .., "username" | "password" | "secret"] => false,
        _ => true,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{:?}", without_credentials(text)),
        Value::Whole(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| self::text(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Supplied(_) => "(comes with Watchword)".to_owned(),
        Value::Table(_) => "{…}".to_owned(),
        Value::Other(what) => format!("({what})"),
    }
}

/// `scheme://user:password@host?password=secret` without what is before the `@`, and without passwords after the `?`.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let place = place.rsplit_once('@').map_or_else(|| place.to_owned(), |(_, place)| format!("…@{place}"));
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.contains("pass") => format!("{name}=…"),
        _ => pair.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(pair).collect::<Vec<_>>().join("&"));
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{place}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_what_signs_in() {
        for (text, shown) in [
            ("sqlite:watchword.db", "sqlite:watchword.db"),
            ("https://otp.example/a?b=c", "https://otp.example/a?b=c"),
            ("redis://user:s3c%40ret@one:1/3", "redis://…@one:1/3"),
            (
                "rediss+sentinel://:s3cret@one/m?key_prefix=a&sentinel_password=s3c@ret&ca_file=/ca.pem",
                "rediss+sentinel://…@one/m?key_prefix=a&sentinel_password=…&ca_file=/ca.pem",
            ),
            ("postgres://one/db?user=me&password=s3cret", "postgres://one/db?user=me&password=…"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}

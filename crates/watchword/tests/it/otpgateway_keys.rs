//! Every setting of otpgateway's configuration does something here, or is told to have no meaning any more.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;

use crate::support::run_in;

/// What becomes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The configuration that runs is another one with it.
    Counts,
    /// It changes nothing, and that is said.
    Told,
}

use Fate::{Counts, Told};

/// A configuration with everything switched on, and no more than each part needs.
const LEAST: &[(&str, &[(&str, &str)])] = &[
    ("app", &[]),
    ("store.redis", &[("host", "'127.0.0.1'")]),
    ("auth.one", &[("namespace", "'one'"), ("secret", "'secret-of-one'")]),
    (
        "providers.smtp",
        &[
            ("enabled", "true"),
            ("host", "'mail.example'"),
            ("auth_protocol", "'login'"),
            ("username", "'u'"),
            ("password", "'p'"),
        ],
    ),
    (
        "providers.kaleyra_sms",
        &[("enabled", "true"), ("api_key", "'k'"), ("sender", "'S'"), ("sid", "'HX1'")],
    ),
    (
        "providers.kaleyra_whatsapp",
        &[
            ("enabled", "true"),
            ("api_key", "'k'"),
            ("sender", "'919876500000'"),
            ("sid", "'HX1'"),
            ("template_name", "'otp'"),
        ],
    ),
    (
        "providers.pinpoint_sms",
        &[("enabled", "true"), ("access_key", "'AKIA1'"), ("secret_key", "'s'"), ("region", "'ap-south-1'")],
    ),
    (
        "webhooks.call",
        &[("enabled", "true"), ("url", "'http://127.0.0.1:1/'"), ("username", "'u'"), ("password", "'p'")],
    ),
];

/// What all providers and webhooks have.
const SHARED: [(&str, &str); 5] = [
    ("enabled", "false"),
    ("subject", "'Code {{ .OTP }}'"),
    ("template", "'words.tpl'"),
    ("max_conns", "7"),
    ("timeout", "'7s'"),
];

const SETTINGS: &[(&str, &str, &str, Fate)] = &[
    ("app", "address", "'127.0.0.1:7000'", Counts),
    ("app", "server_timeout", "'7s'", Counts),
    ("app", "enable_debug_logs", "true", Counts),
    ("app", "otp_ttl", "77", Counts),
    ("app", "otp_max_attempts", "7", Counts),
    ("app", "otp_max_generate", "7", Counts),
    ("app", "otp_max_resends", "7", Told),
    ("app", "root_url", "'https://otp.example/'", Counts),
    ("app", "logo_url", "'https://otp.example/logo.png'", Counts),
    ("app", "favicon_url", "'https://otp.example/icon.png'", Counts),
    ("store.redis", "host", "'redis.example'", Counts),
    ("store.redis", "port", "7000", Counts),
    ("store.redis", "username", "'someone'", Counts),
    ("store.redis", "user", "'someone'", Told),
    ("store.redis", "password", "'p@ss'", Counts),
    ("store.redis", "db", "7", Counts),
    ("store.redis", "max_active", "7", Told),
    ("store.redis", "max_idle", "7", Told),
    ("store.redis", "key_prefix", "'codes'", Counts),
    ("store.redis", "timeout", "'7s'", Counts),
    ("store.redis", "publish_key", "'checks'", Counts),
    ("auth.one", "namespace", "'two'", Counts),
    ("auth.one", "secret", "'another'", Counts),
    ("providers.smtp", "from_email", "'codes@shop.example'", Counts),
    ("providers.smtp", "host", "'other.example'", Counts),
    ("providers.smtp", "port", "2525", Counts),
    ("providers.smtp", "auth_protocol", "'cram'", Counts),
    ("providers.smtp", "username", "'v'", Counts),
    ("providers.smtp", "password", "'q'", Counts),
    ("providers.smtp", "tls_type", "'TLS'", Counts),
    ("providers.smtp", "tls_skip_verify", "true", Counts),
    ("providers.kaleyra_sms", "api_key", "'l'", Counts),
    ("providers.kaleyra_sms", "sender", "'T'", Counts),
    ("providers.kaleyra_sms", "sid", "'HX2'", Counts),
    ("providers.kaleyra_sms", "sms_entity_id", "'1201'", Counts),
    ("providers.kaleyra_sms", "sms_template_id", "'1207'", Counts),
    ("providers.kaleyra_sms", "default_phone_code", "'+91'", Counts),
    ("providers.kaleyra_whatsapp", "api_key", "'l'", Counts),
    ("providers.kaleyra_whatsapp", "sender", "'919876500001'", Counts),
    ("providers.kaleyra_whatsapp", "sid", "'HX2'", Counts),
    ("providers.kaleyra_whatsapp", "template_name", "'code'", Counts),
    ("providers.kaleyra_whatsapp", "default_phone_code", "'+91'", Counts),
    ("providers.pinpoint_sms", "application_id", "'0123456789abcdef'", Told),
    ("providers.pinpoint_sms", "access_key", "'AKIA2'", Counts),
    ("providers.pinpoint_sms", "secret_key", "'t'", Counts),
    ("providers.pinpoint_sms", "region", "'eu-west-1'", Counts),
    ("providers.pinpoint_sms", "sms_sender_id", "'SHOPCO'", Counts),
    ("providers.pinpoint_sms", "sms_entity_id", "'1201'", Counts),
    ("providers.pinpoint_sms", "sms_template_id", "'1207'", Counts),
    ("providers.pinpoint_sms", "sms_message_type", "'PROMOTIONAL'", Counts),
    ("providers.pinpoint_sms", "default_phone_code", "'+91'", Counts),
    ("webhooks.call", "url", "'http://127.0.0.1:2/'", Counts),
    ("webhooks.call", "username", "'v'", Counts),
    ("webhooks.call", "password", "'q'", Counts),
    ("webhooks.call", "channel_name", "'Telephone'", Counts),
    ("webhooks.call", "address_name", "'Number'", Counts),
    ("webhooks.call", "max_address_len", "12", Counts),
    ("webhooks.call", "max_otp_len", "8", Counts),
];

/// [`LEAST`], with a setting more, or another value of it.
fn file_with(section: &str, key: &str, value: &str) -> String {
    let mut text = String::new();
    for (name, settings) in LEAST {
        writeln!(text, "[{name}]").unwrap();
        let others = settings.iter().filter(|(other, _)| (*name, *other) != (section, key));
        others.for_each(|(key, value)| writeln!(text, "{key} = {value}").unwrap());
        if *name == section {
            writeln!(text, "{key} = {value}").unwrap();
        }
    }
    text
}

/// The configuration in our words: what is set, and what is told to have no place in it.
struct Printed {
    set: String,
    told: BTreeSet<String>,
}

fn printed(folder: &TempDir, text: &str, environment: &[(&str, &str)]) -> Printed {
    fs::write(folder.path().join("config.toml"), text).unwrap();
    let import = ["config", "import", "otpgateway", "config.toml"];
    let run = run_in(folder.path(), import, environment);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{text}\n{environment:?}");
    let (told, set): (Vec<_>, Vec<_>) = run.out.lines().partition(|line| line.starts_with('#'));
    Printed { set: set.join("\n"), told: told.into_iter().map(str::to_owned).collect() }
}

fn all_settings() -> Vec<(&'static str, &'static str, &'static str, Fate)> {
    let sections = LEAST.iter().map(|(section, _)| *section);
    let senders =
        sections.filter(|section| section.starts_with("providers.") || section.starts_with("webhooks."));
    let shared = senders.flat_map(|section| SHARED.map(|(key, value)| (section, key, value, Counts)));
    SETTINGS.iter().copied().chain(shared).collect()
}

#[test]
fn every_setting_counts_or_is_told_to_mean_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("words.tpl"), "{{ .OTP }}, again").unwrap();
    let least = printed(&folder, &file_with("", "", ""), &[]);
    for (section, key, value, fate) in all_settings() {
        let name = format!("{section}.{key}");
        let Printed { set, told } = printed(&folder, &file_with(section, key, value), &[]);
        let new: Vec<_> = told.difference(&least.told).collect();
        let is_told = new.iter().any(|line| line.contains(&format!("{name}: ")));
        let found = if set == least.set { None } else { Some(Counts) };
        assert_eq!(found.or(is_told.then_some(Told)), Some(fate), "{name}: {new:#?}\n{set}");

        // The same from the environment, which goes over the file.
        let variable = format!("OTP_GATEWAY_{}", name.replace('.', "__").to_ascii_uppercase());
        let environment = [(variable.as_str(), value.trim_matches('\''))];
        let by_variable = printed(&folder, &file_with("", "", ""), &environment);
        assert_eq!(by_variable.set, set, "{variable}");
        let is_told = by_variable.told.iter().any(|line| line.contains(&variable));
        assert!(is_told || fate == Counts, "{variable}: {:#?}", by_variable.told);
    }
}

#[test]
fn a_setting_that_nobody_knows_is_told_in_every_section() {
    let folder = tempfile::tempdir().unwrap();
    let least = printed(&folder, &file_with("", "", ""), &[]);
    for (section, _) in LEAST {
        let Printed { set, told } = printed(&folder, &file_with(section, "colour", "'blue'"), &[]);
        assert_eq!(set, least.set, "{section}");
        let told_of =
            |name: &str| told.iter().any(|line| line.contains(&format!("{name}: unknown, and not read")));
        assert!(told_of(&format!("{section}.colour")), "{section}: {told:#?}");
    }
    for section in ["extra", "store.memory", "providers.solsms"] {
        let text = format!("{}[{section}]\nx = 1\n", file_with("", "", ""));
        let Printed { set, told } = printed(&folder, &text, &[]);
        assert_eq!(set, least.set, "{section}");
        assert!(told.iter().any(|line| line.contains(section) && line.contains("unknown")), "{told:#?}");
    }
}

//! From configuration to providers.

use std::time::Duration;

use watchword_delivery::inbox::InboxSettings;
use watchword_delivery::registry::{Presentation, ProviderSettings, Registry};
use watchword_delivery::webhook::WebhookSettings;

use crate::sample::{clock, provider_id};

fn parse(json: &str) -> Result<ProviderSettings, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn refusal(settings: &ProviderSettings) -> String {
    match Registry::new(clock()).build(provider_id("hook"), settings) {
        Ok(_) => panic!("{settings:?} was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_setting_is_read_under_its_documented_name() {
    let settings = parse(
        r#"{"kind":"webhook","url":"http://example.com/otp","username":"u","password":"p","timeout":"1m30s",
            "max_conns":4,"channel_name":"Pigeon","address_name":"Loft","max_address_len":20,"max_otp_len":8}"#,
    )
    .unwrap();
    let id = provider_id("hook");
    let provider = Registry::new(clock()).build(id.clone(), &settings).unwrap();
    assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(90), 4));
    assert_eq!(provider.id(), &id);
    assert_eq!(
        settings.presentation(&id),
        Presentation {
            channel: "Pigeon",
            address_name: "Loft",
            max_address_length: Some(20),
            passcode_length: 8
        }
    );
}

#[test]
fn a_url_is_enough_for_a_webhook() {
    let settings = parse(r#"{"kind":"webhook","url":"http://example.com/otp"}"#).unwrap();
    let id = provider_id("hook");
    let provider = Registry::new(clock()).build(id.clone(), &settings).unwrap();
    assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(3), 10));
    assert_eq!(
        settings.presentation(&id),
        Presentation {
            channel: "hook",
            address_name: "Address",
            max_address_length: None,
            passcode_length: 6
        }
    );
}

#[test]
fn a_timeout_under_a_second_is_the_default() {
    for (millis, seconds) in [(0, 3), (999, 3), (1_000, 1), (300_000, 300)] {
        let settings = ProviderSettings::Webhook(WebhookSettings {
            timeout: Some(Duration::from_millis(millis)),
            ..WebhookSettings::new("http://127.0.0.1/")
        });
        let provider = Registry::new(clock()).build(provider_id("hook"), &settings).unwrap();
        assert_eq!(provider.timeout(), Duration::from_secs(seconds), "{millis} ms");
    }
}

#[test]
fn configuration_that_says_something_unknown_is_refused() {
    for (json, error) in [
        (r#"{"kind":"webhook","url":"http://a/","urll":1}"#, "unknown field `urll`"),
        (r#"{"kind":"inbox","url":"http://a/"}"#, "unknown field `url`"),
        (
            r#"{"kind":"pigeon"}"#,
            "unknown variant `pigeon`, expected one of `smtp`, `webhook`, `http`, `kaleyra_sms`, `kaleyra_whatsapp`, \
             `pinpoint_sms`, `telegram`, `queue`, `kafka`, `discard`, `inbox`",
        ),
        (r#"{"url":"http://a/"}"#, "missing field `kind`"),
        (r#"{"kind":"webhook"}"#, "missing field `url`"),
        (r#"{"kind":"webhook","url":"http://a/","timeout":"3"}"#, "a length of time is a number and a unit"),
        (r#"{"kind":"webhook","url":"http://a/","max_conns":-1}"#, "invalid value: integer `-1`"),
    ] {
        let text = parse(json).unwrap_err();
        assert!(text.contains(error), "{text}");
    }
}

#[test]
fn settings_that_can_not_work_are_refused_with_what_to_mend() {
    let webhook = || WebhookSettings::new("http://127.0.0.1/");
    let scheme = "provider `hook`: `url` must begin with http:// or https://";
    let no_url = "provider `hook`: `url` is not a URL; write it like https://example.com/otp";
    let host = "provider `hook`: `url` has a host or path that can't be requested; percent-encode what is not a letter or digit";
    let channel = "provider `hook`: `channel_name` must be one line of 1 to 64 bytes; leave it out to use the provider's name";
    let connections = "provider `hook`: `max_conns` must be 1 to 10000";
    for (settings, text) in [
        (WebhookSettings::new(""), no_url),
        (WebhookSettings::new("example.com/otp"), no_url),
        (WebhookSettings::new("https://hook:hunter2@:99999/"), no_url),
        (WebhookSettings::new("ftp://example.com/"), scheme),
        (WebhookSettings::new("unix:/run/otp.sock"), scheme),
        (WebhookSettings::new("https://{{host}}/"), host),
        (
            WebhookSettings::new("https://example.com/#otp"),
            "provider `hook`: `url` must not have a fragment; remove the `#` and what follows",
        ),
        (WebhookSettings { max_conns: 0, ..webhook() }, connections),
        (WebhookSettings { max_conns: 10_001, ..webhook() }, connections),
        (
            WebhookSettings { timeout: Some(Duration::from_millis(300_001)), ..webhook() },
            "provider `hook`: `timeout` must be at most 5m",
        ),
        (WebhookSettings { channel_name: Some("a\nb".to_owned()), ..webhook() }, channel),
        (WebhookSettings { channel_name: Some("x".repeat(65)), ..webhook() }, channel),
        (
            WebhookSettings { max_otp_len: Some(129), ..webhook() },
            "provider `hook`: `max_otp_len` must be at most 128",
        ),
    ] {
        assert_eq!(refusal(&ProviderSettings::Webhook(settings)), text);
    }
}

#[test]
fn a_machine_without_root_certificates_can_post_in_plain_only() {
    const MISSING: &str = "/nonexistent";
    if std::env::var("SSL_CERT_FILE").as_deref() != Ok(MISSING) {
        // Once more in a process that finds none.
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "registry::a_machine_without_root_certificates_can_post_in_plain_only"])
            .envs([("SSL_CERT_FILE", MISSING), ("SSL_CERT_DIR", MISSING)])
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
        return;
    }
    let registry = Registry::new(clock());
    let build = |url: &str| {
        let settings = ProviderSettings::Webhook(WebhookSettings::new(url));
        registry.build(provider_id("hook"), &settings).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(build("http://127.0.0.1/"), Ok(()));
    assert_eq!(
        build("https://127.0.0.1/"),
        Err("provider `hook`: HTTPS can't be used; are root certificates installed (the package `ca-certificates`)?"
            .to_owned())
    );
}

#[test]
fn passcodes_are_not_shown_in_an_inbox_by_accident() {
    assert_eq!(
        refusal(&ProviderSettings::Inbox(InboxSettings::default())),
        "provider `hook`: the kind `inbox` shows passcodes to whoever opens its page and is for `watchword dev` only; \
         choose another `kind`"
    );
}

#[test]
fn nothing_secret_is_in_the_debug_of_settings() {
    let settings = ProviderSettings::Webhook(WebhookSettings {
        password: Some("hunter2".into()),
        ..WebhookSettings::new("https://u:swordfish@example.com/secret-path?token=x")
    });
    let debug = format!("{settings:?}");
    for secret in ["hunter2", "swordfish", "secret-path", "token"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[test]
fn every_kind_is_listed() {
    assert_eq!(
        ProviderSettings::KINDS,
        [
            "smtp",
            "webhook",
            "http",
            "kaleyra_sms",
            "kaleyra_whatsapp",
            "pinpoint_sms",
            "telegram",
            "queue",
            "kafka",
            "discard",
            "inbox"
        ]
    );
    assert_eq!(parse(r#"{"kind":"inbox"}"#).unwrap().kind(), "inbox");
}

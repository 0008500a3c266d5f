//! otpgateway's configuration, printed as ours.

use std::fs;

use super::*;

const SHIPPED: &str = include_str!("../../../tests/it/fixtures/otpgateway.toml");

/// Every kind of section, with values that need care.
const WHOLE: &str = r##"
[app]
address = "127.0.0.1:9100"
server_timeout = "1m30s"
otp_ttl = "600"
otp_max_attempts = 7
otp_max_generate = 4
otp_max_resends = 2
root_url = "https://otp.example.com/"
logo_url = "https://example.com/logo.png"
[store.redis]
host = "localhost"
user = "nobody"
key_prefix = "codes"
publish_key = "otp \"events\""
[auth.One]
namespace = "my.app \"quoted\""
secret = '#not "a" comment\'
[auth.Two]
namespace = "two"
secret = "line\nbreak\t\u0000"
[providers.smtp]
enabled = true
host = "127.0.0.1"
template = "static/smtp.tpl"
subject = "{{ .Namespace }} \"code\""
tls_type = "other"
timeout = "100h"
[providers.kaleyra_sms]
enabled = true
sender = "SHOPCO"
sid = "HX1"
api_key = "kaleyra-key"
template = "static/sms.txt"
[providers.kaleyra_whatsapp]
enabled = false
[providers.pinpoint_sms]
enabled = true
application_id = "old"
access_key = "AKIAIOSFODNN7EXAMPLE"
secret_key = "aws-secret"
region = "ap-south-1"
[webhooks.call]
enabled = true
url = "https://u:p@example.com/otp"
max_conns = "12"
max_otp_len = 8
surprise = 1
"##;

const STORE: (&str, &str) = ("WATCHWORD_STORE", "sqlite:/tmp/x.db");

const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0000000000000000000000000000000000000000000000000000000000000000");

fn environment(variables: &[(&str, &str)]) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

/// What it says of a server, and nothing of where it was said. Each field is here on purpose.
fn told(config: &Config) -> Vec<String> {
    let Config {
        server,
        admin,
        store,
        // Under --as its secrets may open a key that the store keeps from before; in our words there are none.
        keys: KeySource { place: keys, .. },
        guess,
        retention,
        log,
        telemetry,
        otp,
        perfumer,
        egov,
        pages,
        frame_ancestors,
        namespaces,
        providers,
        messages,
        routes,
        files: _,
        warnings: _,
    } = config;
    let people_see = (pages.resend_cool_down, pages.requests_per_minute, frame_ancestors);
    let secrets: Vec<_> = namespaces.iter().map(|(name, secret)| (name, secret.expose())).collect();
    let providers: Vec<_> =
        providers.iter().map(|(id, it)| (id, &it.settings, it.provider.timeout())).collect();
    // The source is left out of a template's own `Debug`.
    let words = messages.iter().map(|(id, words)| {
        (id, &words.subject, words.body.as_ref().map(|body| (body.format, body.source.as_str())))
    });
    vec![
        format!(
            "{server:?} {admin:?} {store:?} {keys:?} {guess:?} {retention:?} {log:?} {telemetry:?} {otp:?} {perfumer:?} {egov:?}"
        ),
        format!("{people_see:?}"),
        format!("{secrets:?}"),
        format!("{providers:?} {routes:?}"),
        format!("{:?}", words.collect::<Vec<_>>()),
    ]
}

#[test]
fn what_is_printed_says_what_was_read() {
    for (theirs, variables) in [
        (SHIPPED, &[STORE][..]),
        (WHOLE, &[KEY]),
        (
            WHOLE,
            &[
                KEY,
                ("OTP_GATEWAY_APP__OTP_TTL", "77"),
                ("OTP_GATEWAY_AUTH__THREE__NAMESPACE", "three"),
                ("OTP_GATEWAY_AUTH__THREE__SECRET", "3"),
            ],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let config = file("config.toml", theirs);
        let as_it_is = Sources {
            original: Some(Original::Otpgateway),
            files: vec![config.clone()],
            environment: environment(variables),
            ..Sources::default()
        };
        let as_it_is = load(as_it_is, &registry()).unwrap_or_else(|error| panic!("{error}"));
        let text = import(Original::Otpgateway, &[config], &environment(variables)).unwrap();
        let printed = Sources {
            files: vec![file("watchword.toml", &text)],
            environment: environment(&variables[..1]),
            ..Sources::default()
        };
        let printed = load(printed, &registry()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(told(&printed), told(&as_it_is), "{text}");
    }
}

#[test]
fn what_has_no_place_is_told_and_secrets_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, WHOLE).unwrap();
    let text = import(Original::Otpgateway, &[config], &[]).unwrap();
    for expected in [
        "store.redis.user: has no effect, and never had one; the setting is `username`\n",
        "providers.pinpoint_sms.application_id: has no effect any more: ",
        "webhooks.call.surprise: unknown, and not read\n",
    ] {
        let told =
            text.lines().any(|line| line.starts_with("# - ") && format!("{line}\n").contains(expected));
        assert!(told, "{expected}\n{text}");
    }
    for secret in ["kaleyra-key", "aws-secret", "https://u:p@example.com/otp", "https://example.com/logo.png"]
    {
        assert!(text.contains(&format!("= \"{secret}\"\n")), "{secret}\n{text}");
    }
}

#[test]
fn what_can_not_be_put_into_our_words_is_told_at_once_and_nothing_printed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, "[app]\naddress = \"x\"\notp_ttl = -1\n[auth.One]\nnamespace = \"one\"\n").unwrap();
    let missing = folder.path().join("missing.toml");
    let error = import(Original::Otpgateway, &[config, missing], &[]).unwrap_err();
    let shown = format!("{}/", folder.path().display());
    let found: Vec<_> =
        error.problems().iter().map(|problem| problem.to_string().replace(&shown, "")).collect();
    assert_eq!(
        found,
        [
            "missing.toml: there is no such file",
            "config.toml:2: app.address: must be HOST:PORT, like \":9000\" or \"127.0.0.1:9000\"",
            "config.toml:3: app.otp_ttl: must be from 1 to 31536000 seconds",
            "config.toml:4: auth.One.secret: is needed and not set",
        ]
    );
}

#[test]
fn a_configuration_that_is_an_environment_is_printed_too() {
    let variables = [
        ("PG_HOST", "db"),
        ("PG_DATABASE", "otp"),
        ("PG_USER", "otp"),
        ("PG_PASSWORD", "secret"),
        ("OTP_TELEGRAM_APP_TOKEN", "chat-secret"),
        ("HTTP_AUTH_USERNAME", "shop"),
        ("HTTP_AUTH_PASSWORD", "door"),
        KEY,
    ];
    let sources = Sources {
        original: Some(Original::Perfumer),
        environment: environment(&variables),
        ..Sources::default()
    };
    let expected = load(sources, &registry()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watchword.toml");
    fs::write(&file, import(Original::Perfumer, &[], &environment(&variables)).unwrap()).unwrap();
    let sources = Sources { files: vec![file], environment: environment(&[KEY]), ..Sources::default() };
    assert_eq!(told(&load(sources, &registry()).unwrap()), told(&expected));
}

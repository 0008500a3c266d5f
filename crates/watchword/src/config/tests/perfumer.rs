//! Perfumer OTP's environment, read in place of ours.

use std::time::Duration;

use watchword_delivery::queue::Sends;
use watchword_store::PostgresUrl;

use super::*;

const DATABASE: [(&str, &str); 4] =
    [("PG_HOST", "db"), ("PG_DATABASE", "otp_db"), ("PG_USER", "user"), ("PG_PASSWORD", "p@ss/word")];

const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0000000000000000000000000000000000000000000000000000000000000000");

fn read(environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    read_with(&[], environment)
}

fn read_with(files: &[&str], environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let sources = Sources {
        original: Some(Original::Perfumer),
        files: files.iter().map(Into::into).collect(),
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Sources::default()
    };
    load(sources, &registry())
        .map_err(|error| error.problems().iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// What every installation without a token is told, where Telegram is used or not.
const NO_TOKEN: &str =
    "provider `telegram`: `app_token` is not set; http-telegram-notify refuses what comes without it";

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&DATABASE[..], more].concat()
}

fn id(name: &str) -> ProviderId {
    ProviderId::new(name).unwrap()
}

#[test]
fn the_database_alone_is_enough_and_all_else_is_as_there() {
    let config = read(&with(&[])).unwrap();
    assert_eq!(config.server.dialect, Dialect::Perfumer);
    assert!(config.server.listen.0.ip().is_unspecified());
    assert_eq!(config.server.listen.0.port(), 80);
    assert!(config.perfumer.username.is_none());
    let url = "postgres://user:p%40ss%2Fword@db:5432/otp%5Fdb?schema=public";
    assert_eq!(config.store.url, StoreUrl::Postgres(Box::new(PostgresUrl::parse(url).unwrap())));
    for (name, sends, service, worker) in [
        ("sms", Sends::Sms, "http://sms", "sms"),
        ("call", Sends::Call, "http://sms", "sms"),
        ("email", Sends::Email, "http://email", "email"),
        ("telegram", Sends::Telegram, "http://telegram:8080", "telegram"),
    ] {
        let ProviderSettings::Queue(queue) = &config.providers[&id(name)].settings else { panic!("{name}") };
        assert_eq!((queue.url.expose(), queue.sends), ("http://queue", sends));
        assert_eq!((queue.service_url.expose(), queue.worker.as_str()), (service, worker));
    }
    assert!(matches!(config.keys.place, KeyPlace::Store));
    assert_eq!(config.keys.secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["p@ss/word"]);
    let [token, warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert_eq!(token, NO_TOKEN);
    assert!(
        warning.starts_with("WATCHWORD_KEY is not set") && warning.contains("under PG_PASSWORD"),
        "{warning}"
    );
}

#[test]
fn every_variable_is_read() {
    let config = read(&with(&[
        ("OTP_QUEUE_URL", "http://queue.internal:8080/"),
        ("OTP_SMS_URL", "http://sms.internal"),
        ("OTP_SMS_WORKER", "fast"),
        ("OTP_CALL_URL", "http://call.internal"),
        ("OTP_CALL_WORKER", "voice"),
        ("OTP_EMAIL_URL", "http://mail.internal"),
        ("OTP_EMAIL_WORKER", "slow"),
        ("OTP_TELEGRAM_URL", "http://chat.internal"),
        ("OTP_TELEGRAM_APP_TOKEN", "chat-secret"),
        ("OTP_TELEGRAM_WORKER", "chat"),
        ("DUMMY", "false"),
        ("PHP_PM_MAX_CHILDREN", "10"),
        ("PHP_PM_MAX_REQUESTS", "500"),
        ("PG_REAL_HOST", "db-1"),
        ("PG_PORT", "6432"),
        ("PG_SCHEMA", "otp"),
        ("HTTP_AUTH_USERNAME", "shop"),
        ("HTTP_AUTH_PASSWORD", "door"),
        ("WATCHWORD_LISTEN", "127.0.0.1:8080"),
        KEY,
    ]))
    .unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.server.listen.0, "127.0.0.1:8080".parse().unwrap());
    let url = "postgres://user:p%40ss%2Fword@db:6432/otp_db?schema=otp&real_host=db-1";
    assert_eq!(config.store.url, StoreUrl::Postgres(Box::new(PostgresUrl::parse(url).unwrap())));
    assert_eq!(config.perfumer.username.as_deref(), Some("shop"));
    assert_eq!(config.perfumer.password.as_ref().unwrap().expose(), "door");
    let queue = |name: &str| match &config.providers[&id(name)].settings {
        ProviderSettings::Queue(queue) => queue.clone(),
        other => panic!("{other:?}"),
    };
    for (name, service, worker) in [
        ("sms", "http://sms.internal", "fast"),
        ("call", "http://call.internal", "voice"),
        ("email", "http://mail.internal", "slow"),
        ("telegram", "http://chat.internal", "chat"),
    ] {
        assert_eq!((queue(name).service_url.expose(), queue(name).worker.as_str()), (service, worker));
        assert_eq!(queue(name).url.expose(), "http://queue.internal:8080/");
    }
    assert_eq!(queue("telegram").app_token.unwrap().expose(), "chat-secret");
    assert!(matches!(config.keys.place, KeyPlace::Environment(_)));
    assert_eq!(config.keys.secrets[0].expose(), "p@ss/word", "it opens a data key from before");
}

#[test]
fn a_dummy_sends_nothing_and_needs_no_queue() {
    for value in ["true", "TRUE", "1"] {
        let config = read(&with(&[("DUMMY", value), ("OTP_QUEUE_URL", ""), KEY])).unwrap();
        let kinds: Vec<_> = config.providers.values().map(|provider| provider.settings.kind()).collect();
        assert_eq!(kinds, ["discard"; 4], "{value}");
    }
    for value in ["false", "0", ""] {
        let config = read(&with(&[("DUMMY", value), KEY])).unwrap();
        assert!(config.providers.values().all(|provider| provider.settings.kind() == "queue"), "{value}");
    }
    let config = read(&with(&[("DUMMY", "perhaps"), KEY])).unwrap();
    assert_eq!(config.warnings, ["DUMMY: is neither true nor false: messages are sent", NO_TOKEN]);
}

#[test]
fn with_the_queue_set_to_nothing_each_channel_goes_to_a_provider_of_ours() {
    let told = read(&with(&[("OTP_QUEUE_URL", ""), KEY])).unwrap_err();
    let [only] = &told[..] else { panic!("{told:#?}") };
    assert!(only.contains("OTP_QUEUE_URL is set to nothing") && only.contains("[providers.sms]"), "{only}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watchword.toml");
    std::fs::write(&file, "[providers.sms]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n").unwrap();
    let file = file.to_str().unwrap().to_owned();
    let environment =
        [&with(&[("OTP_QUEUE_URL", ""), KEY])[..], &[("WATCHWORD_CONFIG", file.leak())]].concat();
    let config = read(&environment).unwrap();
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), [&id("sms")]);
    let expected = "no route and no provider is named call, email or telegram: what is sent there is refused";
    assert_eq!(config.warnings, [expected]);
}

#[test]
fn without_a_database_both_ways_out_are_named() {
    let told = read(&[("PG_HOST", "db"), ("PG_USER", "user"), KEY]).unwrap_err();
    assert_eq!(
        told,
        [
            "no database is named: set PG_DATABASE, PG_PASSWORD as Perfumer OTP has them, or WATCHWORD_STORE=sqlite:PATH, \
          and the state is kept in that file, on this machine"
        ]
    );
    let config = read(&[("WATCHWORD_STORE", "sqlite:/tmp/x.db")]).unwrap();
    assert_eq!(config.store.url, StoreUrl::Sqlite("/tmp/x.db".into()));
    assert!(matches!(config.keys.place, KeyPlace::File(_)) && config.keys.secrets.is_empty());
}

#[test]
fn mistakes_are_told_by_the_variable_at_once() {
    let told =
        read(&with(&[("PG_PORT", "fifty"), ("HTTP_AUTH_USERNAME", "shop"), ("OTP_QUEUE_URL", "queue"), KEY]))
            .unwrap_err();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.contains(&"PG_PORT: must be a port, from 1 to 65535".to_owned()));
    assert!(
        told.contains(
            &"HTTP_AUTH_USERNAME: is set without HTTP_AUTH_PASSWORD: set both, or neither".to_owned()
        )
    );
    assert_eq!(told.iter().filter(|line| line.starts_with("OTP_QUEUE_URL: ")).count(), 1);
    let told = read_with(&["otp.toml"], &with(&[KEY])).unwrap_err();
    assert!(told[0].starts_with("otp.toml: Perfumer OTP is configured by its environment"), "{told:#?}");
}

#[test]
fn an_unknown_variable_of_theirs_is_a_warning_that_names_the_nearest() {
    let config = read(&with(&[("OTP_SMS_WORKERS", "sms"), ("OTP_PORT", "tcp://10.0.0.1:80"), KEY])).unwrap();
    assert_eq!(
        config.warnings,
        ["OTP_SMS_WORKERS is not known, and not read; did you mean OTP_SMS_WORKER?", NO_TOKEN]
    );
}

#[test]
fn the_bot_is_set_up_in_our_own_file() {
    let environment = with(&[
        KEY,
        ("WATCHWORD_PERFUMER__WEBHOOK__SECRET", "bot-secret"),
        ("WATCHWORD_PERFUMER__WEBHOOK__DIGITS", "6"),
        ("WATCHWORD_PERFUMER__WEBHOOK__LIFETIME", "2m"),
        ("WATCHWORD_PERFUMER__WEBHOOK__TEXT", "{code} it is"),
        ("WATCHWORD_PERFUMER__NAMESPACE", "bots"),
    ]);
    let config = read(&environment).unwrap();
    let Webhook { secret, groups, digits, lifetime, text } = config.perfumer.webhook.clone();
    assert_eq!(secret.unwrap().expose(), "bot-secret");
    assert_eq!(
        (groups, digits, lifetime, text.as_str()),
        (false, 6, Duration::from_secs(120), "{code} it is")
    );
    assert_eq!(config.perfumer.namespace().unwrap().as_str(), "bots");
    let environment = with(&[KEY, ("WATCHWORD_PERFUMER__WEBHOOK__TEXT", "your code")]);
    let told = read(&environment).unwrap_err();
    assert!(told[0].contains("must have {code} in it"), "{told:#?}");
}

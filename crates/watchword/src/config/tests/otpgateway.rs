//! otpgateway's own configuration, read in place of ours.

use std::fs;
use std::time::Duration;

use watchword_core::delivery::BodyFormat;
use watchword_delivery::pinpoint_sms::MessageType;
use watchword_store::RedisUrl;

use super::*;

/// A configuration with the sections and settings of the shipped one.
const SHIPPED: &str = include_str!("../../../tests/it/fixtures/otpgateway.toml");

/// The least that works.
const THEIRS: &str = "
[auth.App]
namespace = \"app\"
secret = \"app-secret\"
[webhooks.call]
enabled = true
url = \"http://127.0.0.1:1/\"
";

const STORE: (&str, &str) = ("WATCHWORD_STORE", "sqlite:/tmp/x.db");

/// Reads these files, of the folder that they are put into.
fn read(files: &[&str], environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().enumerate().map(|(index, text)| {
        let path =
            folder.path().join(if index == 0 { "config.toml".into() } else { format!("{index}.toml") });
        fs::write(&path, text).unwrap();
        path
    });
    let sources = Sources {
        original: Some(Original::Otpgateway),
        files: paths.collect(),
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Sources::default()
    };
    let shown = format!("{}/", folder.path().display());
    let mut config = load(sources, &registry()).map_err(|error| {
        error.problems().iter().map(|problem| problem.to_string().replace(&shown, "")).collect::<Vec<_>>()
    })?;
    config.warnings.iter_mut().for_each(|warning| *warning = warning.replace(&shown, ""));
    Ok(config)
}

fn id(name: &str) -> ProviderId {
    ProviderId::new(name).unwrap()
}

#[test]
fn the_shipped_configuration_works_once_the_store_is_named() {
    let config = read(&[SHIPPED], &[STORE]).unwrap();
    assert_eq!(config.server.listen.0, "0.0.0.0:9000".parse().unwrap());
    assert_eq!(config.server.timeout, Duration::from_secs(5));
    assert_eq!(config.server.root_url.as_ref().unwrap().as_str(), "http://localhost:9000");
    assert_eq!(config.log.level.as_str(), "debug");
    assert_eq!(config.otp, Otp { ttl: Duration::from_secs(300), max_attempts: 5, max_generate: 3 });
    let namespaces: Vec<_> =
        config.namespaces.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    assert_eq!(namespaces, [("Bank", "bank-secret"), ("Shop", "shop-secret")]);
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), [&id("smtp")]);
    let ProviderSettings::Smtp(smtp) = &config.providers[&id("smtp")].settings else { panic!() };
    assert_eq!((smtp.host.as_str(), smtp.port), ("localhost", Some(25)));
    assert_eq!(smtp.from_email, "The shop <codes@shop.example>");
    assert_eq!((smtp.timeout, smtp.max_conns), (Some(Duration::from_secs(5)), 10));
    let KeyPlace::File(keys) = &config.keys.place else { panic!() };
    assert_eq!(keys, Path::new("/tmp/x.key"));
    assert_eq!(
        config.warnings,
        [
            "config.toml:9: app.otp_max_resends: has no effect, and never had one; the setting is `otp_max_generate`",
            "config.toml:17: store.redis.user: has no effect, and never had one; the setting is `username`",
        ]
    );
}

#[test]
fn the_shipped_templates_are_here_too_where_nobody_put_them_beside_the_program() {
    let config = read(&[SHIPPED], &[STORE]).unwrap();
    let words = &config.messages[&id("smtp")];
    assert_eq!(words.subject.as_deref(), Some("{{ .Namespace }}: {{ .Channel }} verification"));
    let body = words.body.as_ref().unwrap();
    assert_eq!(body.format, BodyFormat::Html);
    assert!(body.source.contains("{{ .OTP }}") && body.source.contains("href=\"{{ .OTPURL }}\""));

    let other = SHIPPED.replace("static/smtp.tpl", "static/mail.tpl");
    let found = read(&[&other], &[STORE]).unwrap_err();
    let [only] = &found[..] else { panic!("{found:#?}") };
    let here = std::env::current_dir().unwrap();
    let expected = format!("providers.smtp.template: there is no file {}/static/mail.tpl", here.display());
    assert!(only.starts_with("config.toml:") && only.ends_with(&expected), "{only}");
}

#[test]
fn their_redis_is_the_store_and_without_a_key_it_keeps_one_under_their_secrets() {
    let config = read(&[SHIPPED], &[]).unwrap();
    let url = |text: &str| StoreUrl::Redis(Box::new(RedisUrl::parse(text).unwrap()));
    assert_eq!(config.store.url, url("redis://localhost:6379/0?key_prefix=OTP"));
    assert!(matches!(config.keys.place, KeyPlace::Store));
    let secrets: Vec<_> = config.keys.secrets.iter().map(|secret| secret.expose()).collect();
    assert_eq!(secrets, ["bank-secret", "shop-secret"]);
    assert!(config.warnings.iter().any(|warning| warning.contains("WATCHWORD_KEY is not set")));
    let whole = format!(
        "{THEIRS}[store.redis]\nhost = \"::1\"\nport = 7000\nusername = \"us:er\"\npassword = \"p@ss/word\"\n\
         db = 3\nkey_prefix = \"codes\"\n"
    );
    let key = ("WATCHWORD_KEY", "0000000000000000000000000000000000000000000000000000000000000000");
    let config = read(&[&whole], &[key]).unwrap();
    assert_eq!(config.store.url, url("redis://us%3Aer:p%40ss%2Fword@[::1]:7000/3?key_prefix=codes"));
    assert_eq!(config.store.url.to_string(), "redis://[::1]:7000");
    assert!(matches!(config.keys.place, KeyPlace::Environment(_)));
    assert_eq!(config.keys.secrets.len(), 1, "it opens a data key from before");
}

#[test]
fn its_redis_tells_of_checks_where_it_did_and_another_store_can_not() {
    let config =
        read(&[&SHIPPED.replace("publish_key = \"\"", "publish_key = \"otp events\"")], &[]).unwrap();
    assert_eq!(config.store.publish_key.map(|key| key.0).as_deref(), Some("otp events"));
    assert!(!config.warnings.iter().any(|warning| warning.contains("publish_key")), "{:?}", config.warnings);
    assert_eq!(read(&[SHIPPED], &[]).unwrap().store.publish_key, None);

    let elsewhere = format!("{THEIRS}[store.redis]\nhost = \"localhost\"\npublish_key = \"otp\"\n");
    assert_eq!(
        read(&[&elsewhere], &[STORE]).unwrap().warnings,
        ["config.toml:10: store.redis.publish_key: has no effect: only a store in Redis publishes"]
    );
}

#[test]
fn without_a_store_it_says_which_setting_is_meant_and_what_to_do() {
    let todo = "names no server: set `host`, or WATCHWORD_STORE=sqlite:PATH, and the state is kept in that file, on \
                this machine";
    assert_eq!(read(&[THEIRS], &[]).unwrap_err(), [format!("store.redis: {todo}")]);
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("watchword.toml");
    fs::write(&ours, "[store]\nurl = \"sqlite:/tmp/y.db\"").unwrap();
    let config = read(&[SHIPPED], &[("WATCHWORD_CONFIG", ours.to_str().unwrap())]).unwrap();
    assert_eq!(config.store.url, StoreUrl::Sqlite("/tmp/y.db".into()));
}

/// Every setting that their SMS and WhatsApp providers have.
const MESSENGERS: &str = "
[providers.kaleyra_sms]
enabled = true
template = \"static/sms.txt\"
sender = \"SHOPCO\"
sid = \"HXIN1700000000IN\"
api_key = \"kaleyra-key\"
sms_entity_id = 1201159000000000000
sms_template_id = \"1207161000000000000\"
default_phone_code = \"+91\"
max_conns = \"4\"
timeout = \"7s\"
[providers.kaleyra_whatsapp]
enabled = true
sender = \"919876500000\"
sid = \"HXIN1700000000IN\"
api_key = \"kaleyra-key\"
default_phone_code = \"+91\"
template_name = \"otp\"
timeout = \"500ms\"
[providers.pinpoint_sms]
enabled = true
application_id = \"0123456789abcdef\"
access_key = \"AKIAIOSFODNN7EXAMPLE\"
secret_key = \"aws-secret\"
region = \"ap-south-1\"
sms_sender_id = \"SHOPCO\"
sms_entity_id = \"1201159000000000000\"
sms_template_id = \"1207161000000000000\"
sms_message_type = \"PROMOTIONAL\"
default_phone_code = 91
";

#[test]
fn their_sms_and_whatsapp_providers_are_ours_with_every_setting() {
    let config = read(&[&format!("{THEIRS}{MESSENGERS}")], &[STORE]).unwrap();
    let of = |name| &config.providers[&id(name)];
    let ProviderSettings::KaleyraSms(sms) = &of("kaleyra_sms").settings else { panic!() };
    assert_eq!(
        (sms.api_key.expose(), &*sms.sid, &*sms.sender),
        ("kaleyra-key", "HXIN1700000000IN", "SHOPCO")
    );
    assert_eq!(
        [&sms.sms_entity_id, &sms.sms_template_id, &sms.default_phone_code].map(Option::as_deref),
        [Some("1201159000000000000"), Some("1207161000000000000"), Some("+91")]
    );
    assert_eq!((sms.max_conns, sms.base_url.as_deref()), (4, None));
    assert_eq!(of("kaleyra_sms").provider.timeout(), Duration::from_secs(7));
    assert!(config.messages[&id("kaleyra_sms")].body.as_ref().unwrap().source.contains("{{ .OTP }}"));

    let ProviderSettings::KaleyraWhatsapp(chat) = &of("kaleyra_whatsapp").settings else { panic!() };
    assert_eq!([&*chat.sid, &chat.sender, &chat.template_name], ["HXIN1700000000IN", "919876500000", "otp"]);
    assert_eq!(chat.default_phone_code.as_deref(), Some("+91"));
    assert_eq!(of("kaleyra_whatsapp").provider.timeout(), Duration::from_secs(3), "as there, under a second");

    let ProviderSettings::PinpointSms(aws) = &of("pinpoint_sms").settings else { panic!() };
    assert_eq!(
        (aws.access_key.expose(), aws.secret_key.expose(), &*aws.region),
        ("AKIAIOSFODNN7EXAMPLE", "aws-secret", "ap-south-1")
    );
    assert_eq!(
        [&aws.sms_sender_id, &aws.sms_entity_id, &aws.sms_template_id, &aws.default_phone_code]
            .map(Option::as_deref),
        [Some("SHOPCO"), Some("1201159000000000000"), Some("1207161000000000000"), Some("91")]
    );
    assert_eq!((aws.sms_message_type, &aws.application_id), (MessageType::Promotional, &None));
    assert_eq!(
        config.warnings,
        [
            "config.toml:30: providers.pinpoint_sms.application_id: has no effect any more: Amazon Pinpoint has ended, and \
          messages go through AWS End User Messaging"
        ]
    );
}

#[test]
fn what_their_sms_and_whatsapp_providers_need_is_asked_for() {
    for (provider, setting, value) in [
        ("kaleyra_sms", "sender", "SHOPCO"),
        ("kaleyra_whatsapp", "template_name", "otp"),
        ("pinpoint_sms", "region", "ap-south-1"),
        ("pinpoint_sms", "access_key", "AKIAIOSFODNN7EXAMPLE"),
        ("pinpoint_sms", "secret_key", "aws-secret"),
    ] {
        let emptied =
            MESSENGERS.replacen(&format!("{setting} = \"{value}\""), &format!("{setting} = \"\""), 1);
        let found = read(&[&format!("{THEIRS}{emptied}")], &[STORE]).unwrap_err();
        let [only] = &found[..] else { panic!("{found:#?}") };
        assert!(
            only.ends_with(&format!(": providers.{provider}.{setting}: is needed and not set")),
            "{only}"
        );
    }
    let other = MESSENGERS.replace("PROMOTIONAL", "URGENT").replacen("HXIN1700000000IN", "../x", 1);
    assert_eq!(
        read(&[&format!("{THEIRS}{other}")], &[STORE]).unwrap_err(),
        [
            "config.toml:13: providers.kaleyra_sms.sid: must be letters and digits, like HXIN1700000000IN",
            "config.toml:37: providers.pinpoint_sms.sms_message_type: must be one of `TRANSACTIONAL`, `PROMOTIONAL`"
        ]
    );
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("watchword.toml");
    fs::write(&ours, "[otp]\nmax_generate = 30\nmax_attempts = 30\n[routes.phone]\nproviders = [\"call\"]\n")
        .unwrap();
    let first = format!(
        "{THEIRS}[app]\notp_ttl = 1\notp_max_attempts = 1\notp_max_generate = 1\nroot_url = \"http://a\""
    );
    let second = "[app]\notp_ttl = \"2\"\notp_max_attempts = \"2\"\notp_max_generate = \"2\"\n";
    let environment = [
        STORE,
        ("OTP_GATEWAY_APP__OTP_MAX_ATTEMPTS", "3"),
        ("OTP_GATEWAY_APP__OTP_MAX_GENERATE", "3"),
        ("WATCHWORD_CONFIG", ours.to_str().unwrap()),
        ("WATCHWORD_OTP__MAX_GENERATE", "40"),
    ];
    let config = read(&[&first, second], &environment).unwrap();
    assert_eq!(config.otp, Otp { ttl: Duration::from_secs(2), max_attempts: 30, max_generate: 40 });
    assert_eq!(config.server.root_url.unwrap().as_str(), "http://a");
    assert_eq!(config.routes.len(), 2);
}

#[test]
fn the_environment_alone_is_enough_and_reaches_names_with_capitals() {
    let environment = [
        STORE,
        ("OTP_GATEWAY_AUTH__APP__NAMESPACE", "app"),
        ("OTP_GATEWAY_AUTH__APP__SECRET", "12345"),
        ("OTP_GATEWAY_PROVIDERS__SMTP__ENABLED", "true"),
        ("OTP_GATEWAY_PROVIDERS__SMTP__HOST", "127.0.0.1"),
        ("OTP_GATEWAY_PROVIDERS__SMTP__PORT", "2525"),
        ("OTP_GATEWAY_PROVIDERS__SMTP__TLS_SKIP_VERIFY", "1"),
        // What Kubernetes sets for a service named `otp-gateway`.
        ("OTP_GATEWAY_PORT", "tcp://10.0.0.1:9000"),
        ("OTP_GATEWAY_SERVICE_HOST", "10.0.0.1"),
    ];
    let sources = Sources {
        original: Some(Original::Otpgateway),
        files: vec!["/nowhere/config.toml".into()],
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..Sources::default()
    };
    let config = load(sources, &registry()).unwrap();
    assert_eq!(config.namespaces[&Namespace::new("app").unwrap()].expose(), "12345");
    assert!(config.server.listen.0.ip().is_unspecified() && config.server.listen.0.port() == 9000);
    let ProviderSettings::Smtp(smtp) = &config.providers[&id("smtp")].settings else { panic!() };
    assert_eq!(
        (smtp.port, smtp.tls_skip_verify, smtp.from_email.as_str()),
        (Some(2525), true, "otp@localhost")
    );
    assert_eq!(smtp.timeout, Some(Duration::from_secs(2)));
    assert_eq!(
        config.warnings,
        [
            "/nowhere/config.toml: there is no such file",
            "provider `smtp`: `tls_skip_verify` is on: anybody in between can read passcodes and password; use `ca_file` instead",
        ]
    );

    let capitals = THEIRS.replace("webhooks.call", "webhooks.Call");
    let config = read(&[&capitals], &[STORE, ("OTP_GATEWAY_WEBHOOKS__CALL__CHANNEL_NAME", "Call")]).unwrap();
    let call = id("Call");
    assert_eq!(config.providers[&call].settings.presentation(&call).channel, "Call");
}

#[test]
fn values_are_read_as_there() {
    for (line, expected) in [
        ("server_timeout = \"1m30s\"", Duration::from_secs(90)),
        ("server_timeout = \"1.5s\"", Duration::from_millis(1_500)),
        ("server_timeout = 5000000000", Duration::from_secs(5)),
        ("server_timeout = \"5000000000\"", Duration::from_secs(5)),
        ("server_timeout = \"\"", Duration::from_secs(5)),
        ("server_timeout = 5", Duration::from_secs(1)),
        ("server_timeout = \"1h\"", Duration::from_secs(300)),
    ] {
        let config = read(&[&format!("{THEIRS}[app]\n{line}")], &[STORE]).unwrap();
        assert_eq!(config.server.timeout, expected, "{line}");
        let is_changed = ["= 5", "\"1h\""].iter().any(|end| line.ends_with(end));
        assert_eq!(!config.warnings.is_empty(), is_changed, "{line}: {:?}", config.warnings);
    }
    for (enabled, is_on) in [
        ("true", true),
        ("\"true\"", true),
        ("1", true),
        ("false", false),
        ("\"no\"", false),
        ("\"\"", false),
    ] {
        let more = format!("{THEIRS}[webhooks.other]\nenabled = {enabled}\nurl = \"http://127.0.0.1:1/\"");
        let config = read(&[&more], &[STORE]).unwrap();
        assert_eq!(config.providers.contains_key(&id("other")), is_on, "{enabled}");
    }
}

#[test]
fn tls_and_sign_in_mean_what_they_mean_there() {
    use watchword_delivery::smtp::{AuthProtocol, TlsType};
    for (lines, tls, auth) in [
        ("", TlsType::StartTls, AuthProtocol::None),
        ("tls_type = \"\"\nauth_protocol = \"\"", TlsType::StartTls, AuthProtocol::None),
        ("tls_type = \"STARTTLS\"\nauth_protocol = \"none\"", TlsType::StartTls, AuthProtocol::None),
        ("tls_type = \"tls\"", TlsType::StartTls, AuthProtocol::None),
        ("tls_type = \"TLS\"", TlsType::Tls, AuthProtocol::None),
        ("tls_type = \"none\"\nauth_protocol = \"cram\"", TlsType::None, AuthProtocol::Cram),
    ] {
        let section = format!(
            "{THEIRS}[providers.smtp]\nenabled = true\nhost = \"127.0.0.1\"\nusername = \"u\"\npassword = \"p\"\n{lines}"
        );
        let config = read(&[&section], &[STORE]).unwrap();
        let ProviderSettings::Smtp(smtp) = &config.providers[&id("smtp")].settings else { panic!() };
        assert_eq!((smtp.tls_type, smtp.auth_protocol), (tls, Some(auth)), "{lines}");
    }
}

#[test]
fn what_is_unknown_is_a_warning() {
    let more = format!(
        "{THEIRS}chanel_name = \"x\"\nrequest_timeout = \"5s\"\n[app]\nadress = \"x\"\n[extra]\nx = 1\n\
         [providers.solsms]\nenabled = true\n[store.memory]\n"
    );
    let environment = [STORE, ("OTP_GATEWAY_APP__COLOUR", "blue")];
    assert_eq!(
        read(&[&more], &environment).unwrap().warnings,
        [
            "config.toml:11: app.adress: unknown, and not read; did you mean `address`?",
            "OTP_GATEWAY_APP__COLOUR: app.colour: unknown, and not read",
            "config.toml:16: store.memory: unknown, and not read",
            "config.toml:14: providers.solsms: unknown, and not read",
            "config.toml:8: webhooks.call.chanel_name: unknown, and not read; did you mean `channel_name`?",
            "config.toml:9: webhooks.call.request_timeout: unknown, and not read",
            "config.toml:12: extra: unknown, and not read",
        ]
    );
}

#[test]
fn mistakes_are_told_at_once_by_the_names_that_they_have_there() {
    let theirs = "\
[app]
address = \"localhost\"
server_timeout = \"soon\"
otp_ttl = -1
otp_max_attempts = \"many\"
otp_max_generate = 0
root_url = \"example.com\"
[auth.One]
namespace = \"a:b\"
secret = \"x\"
[auth.Two]
namespace = \"two\"
[webhooks.smtp]
enabled = true
[webhooks.call]
enabled = true
max_conns = 0
url = \"http://127.0.0.1:1/\"
[webhooks.ring]
enabled = true
[webhooks.ping]
enabled = true
url = \"ftp://x/\"
subject = 5
";
    assert_eq!(
        read(&[theirs], &[STORE]).unwrap_err(),
        [
            "config.toml:2: app.address: must be HOST:PORT, like \":9000\" or \"127.0.0.1:9000\"",
            "config.toml:3: app.server_timeout: must be a length of time, like \"5s\" or \"1m30s\"",
            "config.toml:4: app.otp_ttl: must be from 1 to 31536000 seconds",
            "config.toml:5: app.otp_max_attempts: must be a whole number",
            "config.toml:6: app.otp_max_generate: must be a whole number from 1 to 1000000",
            "config.toml:7: app.root_url: must be a URL, like \"https://otp.example.com\", without `?` and `#`",
            "config.toml:9: auth.One.namespace: a namespace's name can't have a colon: it is a user name of BasicAuth",
            "config.toml:11: auth.Two.secret: is needed and not set",
            "config.toml:13: webhooks.smtp: is the name of a provider in [providers.smtp]; give the webhook another one",
            "config.toml:17: webhooks.call.max_conns: must be 1 to 10000",
            "config.toml:19: webhooks.ring.url: is needed and not set",
            "config.toml:23: webhooks.ping.url: must begin with http:// or https://",
        ]
    );
}

#[test]
fn a_configuration_that_can_do_nothing_says_what_is_missing_there() {
    let sources = Sources {
        original: Some(Original::Otpgateway),
        files: vec!["/nowhere/config.toml".into()],
        environment: vec![("WATCHWORD_STORE".into(), "sqlite:/tmp/x.db".into())],
        ..Sources::default()
    };
    let error = load(sources, &registry()).unwrap_err();
    let lines: Vec<String> = error.problems().iter().map(Problem::to_string).collect();
    assert_eq!(
        lines,
        [
            "/nowhere/config.toml: there is no such file",
            "namespaces: no namespace is configured, so nobody could call: add a section [auth.NAME] with `namespace` and \
             `secret`",
            "providers: no provider is configured, so nothing could be sent: give one in [providers] or [webhooks] \
             `enabled = true`",
        ]
    );
}

#[test]
fn pictures_are_shown_and_one_that_can_t_be_is_a_warning() {
    let app = "[app]\nlogo_url = \"https://example.com/logo.png\"\nfavicon_url = \"favicon.ico\"\n";
    let config = read(&[app, THEIRS], &[STORE]).unwrap();
    assert!(format!("{:?}", config.pages.pages).contains("https://example.com/logo.png"));
    assert_eq!(
        config.warnings,
        [
            "config.toml:3: app.favicon_url: is not shown: it must be a URL, like \"https://example.com/logo.png\""
        ]
    );
}

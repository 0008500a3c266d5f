//! From configuration to a mail provider.

use std::time::Duration;

use watchword_delivery::registry::{Presentation, ProviderSettings, Registry};
use watchword_delivery::smtp::{AuthProtocol, SmtpSettings, TlsType};

use crate::certificates::Authority;
use crate::mail_server::{MailServer, accepted, provider, sample};
use crate::sample::{clock, provider_id};

fn parse(json: &str) -> Result<ProviderSettings, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn refusal(settings: SmtpSettings) -> String {
    match Registry::new(clock()).build(provider_id("mail"), &ProviderSettings::Smtp(settings)) {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn every_setting_is_read_under_its_documented_name() {
    let authority = Authority::new();
    let server = MailServer::with_sign_in(&["CRAM-MD5"], "tls", &authority);
    let json = serde_json::json!({
        "kind": "smtp", "host": "localhost", "port": server.port, "auth_protocol": "cram", "username": "mailer",
        "password": crate::mail_server::PASSWORD, "tls_type": "TLS", "tls_skip_verify": false, "ca_file": authority.root(),
        "from_email": "otp@example.com", "hello_hostname": "otp.example.com", "max_conns": 4, "timeout": "1m30s",
        "idle_timeout": "30s",
    });
    let settings = parse(&json.to_string()).unwrap();
    assert_eq!(settings.kind(), "smtp");
    let id = provider_id("mail");
    let provider = Registry::new(clock()).build(id.clone(), &settings).unwrap();
    assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(90), 4));
    assert_eq!(
        settings.presentation(&id),
        Presentation {
            channel: "E-mail",
            address_name: "E-mail ID",
            max_address_length: Some(100),
            passcode_length: 6
        }
    );
    let sample = sample();
    assert_eq!(sample.send(&*provider).await, accepted(&sample));
}

#[test]
fn a_host_is_enough() {
    let Ok(ProviderSettings::Smtp(settings)) = parse(r#"{"kind":"smtp","host":"mail.example.com"}"#) else {
        panic!("it was not taken")
    };
    assert_eq!((settings.tls_type, settings.auth_protocol), (TlsType::StartTls, None));
    assert_eq!(settings.from_email, "otp@localhost");
    let provider = provider(settings);
    assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(5), 10));
}

#[test]
fn words_are_those_of_otpgateway() {
    for (json, auth_protocol, tls_type) in [
        (r#""auth_protocol":"login","tls_type":"TLS""#, Some(AuthProtocol::Login), TlsType::Tls),
        (r#""auth_protocol":"cram","tls_type":"tls""#, Some(AuthProtocol::Cram), TlsType::Tls),
        (r#""auth_protocol":"plain","tls_type":"STARTTLS""#, Some(AuthProtocol::Plain), TlsType::StartTls),
        (r#""auth_protocol":"none","tls_type":"none""#, Some(AuthProtocol::None), TlsType::None),
        (r#""auth_protocol":"","tls_type":"""#, Some(AuthProtocol::None), TlsType::StartTls),
    ] {
        let Ok(ProviderSettings::Smtp(settings)) = parse(&format!(r#"{{"kind":"smtp","host":"a",{json}}}"#))
        else {
            panic!("{json} was not taken")
        };
        assert_eq!((settings.auth_protocol, settings.tls_type), (auth_protocol, tls_type), "{json}");
    }
    for (json, error) in [
        (r#""auth_protocol":"digest""#, "unknown variant `digest`, expected one of"),
        (r#""tls_type":"ssl""#, "unknown variant `ssl`, expected one of"),
        (r#""hosts":"b""#, "unknown field `hosts`"),
        (r#""port":70000"#, "invalid value: integer `70000`"),
        (r#""timeout":"3""#, "a length of time is a number and a unit"),
    ] {
        let text = parse(&format!(r#"{{"kind":"smtp","host":"a",{json}}}"#)).unwrap_err();
        assert!(text.contains(error), "{text}");
    }
    assert!(parse(r#"{"kind":"smtp"}"#).unwrap_err().contains("missing field `host`"));
}

#[test]
fn a_timeout_under_a_second_is_two() {
    for (millis, seconds) in [(0, 2), (999, 2), (1_000, 1), (300_000, 300)] {
        let timeout = Some(Duration::from_millis(millis));
        let provider = provider(SmtpSettings { timeout, ..SmtpSettings::new("127.0.0.1") });
        assert_eq!(provider.timeout(), Duration::from_secs(seconds), "{millis} ms");
    }
}

#[test]
fn settings_that_can_not_work_are_refused_with_what_to_mend() {
    let smtp = || SmtpSettings::new("127.0.0.1");
    let named = || SmtpSettings { username: Some("mailer".to_owned()), ..smtp() };
    let host =
        "provider `mail`: `host` must be a host name or an IP address, without scheme, port and brackets";
    let sender = "provider `mail`: `from_email` must be an e-mail address, like otp@example.com or \"Name <otp@example.com>\"";
    let connections = "provider `mail`: `max_conns` must be 1 to 10000";
    let hello = "provider `mail`: `hello_hostname` must be a host name or an IP address";
    let no_name =
        "provider `mail`: `username` is needed to sign in; set it, or set `auth_protocol` to \"none\"";
    let no_password =
        "provider `mail`: `password` is needed to sign in; set it, or set `auth_protocol` to \"none\"";
    let idle = "provider `mail`: `idle_timeout` must be 1s to 10m";
    let from = |text: &str| SmtpSettings { from_email: text.to_owned(), ..smtp() };
    for (settings, text) in [
        (SmtpSettings::new(""), host),
        (SmtpSettings::new("mail.example.com:25"), host),
        (SmtpSettings::new("smtp://mail.example.com"), host),
        (
            SmtpSettings { port: Some(0), ..smtp() },
            "provider `mail`: `port` must be 1 to 65535; leave it out to use the usual one",
        ),
        (from("otp"), sender),
        (from("otp@example.com\r\nBcc: eve@example.com"), sender),
        (from("код@example.com"), sender),
        (SmtpSettings { max_conns: 0, ..smtp() }, connections),
        (SmtpSettings { max_conns: 10_001, ..smtp() }, connections),
        (SmtpSettings { hello_hostname: Some("a b".to_owned()), ..smtp() }, hello),
        (SmtpSettings { hello_hostname: Some("a\r\nMAIL".to_owned()), ..smtp() }, hello),
        (
            SmtpSettings { timeout: Some(Duration::from_millis(300_001)), ..smtp() },
            "provider `mail`: `timeout` must be at most 5m",
        ),
        (SmtpSettings { idle_timeout: Some(Duration::ZERO), ..smtp() }, idle),
        (SmtpSettings { idle_timeout: Some(Duration::from_secs(601)), ..smtp() }, idle),
        (named(), no_password),
        (SmtpSettings { password: Some("".into()), ..named() }, no_password),
        (SmtpSettings { auth_protocol: Some(AuthProtocol::Cram), ..smtp() }, no_name),
    ] {
        assert_eq!(refusal(settings), text);
    }
}

#[test]
fn a_file_of_certificates_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let missing = folder.path().join("missing.pem");
    let empty = path("empty.pem", "no certificate\n");
    let broken = path("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (path, text) in [
        (&missing, format!("`ca_file` {} can't be used: ", missing.display())),
        (
            &empty,
            format!("`ca_file` {} holds no certificate; it must hold at least one in PEM", empty.display()),
        ),
        (&broken, "no certificate can be verified: ".to_owned()),
    ] {
        let settings = SmtpSettings { ca_file: Some(path.clone()), ..SmtpSettings::new("127.0.0.1") };
        let refusal = refusal(settings);
        assert!(refusal.starts_with(&format!("provider `mail`: {text}")), "{refusal}");
    }
}

#[test]
fn nothing_secret_is_in_the_debug_of_settings() {
    let settings = SmtpSettings { password: Some("hunter2".into()), ..SmtpSettings::new("a") };
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_host_is_any_name_or_address_that_others_use() {
    for host in ["mail", "mail_server", "smtp.example.com", "smtp.example.com.", "127.0.0.1", "::1"] {
        assert_eq!(provider(SmtpSettings::new(host)).id(), &provider_id("mail"), "{host}");
    }
}

//! A mail server of Node.js in a process of its own, and what it saw.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use watchword_core::delivery::{BodyFormat, Outcome};
use watchword_core::ports::Provider;
use watchword_delivery::registry::{ProviderSettings, Registry};
use watchword_delivery::smtp::{AuthProtocol, SmtpSettings, TlsType};
use watchword_testkit::deadline::eventually;
use watchword_testkit::process::Process;

use crate::certificates::Authority;
use crate::sample::{Sample, clock, provider_id};

pub(crate) const USERNAME: &str = "mailer";
pub(crate) const PASSWORD: &str = "hunter2 пароль";

pub(crate) struct MailServer {
    process: Mutex<Process>,
    pub(crate) port: u16,
}

impl MailServer {
    /// Runs `tests/mail/server.mjs` with these options, which it describes.
    pub(crate) fn start(options: &Value) -> Self {
        Self::run("node", "server.mjs", options)
    }

    /// Runs `tests/mail/another_server.py` with these options.
    pub(crate) fn start_another(options: &Value) -> Self {
        Self::run("/usr/bin/python3", "another_server.py", options)
    }

    fn run(program: &str, script: &str, options: &Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mail").join(script);
        let arguments = [script.into_os_string(), options.to_string().into()];
        let mut process = Process::start(Path::new(program), arguments, &[]);
        let port =
            process.wait_for_line("\"listening\" (does `scripts/test` install what it needs?)", |line| {
                let event: Value = serde_json::from_str(line).ok()?;
                event["port"].as_u64()
            });
        Self { process: Mutex::new(process), port: u16::try_from(port).unwrap() }
    }

    /// In clear text, open to all.
    pub(crate) fn open() -> Self {
        Self::start(&json!({}))
    }

    /// Offers these mechanisms, and demands that one is used. `tls` is its option.
    pub(crate) fn with_sign_in(mechanisms: &[&str], tls: &str, authority: &Authority) -> Self {
        Self::start(&json!({
            "auth": mechanisms, "username": USERNAME, "password": PASSWORD,
            "tls": tls, "key": authority.key(), "cert": authority.certificate(),
        }))
    }

    /// What it printed of this kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let lines = self.process.lock().output();
        let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["event"] == kind).collect()
    }

    /// Waits until there are `count` of this kind.
    pub(crate) async fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} times {kind}"), async || {
            let events = self.events(kind);
            (events.len() >= count).then_some(events)
        })
        .await
    }

    /// The only mail it took.
    pub(crate) async fn only_mail(&self) -> Value {
        let mails = self.wait_for("mail", 1).await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails[0].clone()
    }

    pub(crate) fn stop(&self) {
        self.process.lock().kill();
    }

    /// What reaches it in clear text, without signing in.
    pub(crate) fn settings(&self) -> SmtpSettings {
        SmtpSettings {
            port: Some(self.port),
            tls_type: TlsType::None,
            from_email: "Watchword <otp@example.com>".to_owned(),
            ..SmtpSettings::new("127.0.0.1")
        }
    }

    /// The same, signing in.
    pub(crate) fn signing_in(&self, protocol: Option<AuthProtocol>) -> SmtpSettings {
        SmtpSettings {
            auth_protocol: protocol,
            username: Some(USERNAME.to_owned()),
            password: Some(PASSWORD.into()),
            ..self.settings()
        }
    }

    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        provider(self.settings())
    }
}

pub(crate) fn provider(settings: SmtpSettings) -> Arc<dyn Provider> {
    Registry::new(clock())
        .build(provider_id("mail"), &ProviderSettings::Smtp(settings))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A text message to an address that sample's look for secrets would find.
pub(crate) fn sample() -> Sample {
    numbered(0xab)
}

/// The same under another delivery id.
pub(crate) fn numbered(number: u8) -> Sample {
    let mut sample = Sample::numbered(number);
    sample.message.to = "ann.701@example.com".to_owned();
    sample.message.format = BodyFormat::Text;
    sample
}

/// The Message-ID of a sample's mail.
pub(crate) fn message_id(sample: &Sample) -> String {
    format!("<{}@example.com>", sample.delivery.id)
}

pub(crate) fn accepted(sample: &Sample) -> Outcome {
    Outcome::Accepted { message_id: Some(message_id(sample)) }
}

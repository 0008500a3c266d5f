//! Texts of a request, made from a message.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use watchword_core::ports::Outgoing;
use watchword_core::time::Timestamp;
use watchword_template::{Escaping, Template, Value};

use crate::phone::{PhoneFormat, formatted};
use crate::settings::Secret;

/// Why a request can't be made: which setting is at fault, and what is wrong, to be read after its name. It holds nothing of
/// the message.
#[derive(Debug)]
pub(super) struct Unmade {
    pub(super) setting: String,
    pub(super) problem: String,
}

impl Unmade {
    pub(super) fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }
}

/// A text of the configuration: as it is, or a template.
pub(super) struct Text {
    /// The setting's name, with dots.
    setting: String,
    made: Made,
}

enum Made {
    Literally(Secret),
    By(Template),
}

impl Text {
    pub(super) fn new(setting: String, source: &Secret) -> Result<Self, Unmade> {
        let made = if source.expose().contains("{{") {
            let sound = Template::parse(source.expose(), Escaping::None)
                .and_then(|template| template.check(&Data::example().values).map(|()| template));
            match sound {
                Ok(template) => Made::By(template),
                Err(error) => return Err(Unmade::new(setting, format!("is no sound template: {error}"))),
            }
        } else {
            Made::Literally(source.clone())
        };
        Ok(Self { setting, made })
    }

    pub(super) fn setting(&self) -> &str {
        &self.setting
    }

    pub(super) fn render(&self, data: &Data) -> Result<Cow<'_, str>, Unmade> {
        let template = match &self.made {
            Made::Literally(text) => return Ok(Cow::Borrowed(text.expose())),
            Made::By(template) => template,
        };
        match template.render(&data.values, data.now.as_millis()) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(error) => Err(Unmade::new(&*self.setting, format!("fails: {error}"))),
        }
    }
}

/// What templates can print.
pub(super) struct Data {
    values: Value,
    now: Timestamp,
}

/// How telephone numbers are written in `.To`.
pub(super) struct PhoneStyle {
    pub(super) format: PhoneFormat,
    pub(super) default_code: String,
}

impl Data {
    pub(super) fn of(outgoing: &Outgoing<'_>, style: &PhoneStyle, now: Timestamp) -> Self {
        let (verification, message) = (outgoing.verification, outgoing.message);
        let channel = verification.target.as_ref().map_or("", |target| target.channel.as_str());
        Self::new(
            [
                ("To", &*formatted(&message.to, &style.default_code, style.format)),
                ("Subject", &message.subject),
                ("Body", &message.body),
                ("Passcode", message.passcode.expose()),
                ("DeliveryID", &outgoing.delivery.id.to_string()),
                ("Namespace", verification.namespace.as_str()),
                ("ExternalID", verification.external_id.as_ref().map_or("", |id| id.as_str())),
                ("Channel", channel),
            ],
            message.ttl_seconds,
            now,
        )
    }

    /// A message as any other, to try templates with.
    pub(super) fn example() -> Self {
        Self::new(
            [
                ("To", "+15005550006"),
                ("Subject", "Your code"),
                ("Body", "Your code is 123456"),
                ("Passcode", "123456"),
                ("DeliveryID", "00000000-0000-8000-8000-000000000000"),
                ("Namespace", "example"),
                ("ExternalID", "example"),
                ("Channel", "SMS"),
            ],
            300,
            Timestamp::default(),
        )
    }

    fn new(texts: [(&str, &str); 8], ttl_seconds: u64, now: Timestamp) -> Self {
        let mut values: BTreeMap<String, Value> =
            texts.into_iter().map(|(name, text)| (name.to_owned(), Value::Text(text.to_owned()))).collect();
        // The names that templates of messages know.
        if let Some(passcode) = values.get("Passcode").cloned() {
            values.insert("OTP".to_owned(), passcode);
        }
        values.insert("OTPTTL".to_owned(), Value::Duration(Duration::from_secs(ttl_seconds)));
        values.insert("TTLSeconds".to_owned(), Value::Int(i64::try_from(ttl_seconds).unwrap_or(i64::MAX)));
        Self { values: Value::Map(values), now }
    }
}

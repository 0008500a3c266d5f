//! Words by templates, as otpgateway's users write them (wire contract of otpgateway, "Providers and config").

use std::fmt;
use std::time::Duration;

use thiserror::Error;
use watchword_core::delivery::BodyFormat;
use watchword_core::engine::Words;
use watchword_core::time::Timestamp;
use watchword_template::{Escaping, Template, TemplateError, Value};

use super::{BuiltIn, Compose, MessageContext};

/// A part of a message that has a template of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessagePart {
    /// The subject: always plain text.
    Subject,
    /// The body.
    Body,
}

impl fmt::Display for MessagePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Body => "body",
        })
    }
}

/// Why a message can't be worded by a template. It never shows what a message said.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{part}, {error}")]
pub struct MessageTemplateError {
    /// Which of the templates.
    pub part: MessagePart,
    /// Where in it, and what is wrong.
    #[source]
    pub error: TemplateError,
}

/// Reads a template for messages, and makes sure that it works: it is tried on a sample, and all its branches are looked at for
/// fields that no message has.
///
/// # Errors
/// It is no template, or would fail. The line is in the error.
pub fn parse_template(source: &str, format: BodyFormat) -> Result<Template, TemplateError> {
    let escaping = match format {
        BodyFormat::Text => Escaping::None,
        BodyFormat::Html => Escaping::Html,
    };
    let template = Template::parse(source, escaping)?;
    template.check(&SAMPLE.value(&FIELDS))?;
    Ok(template)
}

/// A message as good as any.
const SAMPLE: MessageContext<'static> = MessageContext {
    to: "jane.doe@example.com",
    namespace: "sample",
    id: "sample-id",
    channel: "E-mail",
    otp: "000000",
    ttl: Duration::from_secs(300),
    now: Timestamp::from_millis(0),
    root_url: "https://example.com",
};

/// What templates can say.
const FIELDS: [&str; 7] = ["To", "Namespace", "Channel", "ChannelName", "OTP", "OTPURL", "OTPTTL"];

impl MessageContext<'_> {
    /// These of its fields, as templates know them.
    fn value(&self, fields: &[&'static str]) -> Value {
        let value = |name: &str| match name {
            "To" => self.to.into(),
            "Namespace" => self.namespace.into(),
            "Channel" | "ChannelName" => self.channel.into(),
            "OTP" => self.otp.into(),
            "OTPURL" => self.otp_url().into(),
            "OTPTTL" => self.ttl.into(),
            _ => Value::Nil,
        };
        Value::Map(fields.iter().map(|name| ((*name).to_owned(), value(name))).collect())
    }
}

/// The words of templates. Where one is missing, or fails after all, the built-in words stand in.
#[derive(Clone, Debug)]
pub struct Templated {
    subject: Option<Template>,
    body: Option<(Template, BodyFormat)>,
    /// Those that one of the templates could use: the others are not made.
    fields: Vec<&'static str>,
    built_in: BuiltIn,
}

impl Templated {
    /// Reads the templates, each tried as [`parse_template`] does: a subject's, and a body's with what it is written in.
    ///
    /// # Errors
    /// One of them is no template, or would fail. The error says which one and in which line.
    pub fn new(
        subject: Option<&str>,
        body: Option<(&str, BodyFormat)>,
        built_in: BuiltIn,
    ) -> Result<Self, MessageTemplateError> {
        let read = |part, source, format| {
            parse_template(source, format).map_err(|error| MessageTemplateError { part, error })
        };
        let subject =
            subject.map(|source| read(MessagePart::Subject, source, BodyFormat::Text)).transpose()?;
        let body = match body {
            Some((source, format)) => Some((read(MessagePart::Body, source, format)?, format)),
            None => None,
        };
        let templates: Vec<&Template> = subject.iter().chain(body.iter().map(|(body, _)| body)).collect();
        let fields = FIELDS.into_iter().filter(|field| templates.iter().any(|template| template.uses(field)));
        Ok(Self { fields: fields.collect(), subject, body, built_in })
    }
}

impl Compose for Templated {
    fn compose(&self, context: &MessageContext<'_>) -> Words {
        let data = context.value(&self.fields);
        let now = context.now.as_millis();
        let render = |part: MessagePart, template: &Template| match template.render(&data, now) {
            Ok(text) => Some(text),
            Err(error) => {
                let (line, problem) = (error.line, error.problem);
                tracing::error!(%part, line, problem, "a message's template failed: the built-in words are sent instead");
                None
            }
        };
        let subject =
            self.subject.as_ref().and_then(|template| render(MessagePart::Subject, template)).map(one_line);
        let body = self
            .body
            .as_ref()
            .and_then(|(template, format)| Some((render(MessagePart::Body, template)?, *format)));
        match (subject, body) {
            (Some(subject), Some((body, format))) => Words { subject, body, format, ..Words::default() },
            (subject, body) => {
                let built_in = self.built_in.compose(context);
                let (body, format) = body.unwrap_or((built_in.body, built_in.format));
                Words { subject: subject.unwrap_or(built_in.subject), body, format, ..Words::default() }
            }
        }
    }
}

/// A subject is one line, whatever a template or a value makes of it.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) {
        let words: Vec<&str> =
            text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()).collect();
        return words.join(" ");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::context;
    use super::*;

    const BUILT_IN: BuiltIn = BuiltIn { subject: None, link: false, format: BodyFormat::Text };

    fn templated(subject: &str, body: &str, format: BodyFormat) -> Templated {
        Templated::new(Some(subject), Some((body, format)), BUILT_IN).unwrap()
    }

    #[test]
    fn a_template_knows_every_field_of_a_message() {
        let body = "{{ .To }}|{{ .Namespace }}|{{ .Channel }}|{{ .ChannelName }}|{{ .OTP }}|{{ .OTPURL }}|{{ .OTPTTL }}|\
                    {{ .OTPTTL.Minutes }}|{{ now | date \"2006-01-02 15:04\" }}";
        let words = templated("{{ .OTP }} for {{ .Namespace }}", body, BodyFormat::Text)
            .compose(&context("the-id", "1<2"));
        assert_eq!(words.subject, "1<2 for my app");
        assert_eq!(
            words.body,
            "john@doe.com|my app|E-mail|E-mail|1<2|https://otp.example.com/otp/my%20app/the-id?otp=1%3C2&action=check|\
             5m0s|5|2026-02-03 04:05"
        );
        assert_eq!(words.format, BodyFormat::Text);
    }

    #[test]
    fn values_are_escaped_in_html_and_not_in_the_subject() {
        let words =
            templated("{{ .OTP }}", "<p>{{ .OTP }}</p>", BodyFormat::Html).compose(&context("the-id", "<&>"));
        assert_eq!((words.subject.as_str(), words.body.as_str()), ("<&>", "<p>&lt;&amp;&gt;</p>"));
        assert_eq!(words.format, BodyFormat::Html);
    }

    #[test]
    fn a_mistake_is_found_at_once_wherever_it_stands() {
        let wrong = |subject, body| Templated::new(subject, body, BUILT_IN).unwrap_err().to_string();
        let html = BodyFormat::Html;
        assert_eq!(
            wrong(Some("{{ .OPT }}"), None),
            "subject, line 1: there is no field `.OPT` here, did you mean `.OTP`?"
        );
        assert_eq!(
            wrong(None, Some(("x\n{{ if false }}\n{{ .OTPTTL.Minute }}{{ end }}", html))),
            "body, line 3: there is no field `.Minute` here, did you mean `.Minutes`?"
        );
        assert_eq!(
            wrong(None, Some(("<a href=\"{{ .OTPURL }}", html))),
            "body, line 1: the template ends inside a link: something is not closed"
        );
    }

    #[test]
    fn the_built_in_words_stand_in_for_what_is_missing() {
        let words = Templated::new(Some("S"), None, BUILT_IN).unwrap().compose(&context("the-id", "123456"));
        assert_eq!(words.subject, "S");
        assert_eq!(words.body, "123456 is your verification code, good for 5 minutes. Tell it to nobody.");
        let words = Templated::new(None, Some(("B", BodyFormat::Html)), BUILT_IN)
            .unwrap()
            .compose(&context("the-id", "1"));
        assert_eq!((words.subject.as_str(), words.body.as_str()), ("Your verification code", "B"));
        assert_eq!(words.format, BodyFormat::Html);
    }

    #[test]
    fn a_template_that_fails_after_all_gives_way_to_the_built_in_words() {
        // The sample's code is all zeros and of six digits.
        let words =
            templated("s", "{{ if ne .OTP \"000000\" }}{{ index .OTP 99 }}{{ end }}", BodyFormat::Html)
                .compose(&context("the-id", "123456"));
        assert_eq!(words.body, "123456 is your verification code, good for 5 minutes. Tell it to nobody.");
        assert_eq!(words.format, BodyFormat::Text);
    }

    #[test]
    fn a_subject_is_one_line() {
        let words =
            templated("a\r\nBcc: {{ .To }}\u{7}\n", "b", BodyFormat::Text).compose(&context("the-id", "1"));
        assert_eq!(words.subject, "a Bcc: john@doe.com");
    }
}

//! The words of messages.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use watchword_core::delivery::BodyFormat;
use watchword_core::engine::Words;

/// What a message can say: the values that otpgateway's templates know.
#[derive(Clone, Copy)]
pub struct MessageContext<'a> {
    /// `.To`: the address as given.
    pub to: &'a str,
    /// `.Namespace`.
    pub namespace: &'a str,
    /// The caller's id, part of the link.
    pub id: &'a str,
    /// `.Channel`: the medium as people call it.
    pub channel: &'a str,
    /// `.OTP`: the passcode.
    pub otp: &'a str,
    /// `.OTPTTL`: how long the passcode is good for.
    pub ttl: Duration,
    pub(super) root_url: &'a str,
}

impl MessageContext<'_> {
    /// `.OTPURL`: the page where a person finishes the check, with the passcode filled in. Percent-encoded.
    pub fn otp_url(&self) -> String {
        let page = page_url(self.root_url, self.namespace, self.id);
        format!("{page}?otp={}&action=check", utf8_percent_encode(self.otp, UNRESERVED))
    }
}

impl fmt::Debug for MessageContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageContext(…)")
    }
}

/// All but what RFC 3986 section 2.3 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Mail addresses are common ids, and stay readable in a path (RFC 3986 section 3.3 allows both).
const SEGMENT: &AsciiSet = &UNRESERVED.remove(b'@').remove(b':');

/// Where the page of an OTP is.
pub(super) fn page_url(root_url: &str, namespace: &str, id: &str) -> String {
    let segment = |text| utf8_percent_encode(text, SEGMENT);
    format!("{root_url}/otp/{}/{}", segment(namespace), segment(id))
}

/// Words a provider's messages. A template engine is one more of these.
pub trait Compose: fmt::Debug + Send + Sync + 'static {
    /// The subject and the text. It must not fail: what can be wrong with a template is found out at start.
    fn compose(&self, context: &MessageContext<'_>) -> Words;
}

/// The words for providers that have no template.
#[derive(Clone, Debug)]
pub struct BuiltIn {
    /// The subject, in place of the built-in one.
    pub subject: Option<String>,
    /// Whether the link belongs into the text. Not in an SMS: it would not fit, and people are taught to distrust it there.
    pub link: bool,
}

impl Compose for BuiltIn {
    fn compose(&self, context: &MessageContext<'_>) -> Words {
        let subject = self.subject.as_deref().unwrap_or("Your verification code");
        let (code, ttl) = (context.otp, Spoken(context.ttl));
        let body = if self.link {
            format!(
                "Your verification code is {code}\n\nIt is good for {ttl}. You can also finish on this page:\n{}\n\n\
                 If you did not ask for a code, ignore this message and tell it to nobody.\n",
                context.otp_url()
            )
        } else {
            format!("{code} is your verification code, good for {ttl}. Tell it to nobody.")
        };
        Words { subject: subject.to_owned(), body, format: BodyFormat::Text }
    }
}

/// A length of time as people say it, in its largest whole unit.
struct Spoken(Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
        let whole = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
        let (unit, name) = whole.unwrap_or((1, "second"));
        let count = seconds / unit;
        write!(f, "{count} {name}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context<'a>(id: &'a str, otp: &'a str) -> MessageContext<'a> {
        MessageContext {
            to: "john@doe.com",
            namespace: "my app",
            id,
            channel: "E-mail",
            otp,
            ttl: Duration::from_secs(300),
            root_url: "https://otp.example.com",
        }
    }

    #[test]
    fn the_link_is_safe_for_any_id_and_code() {
        for (id, otp, link) in [
            ("john@doe.com", "123456", "john@doe.com?otp=123456&action=check"),
            ("a/b?c#d", "a b&c=d", "a%2Fb%3Fc%23d?otp=a%20b%26c%3Dd&action=check"),
            ("ä'\"<>+%", "+", "%C3%A4%27%22%3C%3E%2B%25?otp=%2B&action=check"),
        ] {
            let expected = format!("https://otp.example.com/otp/my%20app/{link}");
            assert_eq!(context(id, otp).otp_url(), expected);
        }
    }

    #[test]
    fn a_mail_has_the_link_and_an_sms_has_not() {
        let mail = BuiltIn { subject: None, link: true }.compose(&context("uniqueID", "123456"));
        assert_eq!(mail.subject, "Your verification code");
        assert_eq!(
            mail.body,
            "Your verification code is 123456\n\nIt is good for 5 minutes. You can also finish on this page:\n\
             https://otp.example.com/otp/my%20app/uniqueID?otp=123456&action=check\n\n\
             If you did not ask for a code, ignore this message and tell it to nobody.\n"
        );
        let sms =
            BuiltIn { subject: Some("Code".to_owned()), link: false }.compose(&context("uniqueID", "123456"));
        assert_eq!(sms.subject, "Code");
        assert_eq!(sms.body, "123456 is your verification code, good for 5 minutes. Tell it to nobody.");
    }

    #[test]
    fn a_length_of_time_is_said_in_its_largest_whole_unit() {
        for (seconds, spoken) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (300, "5 minutes"),
            (3_600, "1 hour"),
            (172_800, "2 days"),
        ] {
            assert_eq!(Spoken(Duration::from_secs(seconds)).to_string(), spoken);
        }
    }
}

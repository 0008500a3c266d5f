//! The words of messages: what they can say, who words them ([`Compose`]), and by what: built-in words, or templates.

mod built_in;
mod templated;

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use watchword_core::engine::Words;
use watchword_core::time::Timestamp;

pub use built_in::BuiltIn;
pub use templated::{MessagePart, MessageTemplateError, Templated, parse_template};

/// What a message can say: the values that otpgateway's templates know.
#[derive(Clone, Copy)]
pub struct MessageContext<'a> {
    /// `.To`: the address as given.
    pub to: &'a str,
    /// `.Namespace`.
    pub namespace: &'a str,
    /// The caller's id, part of the link.
    pub id: &'a str,
    /// `.Channel` and `.ChannelName`: the medium as people call it.
    pub channel: &'a str,
    /// `.OTP`: the passcode.
    pub otp: &'a str,
    /// `.OTPTTL`: how long the passcode is good for.
    pub ttl: Duration,
    /// `now`: when the message is worded.
    pub now: Timestamp,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message to John can say.
    pub(super) fn context<'a>(id: &'a str, otp: &'a str) -> MessageContext<'a> {
        MessageContext {
            to: "john@doe.com",
            namespace: "my app",
            id,
            channel: "E-mail",
            otp,
            ttl: Duration::from_secs(300),
            now: Timestamp::from_millis(1_770_091_506_070),
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
}

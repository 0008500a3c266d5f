//! Telling others of checks and resends: what the scripts take for it, and who is told where nobody could be.

use std::sync::atomic::{AtomicBool, Ordering};

use ::redis::Value;
use watchword_core::announcement::{Announcements, Fact, Piece};

use super::call::Call;

/// Where a store tells what happens, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcing {
    /// The channel that listeners subscribe to (`SUBSCRIBE`). It gets no prefix.
    pub channel: String,
    /// What is said.
    pub words: Announcements,
}

/// What begins the last element of an answer where Redis refused to tell others.
const UNHEARD: &[u8] = b"unheard: ";

/// The same as scripts take it.
pub(super) struct Announcer {
    channel: String,
    checked: String,
    resent: String,
    closed: String,
    has_complained: AtomicBool,
}

impl Announcer {
    pub(super) fn new(Announcing { channel, words }: Announcing) -> Self {
        let Announcements { checked, resent, closed } = words;
        let [checked, resent, closed] = [checked, resent, closed].map(template);
        Self { channel, checked, resent, closed, has_complained: AtomicBool::new(false) }
    }

    pub(super) fn give_to_check(&self, call: &mut Call) {
        call.text(&self.channel).text(&self.checked).text(&self.closed);
    }

    pub(super) fn give_to_resend(&self, call: &mut Call) {
        call.text(&self.channel).text(&self.resent);
    }

    /// Tells the operator once that others were not told. The operation is done all the same.
    pub(super) fn look_at(&self, answer: &Value) {
        let Value::Array(elements) = answer else { return };
        let Some(Value::BulkString(last)) = elements.last() else { return };
        if let Some(why) = last.strip_prefix(UNHEARD)
            && !self.has_complained.swap(true, Ordering::Relaxed)
        {
            let (channel, why) = (&self.channel, String::from_utf8_lossy(why));
            tracing::warn!(%channel, error = %why, "Redis refuses to publish: listeners are told of no check");
        }
    }
}

/// Texts as they are, and each fact's name between two bytes that JSON never has.
fn template(pieces: &[Piece]) -> String {
    let mut template = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => template.push_str(text),
            Piece::Fact(fact) => {
                template.push('\u{1}');
                template.push_str(name(*fact));
                template.push('\u{1}');
            }
        }
    }
    template
}

/// As `announcing.lua` calls them.
const fn name(fact: Fact) -> &'static str {
    match fact {
        Fact::Namespace => "namespace",
        Fact::ExternalId => "external_id",
        Fact::Address => "address",
        Fact::ChannelDescription => "channel_description",
        Fact::AddressDescription => "address_description",
        Fact::Extra => "extra",
        Fact::Route => "route",
        Fact::MaxAttempts => "max_attempts",
        Fact::Attempts => "attempts",
        Fact::Sends => "sends",
        Fact::MaxSends => "max_sends",
        Fact::Closed => "closed",
        Fact::SecondsLeft => "seconds_left",
    }
}

//! What is published of OTPs (wire contract of otpgateway, `publish_key`): events in the words of its JSON.
//!
//! A store fills in the words, in the step that counts the check: it never learns what they mean, and never has the passcode.

use watchword_core::announcement::Fact::{
    Address, AddressDescription, Attempts, ChannelDescription, Closed, ExternalId, Extra, MaxAttempts,
    MaxSends, Namespace, Route, SecondsLeft, Sends,
};
use watchword_core::announcement::Piece::{Fact, Text};
use watchword_core::announcement::{Announcements, Piece};

/// `check` for each counted check and each resend, with the OTP object as in replies but for its passcode; `close` once it is
/// verified, each time.
pub const EVENTS: Announcements = Announcements { checked: CHECK, resent: CHECK, closed: CLOSE };

/// The keys of `data` are those of [`Otp`](super::wire::Otp), in their order.
const CHECK: &[Piece] = &[
    Text(r#"{"type":"check","namespace":"#),
    Fact(Namespace),
    Text(r#","id":"#),
    Fact(ExternalId),
    Text(r#","data":{"namespace":"#),
    Fact(Namespace),
    Text(r#","id":"#),
    Fact(ExternalId),
    Text(r#","to":"#),
    Fact(Address),
    Text(r#","channel_description":"#),
    Fact(ChannelDescription),
    Text(r#","address_description":"#),
    Fact(AddressDescription),
    Text(r#","extra":"#),
    Fact(Extra),
    Text(r#","provider":"#),
    Fact(Route),
    Text(r#","otp":"","max_attempts":"#),
    Fact(MaxAttempts),
    Text(r#","attempts":"#),
    Fact(Attempts),
    Text(r#","generate":"#),
    Fact(Sends),
    Text(r#","max_generate":"#),
    Fact(MaxSends),
    Text(r#","closed":"#),
    Fact(Closed),
    Text(r#","ttl":"#),
    Fact(SecondsLeft),
    Text("}}"),
];

const CLOSE: &[Piece] = &[
    Text(r#"{"type":"close","namespace":"#),
    Fact(Namespace),
    Text(r#","id":"#),
    Fact(ExternalId),
    Text(r#","data":null}"#),
];

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::value::RawValue;

    use super::super::wire::Otp;
    use super::*;

    #[derive(Serialize)]
    struct Event<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        namespace: &'static str,
        id: &'static str,
        data: Option<Otp<'a>>,
    }

    /// As a store fills it in: each fact is a value of its own.
    fn filled(pieces: &[Piece]) -> String {
        let value = |piece: &Piece| match piece {
            Text(text) => *text,
            Fact(Namespace) => "\"namespace\"",
            Fact(ExternalId) => "\"id\"",
            Fact(Address) => "\"to\"",
            Fact(ChannelDescription) => "\"channel\"",
            Fact(AddressDescription) => "\"address\"",
            Fact(Extra) => "[1.0]",
            Fact(Route) => "\"provider\"",
            Fact(MaxAttempts) => "1",
            Fact(Attempts) => "2",
            Fact(Sends) => "3",
            Fact(MaxSends) => "4",
            Fact(Closed) => "true",
            Fact(SecondsLeft) => "5",
        };
        pieces.iter().map(value).collect()
    }

    #[test]
    fn events_are_json_of_the_keys_that_replies_have() {
        let extra = RawValue::from_string("[1.0]".to_owned()).unwrap();
        let data = Otp {
            namespace: "namespace",
            id: "id",
            to: "to",
            channel_description: "channel",
            address_description: "address",
            extra: &extra,
            provider: "provider",
            otp: "",
            max_attempts: 1,
            attempts: 2,
            generate: 3,
            max_generate: 4,
            closed: true,
            ttl: 5,
            url: None,
        };
        let event = |kind, data| {
            serde_json::to_string(&Event { kind, namespace: "namespace", id: "id", data }).unwrap()
        };
        let check = event("check", Some(data));
        let Announcements { checked, resent, closed } = EVENTS;
        assert_eq!([checked, resent, closed].map(filled), [check.clone(), check, event("close", None)]);
    }
}

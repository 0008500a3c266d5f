//! What arrives, as a parser of mail reads it.

use serde_json::{Value, json};
use watchword_core::delivery::{BodyFormat, Outcome};
use watchword_delivery::smtp::SmtpSettings;

use crate::mail_server::{MailServer, accepted, message_id, provider, sample};
use crate::sample::Sample;

/// Name and value of each header, in order.
fn headers(mail: &Value) -> Vec<(&str, &str)> {
    let headers = mail["headers"].as_array().unwrap().iter();
    headers.map(|header| (header["key"].as_str().unwrap(), header["value"].as_str().unwrap())).collect()
}

fn header<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    headers(mail).into_iter().filter(|(key, _)| *key == name).map(|(_, value)| value).collect()
}

/// A part's text, with the line ends of this system and without those that mail adds at its end.
fn written(part: &Value) -> String {
    part.as_str().unwrap().replace("\r\n", "\n").trim_end().to_owned()
}

async fn arrived(sample: &Sample) -> Value {
    let server = MailServer::open();
    assert_eq!(sample.send(&*server.provider()).await, accepted(sample));
    server.only_mail().await
}

#[tokio::test]
async fn a_text_arrives_as_it_was_written() {
    let sample = sample();
    let mail = arrived(&sample).await;
    assert_eq!((&mail["from"], &mail["to"]), (&json!("otp@example.com"), &json!("ann.701@example.com")));
    let id = message_id(&sample);
    assert_eq!(
        headers(&mail),
        [
            ("from", "Watchword <otp@example.com>"),
            ("to", "ann.701@example.com"),
            ("subject", "=?utf-8?b?0JrQvtC0?= / Code"),
            ("date", "Sun, 06 Nov 1994 08:49:37 +0000"),
            ("message-id", &id),
            ("auto-submitted", "auto-generated"),
            ("x-auto-response-suppress", "OOF, AutoReply"),
            ("mime-version", "1.0"),
            ("content-type", "text/plain; charset=utf-8"),
            ("content-transfer-encoding", "7bit"),
        ]
    );
    assert_eq!(mail["subject"], "Код / Code");
    assert_eq!(written(&mail["text"]), "Code: 314159\n<b>&amp;</b>");
    assert_eq!(mail["html"], Value::Null);
}

#[tokio::test]
async fn html_arrives_with_its_text() {
    let mut sample = sample();
    sample.message.format = BodyFormat::Html;
    let html = "<html><head><title>No</title><style>p { color: red }</style></head><body><h1>Привет</h1>\
        <table><tr><td>Code</td><td><b>314159</b></td></tr></table><p>1 &lt; 2 &amp; 3</p>\
        <p><a href=\"https://otp.example.com/otp/myAppName/user%2F42?action=check&amp;otp=314159\">Verify</a></p></body></html>";
    html.clone_into(&mut sample.message.body);
    let mail = arrived(&sample).await;
    assert_eq!(written(&mail["html"]), html);
    assert_eq!(
        written(&mail["text"]),
        "# Привет\n\nCode\n314159\n\n1 < 2 & 3\n\n[Verify][1]\n\n[1]: \
         https://otp.example.com/otp/myAppName/user%2F42?action=check&otp=314159"
    );
    let types = header(&mail, "content-type");
    assert!(types[0].starts_with("multipart/alternative;"), "{types:?}");
}

#[tokio::test]
async fn html_arrives_with_the_text_that_the_caller_brought() {
    let mut sample = sample();
    sample.message.format = BodyFormat::Html;
    "<p>Your code: <b>314159</b></p>".clone_into(&mut sample.message.body);
    for (plain, expected) in [
        (Some("Код 314159\n.\nкратко <b>"), "Код 314159\n.\nкратко <b>"),
        // Blank is as good as none.
        (Some(" \n"), "Your code: 314159"),
        (None, "Your code: 314159"),
    ] {
        sample.message.plain = plain.map(str::to_owned);
        let mail = arrived(&sample).await;
        assert_eq!(written(&mail["text"]), expected);
        assert_eq!(written(&mail["html"]), "<p>Your code: <b>314159</b></p>");
        assert!(header(&mail, "content-type")[0].starts_with("multipart/alternative;"));
    }
    // Beside a text there is no other.
    sample.message.format = BodyFormat::Text;
    sample.message.plain = Some("unused".to_owned());
    let mail = arrived(&sample).await;
    assert_eq!(
        (written(&mail["text"]).as_str(), &mail["html"]),
        ("<p>Your code: <b>314159</b></p>", &Value::Null)
    );
}

#[tokio::test]
async fn every_try_is_the_same_mail() {
    let server = MailServer::open();
    let provider = server.provider();
    let mut sample = sample();
    sample.message.format = BodyFormat::Html;
    for _ in 0..2 {
        assert_eq!(sample.send(&*provider).await, accepted(&sample));
    }
    let mails = server.wait_for("mail", 2).await;
    assert_eq!(mails[0], mails[1]);
    assert_eq!(header(&mails[1], "message-id"), [message_id(&sample)]);
}

#[tokio::test]
async fn a_subject_brings_no_headers_of_its_own() {
    let mut sample = sample();
    sample.message.subject = "Code\r\nBcc: eve@example.com\r\n\r\n<b>".to_owned();
    let mail = arrived(&sample).await;
    assert_eq!(header(&mail, "subject"), ["Code  Bcc: eve@example.com    <b>"]);
    assert_eq!(header(&mail, "bcc"), [""; 0]);
}

#[tokio::test]
async fn no_text_ends_the_message_early() {
    let mut sample = sample();
    let body = "Code: 314159\n.\nQUIT\n..\n. \nlast".to_owned();
    sample.message.body.clone_from(&body);
    let mail = arrived(&sample).await;
    assert_eq!(written(&mail["text"]), body);
}

#[tokio::test]
async fn letters_of_every_script_and_long_lines_arrive_whole() {
    let mut sample = sample();
    let body = ["Код: 314159 🔑 ", &"ждать ".repeat(400), "и\nвсё"].concat();
    sample.message.body.clone_from(&body);
    sample.message.subject = "Ваш код — 🔑 ".repeat(12).trim_end().to_owned();
    let mail = arrived(&sample).await;
    assert_eq!(written(&mail["text"]), body);
    assert_eq!(mail["subject"], sample.message.subject.as_str());
    let raw = mail["raw"].as_str().unwrap();
    assert!(raw.is_ascii() && raw.lines().all(|line| line.len() < 998), "{raw}");
}

#[tokio::test]
async fn a_domain_of_any_script_is_sent_to_in_its_ascii_form() {
    let server = MailServer::start(&json!({"hide": ["SMTPUTF8"]}));
    let settings =
        SmtpSettings { from_email: "Ёлка <otp@пример.рф>".to_owned(), ..server.settings() };
    let mut sample = sample();
    "ann.701@Почта.рф".clone_into(&mut sample.message.to);
    let outcome = sample.send(&*provider(settings)).await;
    let id = format!("<{}@xn--e1afmkfd.xn--p1ai>", sample.delivery.id);
    assert_eq!(outcome, Outcome::Accepted { message_id: Some(id) });
    let mail = server.only_mail().await;
    // This server shows domains as people write them.
    assert_eq!((&mail["from"], &mail["to"]), (&json!("otp@пример.рф"), &json!("ann.701@почта.рф")));
    assert_eq!(header(&mail, "from"), ["=?utf-8?b?0IHQu9C60LA=?= <otp@xn--e1afmkfd.xn--p1ai>"]);
    assert_eq!(header(&mail, "to"), ["ann.701@xn--80a1acny.xn--p1ai"]);
}

#[tokio::test]
async fn a_name_beyond_ascii_needs_a_server_that_takes_it() {
    let mut sample = sample();
    "жанна701@example.com".clone_into(&mut sample.message.to);
    let mail = arrived(&sample).await;
    assert_eq!(mail["to"], "жанна701@example.com");
    assert_eq!(header(&mail, "to"), ["жанна701@example.com"]);

    let server = MailServer::start(&json!({"hide": ["SMTPUTF8"]}));
    let detail =
        "the address has letters beyond ASCII before its @, and the server has no SMTPUTF8".to_owned();
    assert_eq!(sample.send(&*server.provider()).await, Outcome::AddressRefused { detail });
    assert_eq!(server.events("mail").len(), 0);
}

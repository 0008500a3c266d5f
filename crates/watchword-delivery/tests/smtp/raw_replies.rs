//! What no sound server says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use watchword_core::delivery::Outcome;
use watchword_delivery::smtp::{SmtpSettings, TlsType};

use crate::mail_server::{accepted, provider, sample};

/// A server that gives these answers, one after the other: the greeting, and one to each line of the client until DATA.
async fn answering(answers: &'static [&'static [u8]]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let (read, mut write) = connection.split();
            let mut lines = BufReader::new(read);
            for (index, answer) in answers.iter().enumerate() {
                let mut line = String::new();
                while index > 0 && (line.is_empty() || answer.starts_with(b"250 taken") && line != ".\r\n") {
                    line.clear();
                    lines.read_line(&mut line).await.unwrap();
                }
                if write.write_all(answer).await.is_err() {
                    break;
                }
            }
            // Until the client has had enough.
            let _ = lines.read_to_end(&mut Vec::new()).await;
        }
    });
    address
}

fn settings(address: SocketAddr) -> SmtpSettings {
    SmtpSettings {
        port: Some(address.port()),
        tls_type: TlsType::None,
        from_email: "otp@example.com".to_owned(),
        timeout: Some(Duration::from_secs(2)),
        ..SmtpSettings::new("127.0.0.1")
    }
}

#[tokio::test]
async fn an_answer_sneaked_in_before_tls_is_not_taken_for_one_that_came_through_it() {
    let address = answering(&[
        b"220 mail.example\r\n",
        b"250-mail.example\r\n250 STARTTLS\r\n",
        b"220 go ahead\r\n250-mail.example\r\n250 AUTH LOGIN\r\n235 fine\r\n250 fine\r\n250 fine\r\n354 go\r\n250 fine\r\n",
    ])
    .await;
    let settings = SmtpSettings { tls_type: TlsType::StartTls, tls_skip_verify: true, ..settings(address) };
    let outcome = sample().send(&*provider(settings)).await;
    let Outcome::ProviderRefused { detail } = &outcome else { panic!("{outcome:?}") };
    assert!(detail.starts_with("the server does not answer in TLS"), "{detail}");
}

#[tokio::test]
async fn an_answer_in_an_old_encoding_is_read_for_its_numbers() {
    let address = answering(&[
        b"220 \xd0\xcf\xde\xd4\xc1\r\n",
        b"250-\xd0\xcf\xde\xd4\xc1\r\n250 8BITMIME\r\n",
        b"250 \xc8\xcf\xd2\xcf\xdb\xcf\r\n",
        b"550 5.1.1 \xce\xc5\xd4 ann.701\r\n",
    ])
    .await;
    let outcome = sample().send(&*provider(settings(address))).await;
    assert_eq!(outcome, Outcome::AddressRefused { detail: "550 5.1.1 at RCPT".to_owned() });
}

#[tokio::test]
async fn a_sound_server_of_this_kind_would_get_the_message() {
    let address = answering(&[
        b"220 mail.example\r\n",
        b"250 mail.example\r\n",
        b"250 fine\r\n",
        b"250 fine\r\n",
        b"354 go\r\n",
        b"250 taken\r\n",
    ])
    .await;
    let sample = sample();
    assert_eq!(sample.send(&*provider(settings(address))).await, accepted(&sample));
}

#[tokio::test]
async fn nonsense_and_endless_answers_end_the_try() {
    const ENDLESS_LINE: &[u8] = &[b'x'; 1 << 20];
    for (greeting, detail) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "an answer that can't be read at EHLO"),
        (b"ann.701\r\n", "an answer that can't be read at EHLO"),
        (b"250-a\r\n251 b\r\n", "an answer that can't be read at EHLO"),
        (ENDLESS_LINE, "the connection broke at EHLO: an endless reply"),
    ] {
        let answers: &'static [&'static [u8]] = Box::leak(Box::new([greeting]));
        let address = answering(answers).await;
        let outcome = sample().send(&*provider(settings(address))).await;
        assert_eq!(outcome, Outcome::Transient { detail: detail.to_owned() });
    }
}

#[tokio::test]
async fn nonsense_after_the_message_leaves_it_in_doubt() {
    let address = answering(&[
        b"220 mail.example\r\n",
        b"250 mail.example\r\n",
        b"250 fine\r\n",
        b"250 fine\r\n",
        b"354 go\r\n",
        b"250 taken\r",
    ])
    .await;
    let outcome = sample().send(&*provider(settings(address))).await;
    assert_eq!(outcome.name(), "unknown", "{outcome:?}");
}

//! What the Bot API's answers mean, and that nothing says the token.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;
use watchword_core::delivery::Outcome;
use watchword_delivery::telegram::TelegramSettings;

use crate::raw_server;
use crate::receiver::{Receiver, answer};
use crate::telegram::{SENT, TOKEN, accepted, build, provider, sample, says, settings};

fn address_refused(detail: &str) -> Outcome {
    Outcome::AddressRefused { detail: detail.to_owned() }
}

fn provider_refused(detail: &str) -> Outcome {
    Outcome::ProviderRefused { detail: detail.to_owned() }
}

fn transient(detail: &str) -> Outcome {
    Outcome::Transient { detail: detail.to_owned() }
}

fn throttled(seconds: u64) -> Outcome {
    Outcome::Throttled { after: Some(Duration::from_secs(seconds)) }
}

/// As the Bot API has it: the status is the code.
macro_rules! error {
    ($code:literal, $description:literal) => {
        ($code, concat!(r#"{"ok":false,"error_code":"#, $code, r#","description":""#, $description, r#""}"#))
    };
    ($code:literal, $description:literal, $parameters:literal) => {
        (
            $code,
            concat!(
                r#"{"ok":false,"error_code":"#,
                $code,
                r#","description":""#,
                $description,
                r#"","parameters":"#,
                $parameters,
                "}"
            ),
        )
    };
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    for ((status, json), expected) in [
        ((200, SENT), accepted()),
        ((200, r#"{"ok":true,"result":{}}"#), Outcome::Accepted { message_id: None }),
        ((200, "<html>a portal</html>"), transient("HTTP 200, and no answer of the Bot API")),
        (
            error!(403, "Forbidden: bot was blocked by the user"),
            address_refused("error 403, bot was blocked by the user"),
        ),
        (error!(403, "Forbidden: user is deactivated"), address_refused("error 403, user is deactivated")),
        (
            error!(403, "Forbidden: bot can't initiate conversation with a user"),
            address_refused("error 403, bot can't initiate conversation with a user"),
        ),
        (
            error!(403, "Forbidden: bot was kicked from the group chat"),
            address_refused("error 403, bot was kicked from the"),
        ),
        (error!(403, "Forbidden: something about 1234567890"), address_refused("error 403")),
        (error!(400, "Bad Request: chat not found"), address_refused("error 400, chat not found")),
        (error!(400, "Bad Request: PEER_ID_INVALID"), address_refused("error 400, PEER_ID_INVALID")),
        (error!(400, "Bad Request: message is too long"), address_refused("error 400, message is too long")),
        (error!(413, "Request Entity Too Large"), address_refused("error 413")),
        (error!(400, "Logged out"), provider_refused("error 400, the bot is at another Bot API server")),
        (error!(401, "Unauthorized"), provider_refused("error 401")),
        (error!(404, "Not Found"), provider_refused("error 404")),
        (error!(421, "Misdirected Request: unallowed token specified"), provider_refused("error 421")),
        (error!(429, "Too Many Requests: retry after 7", r#"{"retry_after":7}"#), throttled(7)),
        (error!(429, "Too Many Requests: retry after 0", r#"{"retry_after":0}"#), throttled(1)),
        (error!(429, "Too Many Requests: retry after 86400", r#"{"retry_after":86400}"#), throttled(3_600)),
        (error!(429, "Too Many Requests"), Outcome::Throttled { after: None }),
        (error!(500, "Internal Server Error"), transient("error 500")),
        (error!(502, "Bad Gateway"), transient("error 502")),
        (error!(409, "Conflict"), transient("error 409")),
        // Whoever answers instead is judged by the status alone.
        ((403, "<html>a proxy</html>"), provider_refused("HTTP 403")),
        ((404, "<html>"), transient("HTTP 404")),
        ((503, "<html>"), transient("HTTP 503")),
        ((302, ""), provider_refused("HTTP 302")),
    ] {
        let receiver = Receiver::start(move |_| says(status, json)).await;
        let outcome = sample("1234567890").send(&*provider(&receiver.url(""))).await;
        assert_eq!(outcome, expected, "{status} {json}");
        receiver.only();
    }
}

#[tokio::test]
async fn a_wait_in_the_head_is_believed_where_the_body_says_none() {
    let receiver = Receiver::start(|_| {
        let mut response = answer(429, &[("retry-after", "9")]);
        *response.body_mut() = r#"{"ok":false,"error_code":429,"description":"Too Many Requests"}"#.into();
        response
    })
    .await;
    assert_eq!(sample("1").send(&*provider(&receiver.url(""))).await, throttled(9));
}

#[tokio::test]
async fn a_group_that_became_another_chat_is_followed_once() {
    const MOVED: (u16, &str) = error!(
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        r#"{"migrate_to_chat_id":-1001234567890}"#
    );
    let moving = |request: &crate::receiver::Received| {
        let is_new = request.body.starts_with(br#"{"chat_id":-1001234567890,"#);
        if is_new { says(200, SENT) } else { says(MOVED.0, MOVED.1) }
    };
    let receiver = Receiver::start(moving).await;
    assert_eq!(sample("-123").send(&*provider(&receiver.url(""))).await, accepted());
    assert_eq!(receiver.received().len(), 2);

    let receiver = Receiver::start(|_| says(MOVED.0, MOVED.1)).await;
    let outcome = sample("-123").send(&*provider(&receiver.url(""))).await;
    assert_eq!(outcome, address_refused("the chat moved, and moved again"));
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn no_answer_in_time_is_unknown_and_a_success_without_its_body_is_none() {
    let silent = raw_server::serve(|mut connection| async move {
        raw_server::read_request(&mut connection).await;
        std::future::pending::<()>().await;
    })
    .await;
    let headed = raw_server::serve(|mut connection| async move {
        raw_server::read_request(&mut connection).await;
        raw_server::write(&mut connection, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"ok\"").await;
        std::future::pending::<()>().await;
    })
    .await;
    let second = Some(Duration::from_secs(1));
    for (address, expected) in [
        (silent, Outcome::Unknown { detail: "no answer in time".to_owned() }),
        (headed, Outcome::Accepted { message_id: None }),
    ] {
        let settings = TelegramSettings { timeout: second, ..settings(&format!("http://{address}")) };
        assert_eq!(sample("1").send(&*build(settings).unwrap()).await, expected);
    }
}

/// All that is logged, of every level and by every library.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_and_no_outcome_says_the_token() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let hung_up = raw_server::serve(|mut connection| async move {
        raw_server::read_request(&mut connection).await;
    })
    .await;
    let garbage = raw_server::serve(|mut connection| async move {
        raw_server::read_request(&mut connection).await;
        raw_server::write(&mut connection, "no HTTP at all\r\n\r\n").await;
    })
    .await;
    let nobody = watchword_testkit::net::free_port();
    let redirect = Receiver::start(|request| {
        let path = request.path.clone();
        answer(302, &[("location", &path)])
    })
    .await;
    for url in [
        format!("http://{hung_up}"),
        format!("http://{garbage}"),
        format!("http://127.0.0.1:{nobody}"),
        format!("https://{garbage}"),
        "http://nowhere.invalid".to_owned(),
        redirect.url(""),
    ] {
        let provider = provider(&url);
        let outcome = sample("1234567890").send(&*provider).await;
        let probe = provider.probe().await;
        let (number, key) = TOKEN.split_once(':').unwrap();
        for said in [format!("{outcome:?}"), format!("{probe:?}")] {
            assert!(!said.contains(key) && !said.contains(number), "{said}");
        }
        assert_ne!(outcome.name(), "accepted");
    }
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    let (_, key) = TOKEN.split_once(':').unwrap();
    assert!(log.contains("TRACE") && !log.contains(key) && !log.contains("314159"), "{log}");
}

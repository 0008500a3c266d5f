//! Where a webhook follows, and what it takes along.

use watchword_core::delivery::Outcome;
use watchword_delivery::webhook::WebhookSettings;

use crate::receiver::{Receiver, answer, webhook, webhook_at};
use crate::sample::Sample;

const ACCEPTED: Outcome = Outcome::Accepted { message_id: None };

/// `/4` points to `/3`, … and `/0` takes it.
async fn staircase(status: u16) -> Receiver {
    Receiver::start(move |request| match request.path.as_str() {
        "/0" => answer(200, &[]),
        path => {
            let step: u32 = path[1..].parse().unwrap();
            answer(status, &[("location", &format!("/{}", step - 1))])
        }
    })
    .await
}

#[tokio::test]
async fn three_redirects_are_followed_with_the_whole_request() {
    for status in [307, 308] {
        let receiver = staircase(status).await;
        assert_eq!(Sample::new().send(&*webhook_at(receiver.url("/3"))).await, ACCEPTED);

        let received = receiver.received();
        let paths: Vec<_> = received.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(paths, ["/3", "/2", "/1", "/0"]);
        for request in &received {
            assert_eq!(
                (&request.method, &request.headers, &request.body),
                (&"POST".to_owned(), &received[0].headers, &received[0].body)
            );
        }
    }
}

#[tokio::test]
async fn a_fourth_redirect_is_not_followed() {
    let receiver = staircase(307).await;
    let outcome = Sample::new().send(&*webhook_at(receiver.url("/4"))).await;
    assert_eq!(outcome, Outcome::ProviderRefused { detail: "more than 3 redirects".to_owned() });
    assert_eq!(receiver.received().len(), 4);
}

#[tokio::test]
async fn other_redirects_are_failures() {
    for status in [301, 302, 303] {
        let receiver = staircase(status).await;
        let outcome = Sample::new().send(&*webhook_at(receiver.url("/1"))).await;
        assert_eq!(outcome, Outcome::ProviderRefused { detail: format!("HTTP {status}") });
        assert_eq!(receiver.only().path, "/1");
    }
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_a_failure() {
    for location in [None, Some("http://[::1/"), Some("ftp://127.0.0.1/"), Some("mailto:a@b.example")] {
        let receiver = Receiver::start(move |_| {
            answer(308, &location.map(|location| ("location", location)).into_iter().collect::<Vec<_>>())
        })
        .await;
        let outcome = Sample::new().send(&*webhook_at(receiver.url("/"))).await;
        assert_eq!(outcome.name(), "provider_refused", "{location:?}");
        assert_eq!(receiver.received().len(), 1);
    }
}

#[tokio::test]
async fn credentials_stay_at_their_origin() {
    let elsewhere = Receiver::answering(200).await;
    let there = elsewhere.url("/there");
    let home = Receiver::start(move |request| match request.path.as_str() {
        "/start" => answer(307, &[("location", "/again")]),
        _ => answer(307, &[("location", &there)]),
    })
    .await;
    assert_eq!(with_credentials(&home.url("/start")).await, ACCEPTED);

    assert_eq!(authorizations(&home), [OURS, OURS]);
    assert_eq!(authorizations(&elsewhere), [NONE]);
    assert_eq!(elsewhere.only().body, home.received()[0].body);
}

#[tokio::test]
async fn another_origin_can_not_send_them_back_with_credentials() {
    let back = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let back_to = std::sync::Arc::clone(&back);
    let elsewhere = Receiver::start(move |_| answer(307, &[("location", back_to.get().unwrap())])).await;
    let there = elsewhere.url("/there");
    let home = Receiver::start(move |request| match request.path.as_str() {
        "/start" => answer(307, &[("location", &there)]),
        _ => answer(200, &[]),
    })
    .await;
    back.set(home.url("/chosen-elsewhere")).unwrap();
    assert_eq!(with_credentials(&home.url("/start")).await, ACCEPTED);

    assert_eq!(authorizations(&home), [OURS, NONE]);
    assert_eq!(authorizations(&elsewhere), [NONE]);
}

async fn with_credentials(url: &str) -> Outcome {
    let settings = WebhookSettings {
        username: Some("hook".to_owned()),
        password: Some("hunter2".into()),
        ..WebhookSettings::new(url)
    };
    Sample::new().send(&*webhook(settings)).await
}

const OURS: &str = "Basic aG9vazpodW50ZXIy";
const NONE: &str = "none";

fn authorizations(receiver: &Receiver) -> Vec<String> {
    receiver
        .received()
        .iter()
        .map(|request| request.header("authorization").unwrap_or(NONE).to_owned())
        .collect()
}

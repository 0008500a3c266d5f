//! The whole chain: a message, Queue, and the service that it hands the message to.

use std::sync::Arc;
use std::time::Duration;

use watchword_core::delivery::Outcome;
use watchword_core::ports::Provider;
use watchword_delivery::queue::{QueueSettings, Sends};
use watchword_delivery::registry::{ProviderSettings, Registry};
use watchword_testkit::queue::{Behaviour, Queue, Served, Services};

use crate::sample::{Sample, clock, provider_id};

const ACCEPTED: Outcome = Outcome::Accepted { message_id: None };

fn provider(queue: &Queue, services: &Services, worker: &str, sends: Sends) -> Arc<dyn Provider> {
    let settings = QueueSettings {
        app_token: Some("hunter2".into()),
        timeout: Some(Duration::from_secs(1)),
        ..QueueSettings::new(queue.url(), services.url(), worker, sends)
    };
    Registry::new(clock()).build(provider_id("queued"), &ProviderSettings::Queue(settings)).unwrap()
}

fn sample() -> Sample {
    let mut sample = Sample::new();
    "77011234567".clone_into(&mut sample.message.to);
    sample
}

#[tokio::test]
async fn each_service_gets_the_message_that_queue_was_given() {
    let (queue, services) = (Queue::start().await, Services::start("hunter2").await);
    for (worker, sends) in
        [("sms", Sends::Sms), ("sms", Sends::Call), ("email", Sends::Email), ("telegram", Sends::Telegram)]
    {
        assert_eq!(sample().send(&*provider(&queue, &services, worker, sends)).await, ACCEPTED);
    }
    let tasks = queue.wait_for_executed(4).await;
    // The service for Telegram says 500 whatever became of the message.
    assert_eq!(
        tasks.iter().map(|task| task.executed).collect::<Vec<_>>(),
        [Some(Some(200)), Some(Some(200)), Some(Some(200)), Some(Some(500))]
    );
    let mut served = services.served();
    served.sort_by(|one, other| one.path.cmp(&other.path));
    let expected = [
        ("/call", r#"{"phones":"77011234567","message":"3 1 4 1 5 9","force":true}"#),
        ("/msg", r#"{"to":77011234567,"message":"Code: 314159\n<b>&amp;</b>","silent":false}"#),
        ("/sms", r#"{"phones":"77011234567","message":"Code: 314159\n<b>&amp;</b>","force":true}"#),
        (
            "/smtp",
            r#"{"to":"77011234567","subject":"Код / Code","text":"Code: 314159\n<b>&amp;</b>","html":null,"force":true}"#,
        ),
    ];
    let expected = expected.map(|(path, body)| Served { path: path.to_owned(), body: body.to_owned() });
    assert_eq!(served, expected);
}

#[tokio::test]
async fn a_queue_that_is_down_or_failing_takes_nothing_and_then_takes_it_again() {
    let (queue, services) = (Queue::start().await, Services::start("").await);
    let provider = provider(&queue, &services, "sms", Sends::Sms);
    assert_eq!(sample().send(&*provider).await, ACCEPTED);

    queue.behave(Behaviour::Down).await;
    let Outcome::Transient { detail } = sample().send(&*provider).await else { panic!("taken") };
    assert!(detail.starts_with("no connection: "), "{detail}");

    queue.behave(Behaviour::Failing(500)).await;
    let failing = Outcome::Transient { detail: "HTTP 500".to_owned() };
    assert_eq!(sample().send(&*provider).await, failing);

    queue.behave(Behaviour::Up).await;
    assert_eq!(sample().send(&*provider).await, ACCEPTED);
    assert_eq!(queue.wait_for_executed(2).await.len(), 2);
    assert_eq!(services.served().len(), 2);
}

#[tokio::test]
async fn a_queue_that_is_slow_may_have_taken_it() {
    let (queue, services) = (Queue::start().await, Services::start("").await);
    let provider = provider(&queue, &services, "sms", Sends::Sms);
    queue.behave(Behaviour::Slow(Duration::from_mins(1))).await;
    let unknown = Outcome::Unknown { detail: "no answer in time".to_owned() };
    assert_eq!(sample().send(&*provider).await, unknown);
    queue.behave(Behaviour::Up).await;
    assert_eq!(services.wait_for(1).await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_queue_does_not_know_is_its_failure() {
    let (queue, services) = (Queue::start().await, Services::start("").await);
    let provider = provider(&queue, &services, "fax", Sends::Sms);
    let failing = Outcome::Transient { detail: "HTTP 500".to_owned() };
    assert_eq!(sample().send(&*provider).await, failing);
    assert!(queue.tasks().is_empty());
}

//! The inbox of `watchword dev`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use watchword_core::delivery::Outcome;
use watchword_core::ports::Provider;
use watchword_delivery::inbox::{Inbox, InboxMessage, InboxSettings};
use watchword_delivery::registry::{ProviderSettings, Registry};

use crate::sample::{NOW, Sample, clock, provider_id};

fn inbox(capacity: usize) -> (Inbox, Arc<dyn Provider>) {
    let inbox = Inbox::new(clock(), capacity);
    let provider = Registry::new(clock())
        .with_inbox(inbox.clone())
        .build(provider_id("inbox"), &ProviderSettings::Inbox(InboxSettings::default()))
        .unwrap();
    (inbox, provider)
}

async fn send(provider: &dyn Provider, number: u8) {
    let outcome = Sample::numbered(number).send(provider).await;
    assert_eq!(outcome, Outcome::Accepted { message_id: None });
}

fn deliveries(messages: &[Arc<InboxMessage>]) -> Vec<String> {
    messages.iter().map(|message| message.delivery.to_string()).collect()
}

fn numbered(numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|number| Sample::numbered(*number).delivery.id.to_string()).collect()
}

#[tokio::test]
async fn a_message_is_shown_whole() {
    let (inbox, provider) = inbox(Inbox::DEFAULT_CAPACITY);
    let sample = Sample::new();
    sample.send(&*provider).await;

    let [message] = &inbox.recent()[..] else { panic!("one message") };
    assert_eq!(
        (message.delivery, message.at, &message.to, &message.subject, &message.body),
        (sample.delivery.id, NOW, &sample.message.to, &sample.message.subject, &sample.message.body)
    );
    assert_eq!(message.passcode.expose(), "314159");
    assert_eq!(
        (&message.namespace, &message.external_id),
        (&sample.verification.namespace, &sample.verification.external_id)
    );
}

#[tokio::test]
async fn the_newest_are_kept_and_come_first() {
    let (inbox, provider) = inbox(3);
    for number in 1..=5 {
        send(&*provider, number).await;
    }
    assert_eq!(deliveries(&inbox.recent()), numbered(&[5, 4, 3]));
}

#[tokio::test]
async fn a_repeat_is_shown_once() {
    let (inbox, provider) = inbox(3);
    let mut arrivals = inbox.subscribe();
    for number in [1, 2, 1, 2, 3] {
        send(&*provider, number).await;
    }
    assert_eq!(deliveries(&inbox.recent()), numbered(&[3, 2, 1]));
    assert_eq!(arrivals.len(), 3);
    assert_eq!(deliveries(&[arrivals.recv().await.unwrap()]), numbered(&[1]));

    // What is forgotten is forgotten whole: memory stays bounded.
    send(&*provider, 4).await;
    send(&*provider, 1).await;
    assert_eq!(deliveries(&inbox.recent()), numbered(&[1, 4, 3]));
}

#[tokio::test]
async fn readers_see_messages_as_they_come() {
    let (inbox, provider) = inbox(3);
    send(&*provider, 1).await;
    let (mut one, mut other) = (inbox.subscribe(), inbox.clone().subscribe());
    send(&*provider, 2).await;
    send(&*provider, 3).await;
    for reader in [&mut one, &mut other] {
        for number in [2, 3] {
            assert_eq!(deliveries(&[reader.recv().await.unwrap()]), numbered(&[number]));
        }
        assert!(reader.is_empty());
    }
}

#[tokio::test]
async fn a_slow_reader_misses_the_oldest_and_holds_up_nobody() {
    let (inbox, provider) = inbox(3);
    let mut reader = inbox.subscribe();
    let mut sample = Sample::new();
    for number in 0..Inbox::MAX_LAG + 44 {
        sample.delivery.id = Sample::numbered(u8::try_from(number % 5).unwrap()).delivery.id;
        sample.message.body = number.to_string();
        sample.send(&*provider).await;
    }
    assert_eq!(reader.recv().await.unwrap_err(), RecvError::Lagged(44));
    assert_eq!(reader.recv().await.unwrap().body, "44");
}

#[tokio::test]
async fn an_inbox_keeps_at_least_one_message() {
    let (inbox, provider) = inbox(0);
    send(&*provider, 1).await;
    send(&*provider, 2).await;
    assert_eq!(deliveries(&inbox.recent()), numbered(&[2]));
}

#[tokio::test]
async fn nothing_of_a_message_is_in_its_debug() {
    let (inbox, provider) = inbox(3);
    send(&*provider, 1).await;
    let debug = format!("{inbox:?} {:?}", inbox.recent());
    for secret in ["314159", "701", "Code"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_from_many_threads_are_all_there_and_in_one_order() {
    let (inbox, provider) = inbox(Inbox::DEFAULT_CAPACITY);
    let mut reader = inbox.subscribe();
    let sends: Vec<_> = (0..8)
        .map(|thread| {
            let provider = Arc::clone(&provider);
            tokio::spawn(async move {
                for number in 0..20 {
                    send(&*provider, thread * 20 + number).await;
                }
            })
        })
        .collect();
    for task in sends {
        tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    }
    let mut recent = deliveries(&inbox.recent());
    recent.reverse();
    let mut seen = Vec::new();
    while !reader.is_empty() {
        seen.push(reader.recv().await.unwrap().delivery.to_string());
    }
    assert_eq!(seen.len(), 160);
    assert_eq!(seen, recent);
}

//! Nodes hear of what is due, where there is no pooler between.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use watchword_core::delivery::NodeId;
use watchword_core::dispatcher::{Dispatcher, Routes};
use watchword_core::keyring::Keyring;
use watchword_core::parts::Parts;
use watchword_core::ports::{Clock as _, Silent, Start, Store as _};
use watchword_testkit::deadline::{eventually, within};
use watchword_testkit::random::SeededRandom;
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::Story;
use watchword_testkit::tasks::TokioTasks;
use watchword_testkit::time::FakeClock;

use crate::server::{modest, pooled, shared, store};

async fn next(wake_ups: &mut BoxStream<'static, ()>) -> Option<()> {
    within("word from the server", wake_ups.next()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_hears_of_messages_that_nobody_claimed() {
    let server = shared();
    let url = server.url();
    let mut story = Story::new(Fresh::new(store(&url, modest()).await));
    let mut told = store(&url, modest()).await.wake_ups().expect("it listens");
    // First of all: there may be something from before.
    assert_eq!(next(&mut told).await, Some(()));
    let waits = |story: &Story, id: &str| Start { claimant: None, ..story.by_id(id, "111111") };
    story.begin(waits(&story, "john-1")).await;
    assert_eq!(next(&mut told).await, Some(()));
    // What this node claims concerns nobody; what waits beside another was told with that.
    story.begin(story.by_id("jane-1", "111111")).await;
    story.begin(waits(&story, "jack-1")).await;
    story.pass(std::time::Duration::from_millis(1));
    assert_eq!(story.claim("a", 100).await.claims.len(), 2);
    let mut later = waits(&story, "jill-1");
    later.candidates[0].deliveries[0].not_before = Some(story.now.after(std::time::Duration::from_secs(60)));
    story.begin(later).await;
    let id = story.deliveries().await[0].id;
    story.hasten(id).await;
    assert_eq!(next(&mut told).await, Some(()));
    assert!(futures::poll!(told.next()).is_pending());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_schemas_of_the_database_are_not_heard_of() {
    let server = shared();
    let url = server.url();
    let ours = store(&format!("{url}?schema=ours"), modest()).await;
    let others = Story::new(Fresh::new(store(&format!("{url}?schema=others"), modest()).await));
    let mut told = ours.wake_ups().expect("it listens");
    assert_eq!(next(&mut told).await, Some(()));
    others.begin(Start { claimant: None, ..others.by_id("john-1", "111111") }).await;
    let ours = Story::new(Fresh::new(ours));
    ours.begin(Start { claimant: None, ..ours.by_id("john-1", "111111") }).await;
    assert_eq!(next(&mut told).await, Some(()));
    // Both told, and one was heard: words of one connection keep their order.
    assert!(futures::poll!(told.next()).is_pending());
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_pooler_alone_there_is_nothing_to_hear() {
    let pooled = pooled();
    let url = pooled.0.url();
    store(&url, modest()).await;
    let through = url.split('?').next().unwrap();
    let mut told = store(through, modest()).await.wake_ups().expect("it tries");
    assert_eq!(next(&mut told).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_takes_what_it_hears_of_while_no_time_passes() {
    let server = shared();
    let url = server.url();
    let mut story = Story::new(Fresh::new(store(&url, modest()).await));
    let clock = Arc::new(FakeClock::default());
    story.now = clock.now();
    let parts = Parts {
        store: Arc::new(store(&url, modest()).await),
        clock,
        random: Arc::new(SeededRandom::new(1)),
        tasks: Arc::new(TokioTasks::new()),
        observer: Arc::new(Silent),
        keyring: Arc::new(Keyring::new(&[[7; 32]]).unwrap()),
    };
    let dispatcher = Dispatcher::new(parts, NodeId::new("a").unwrap(), Routes::from_iter([]));
    let running = tokio::spawn(async move { dispatcher.run().await });
    for id in ["john-1", "jane-1", "jack-1"] {
        story.begin(Start { claimant: None, ..story.by_id(id, "111111") }).await;
        eventually("the message to be claimed", async || {
            // The newest comes first.
            (story.deliveries().await[0].fence > 0).then_some(())
        })
        .await;
    }
    running.abort();
}

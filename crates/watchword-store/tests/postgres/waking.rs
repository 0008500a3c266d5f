//! Nodes hear of what is due, where there is no pooler between.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use watchword_core::ports::{Start, Store as _};
use watchword_testkit::deadline::within;
use watchword_testkit::suite::Fresh;
use watchword_testkit::suite::story::Story;

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

//! The disk fills up under load.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures::future::join_all;
use serde_json::json;
use watchword_core::namespace::Partition;
use watchword_core::ports::{Clock, Store};
use watchword_store::SqliteOptions;
use watchword_testkit::provider::FakeProvider;
use watchword_testkit::time::FakeClock;

use crate::app::App;

/// Some 1,200 KiB: room for a few hundred verifications.
const PAGES: u32 = 300;
const CALLERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_a_clear_503_loses_nothing_acknowledged_and_passes() {
    let clock = Arc::new(FakeClock::default());
    let options = SqliteOptions { max_page_count: Some(PAGES), ..SqliteOptions::default() };
    let app = App::new(options, Arc::clone(&clock) as Arc<dyn Clock>, &[Arc::new(FakeProvider::new("sms"))]);

    // Each caller goes on until it was refused a few times, so that the disk is full for all of them at once.
    let callers = (0..CALLERS).map(|caller| {
        let app = &app;
        async move {
            let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
            for number in 0..1_000 {
                let id = format!("person-{caller}-{number}");
                match app
                    .put("sms", &id, "&ttl=600&extra=%22xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%22")
                    .await
                {
                    Ok(code) => acknowledged.push((id, code)),
                    Err(reply) => refused.push(reply),
                }
                if refused.len() == 5 {
                    break;
                }
            }
            (acknowledged, refused)
        }
    });
    let (acknowledged, refused): (Vec<_>, Vec<_>) = join_all(callers).await.into_iter().unzip();
    let acknowledged: Vec<_> = acknowledged.into_iter().flatten().collect();
    assert!(acknowledged.len() > 100, "only {} fit", acknowledged.len());
    let refused: Vec<_> = refused.into_iter().flatten().collect();
    assert_eq!(refused.len(), CALLERS * 5, "the disk was full for everybody");
    for reply in refused {
        assert_eq!((reply.status, reply.retry_after), (StatusCode::SERVICE_UNAVAILABLE, true));
        assert_eq!(reply.body, json!({"status": "error", "message": "Unable to reach store."}));
    }

    // A right check frees room. Where its message is not settled yet it needs a little first, to record that; such a one is
    // refused as clearly, nothing of it is done, and it is good as soon as others have made room.
    let (first, rest) = acknowledged.split_at(acknowledged.len() / 2);
    let mut again = Vec::new();
    for (id, code) in first {
        let reply = app.check(id, code).await;
        if reply.status == StatusCode::SERVICE_UNAVAILABLE && reply.retry_after {
            again.push((id, code));
        } else {
            assert_eq!(reply.status, StatusCode::OK, "{id}: {:?}", reply.body);
        }
    }
    assert!(again.len() * 4 < first.len(), "{} of {} checks found no room", again.len(), first.len());
    for (id, code) in again {
        assert_eq!(app.check(id, code).await.status, StatusCode::OK, "{id}, again");
    }
    let (id, code) = (&first[0].0, &first[0].1);
    assert_eq!(app.check(id, code).await.status, StatusCode::BAD_REQUEST, "used up");

    // With room again, service resumes by itself, and nothing that was acknowledged is lost.
    let code = app.put("sms", "somebody-new", "").await.expect("there is room again");
    assert_eq!(app.check("somebody-new", &code).await.status, StatusCode::OK);
    for (id, code) in rest {
        assert_eq!(app.check(id, code).await.status, StatusCode::OK, "{id}");
    }
    app.store.ready().await.expect("ready");

    // So does what expired, once purged.
    clock.advance(Duration::from_secs(8 * 24 * 3_600));
    while app.store.purge(Partition::new(0), clock.now(), 100).await.unwrap().more {}
    assert_eq!(app.store.stats().await.unwrap().verifications, 0);
}

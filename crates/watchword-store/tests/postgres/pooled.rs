//! Every promise once more through PgBouncer in transaction mode, where each call may get another connection of the server, and in a
//! schema that is in nobody's search path.

use watchword_core::ports::Retention;
use watchword_store::Memory;
use watchword_testkit::histories;
use watchword_testkit::suite::Fresh;

use crate::server::{modest, pooled, store};

const ROUNDS: usize = 10;

async fn make() -> Fresh {
    let pooled = pooled();
    Fresh::new(store(&format!("{}&schema=otp", pooled.0.url()), modest()).await)
        .with_rounds(ROUNDS)
        .keeping(pooled)
}

watchword_testkit::store_suite!(make);

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_the_reference_does() {
    let reference = async || Fresh::new(Memory::new(Retention::default()));
    histories::run(histories::default_cases(5), make, reference).await;
}

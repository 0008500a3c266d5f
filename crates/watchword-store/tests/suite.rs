//! Every store keeps every promise of the testkit's suite.

use watchword_core::ports::Retention;
use watchword_store::Memory;
use watchword_testkit::suite::Fresh;

mod memory {
    use super::*;

    async fn make() -> Fresh {
        Fresh::new(Memory::new(Retention::default()))
    }

    watchword_testkit::store_suite!(make);
}

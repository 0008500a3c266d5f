//! Every promise of the suite, and random histories, on three nodes that share the partitions.

use watchword_core::namespace::{Namespace, Partition};
use watchword_core::ports::Retention;
use watchword_store::{Memory, RedisOptions};
use watchword_testkit::histories;
use watchword_testkit::suite::Fresh;

use crate::announcing::announcing;
use crate::server::{Cluster, Shared, store};

/// Each is many round trips.
const ROUNDS: usize = 10;

static CLUSTER: Shared<Cluster> = Shared::new();

async fn make() -> Fresh {
    let cluster = CLUSTER.get(Cluster::start);
    cluster.is_up().await;
    // Listeners change nothing.
    let options =
        RedisOptions { retention: Retention::default(), announcing: announcing(), ..RedisOptions::default() };
    Fresh::new(store(&cluster.url(), options)).with_rounds(ROUNDS).keeping(cluster)
}

watchword_testkit::store_suite!(make);

#[tokio::test(flavor = "multi_thread")]
async fn it_does_what_the_reference_does() {
    let reference = async || Fresh::new(Memory::new(Retention::default()));
    histories::run(histories::default_cases(5), make, reference).await;
}

/// Or the suite has shown nothing about clusters.
#[tokio::test(flavor = "multi_thread")]
async fn every_node_has_some_of_the_partitions() {
    let cluster = CLUSTER.get(Cluster::start);
    cluster.is_up().await;
    let fresh = Fresh::new(store(&cluster.url(), RedisOptions::default())).keeping(cluster);
    let mut partitions = std::collections::BTreeSet::new();
    for number in 0..1_000 {
        let namespace = Namespace::new(&format!("tenant{number}")).unwrap();
        if partitions.insert(namespace.partition()) {
            let channel = watchword_core::address::Channel::new("sms").unwrap();
            fresh.store.put_rules(namespace, channel, Some(Vec::new()), None).await.unwrap();
        }
    }
    assert_eq!(partitions.len(), usize::from(Partition::COUNT));
    let cluster = CLUSTER.get(Cluster::start);
    for node in cluster.nodes() {
        let keys = node.command(&["--scan", "--pattern", "*:rules:*"]);
        assert!(keys.lines().count() > 5, "{keys}");
    }
}

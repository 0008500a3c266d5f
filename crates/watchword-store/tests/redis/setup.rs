//! What the servers say of how they are set up.

use watchword_store::{RedisOptions, RedisServer, RedisSetup};

use crate::server::{Cluster, Keeping, Server, store};

async fn survey(url: &str) -> Vec<RedisServer> {
    store(url, RedisOptions::default()).survey().await.unwrap()
}

fn setup(version: &str, keeps: bool, appendfsync: Option<&str>, eviction: &str) -> RedisSetup {
    RedisSetup {
        version: version.to_owned(),
        keeps,
        appendfsync: appendfsync.map(str::to_owned),
        eviction: eviction.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_how_it_is_set_up_and_what_it_may_not_say() {
    let server = Server::start_with(Keeping::Everything, &["--maxmemory-policy", "allkeys-lru"]);
    let info = server.command(&["INFO", "server"]);
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap().trim();
    let name = format!("127.0.0.1:{}", server.port);
    let expected = |setup| vec![RedisServer { name: name.clone(), setup: Ok(setup) }];
    let whole = setup(version, true, Some("always"), "allkeys-lru");
    assert_eq!(survey(&server.url()).await, expected(whole));
    server.command(&["CONFIG", "SET", "appendonly", "no"]);
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    server.command(&["ACL", "SETUSER", "default", "-config"]);
    assert_eq!(survey(&server.url()).await, expected(setup(version, false, None, "noeviction")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_a_cluster_is_asked() {
    let cluster = Cluster::start();
    cluster.is_up().await;
    let mut names: Vec<_> = survey(&cluster.url()).await.into_iter().map(|server| server.name).collect();
    names.sort_unstable();
    let mut nodes: Vec<_> = cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    nodes.sort_unstable();
    assert_eq!(names, nodes);
}

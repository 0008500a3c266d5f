//! Without `WATCHWORD_KEY`, the data key is in Redis, and any of the configuration's own secrets opens it.

use serde_json::Value;

use crate::support::{Receiver, RedisSite, Run, Server, client, run_in};

const FIRST: (&str, &str) = ("first", "secret-of-the-first");
const SECOND: (&str, &str) = ("second", "secret-of-the-second");
const THIRD: (&str, &str) = ("third", "secret-of-the-third");

const ADMIN: (&str, &str) = ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0");
const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0303030303030303030303030303030303030303030303030303030303030303");

async fn put(server: &Server, id: &str) -> String {
    let reply = server.put(id, &[("provider", "sms"), ("to", "42")]).await;
    assert_eq!(reply.status(), 200);
    let reply: Value = reply.json().await.unwrap();
    reply["data"]["otp"].as_str().unwrap().to_owned()
}

fn serve_with_key(site: &RedisSite) -> Server {
    Server::as_otpgateway(&site.config, FIRST, &[ADMIN, KEY])
}

/// Stops one that has a key; what it said.
async fn stop_with_key(server: Server) -> Vec<String> {
    let (status, log) = server.terminate().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("WATCHWORD_KEY is not set")), "{log:#?}");
    log
}

/// `watchword keys …`, with this site's configuration.
fn keys(site: &RedisSite, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let whole = [&["keys"], arguments, &["--as", "otpgateway", "--config", "config.toml"]].concat();
    run_in(site.folder.path(), whole, environment)
}

/// The server is not to start: what it says.
fn refused(site: &RedisSite, environment: &[(&str, &str)]) -> String {
    let serve = ["serve", "--as", "otpgateway", "--config", "config.toml"];
    let Run { code, out, err } = run_in(site.folder.path(), serve, &[&[ADMIN], environment].concat());
    assert_eq!(code, Some(1), "{err}");
    format!("{out}{err}")
}

/// All that is kept about keys, in no order.
fn kept(site: &RedisSite) -> Vec<String> {
    let script = "local kept = {} for _, key in ipairs(redis.call('KEYS', 'OTP:*keys*')) do table.insert(kept, key) \
                  for _, member in ipairs(redis.call('SMEMBERS', key)) do table.insert(kept, redis.sha1hex(member)) end end \
                  table.sort(kept) return kept";
    site.redis.command(&["EVAL", script, "0"]).lines().map(str::to_owned).collect()
}

/// Stops it; at every start it has said that a key should be set.
async fn stop(server: Server) {
    let (status, log) = server.terminate().await;
    assert_eq!(status.code(), Some(0));
    let warned = log.iter().filter(|line| line.contains("WATCHWORD_KEY is not set")).count();
    assert_eq!(warned, 1, "{log:#?}");
    for secret in [FIRST.1, SECOND.1, THIRD.1] {
        assert!(!log.iter().any(|line| line.contains(secret)), "{log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_come_and_go_and_live_codes_stay_good() {
    let receiver = Receiver::answering().await;
    let site = RedisSite::new(&receiver.url(), &[FIRST]);
    let server = site.serve(FIRST);
    let (one, two) = (put(&server, "code-one").await, put(&server, "code-two").await);
    stop(server).await;
    let slots = |site: &RedisSite| {
        let kept = site.redis.command(&["--scan", "--pattern", "OTP:*keys*"]);
        assert!(!kept.is_empty(), "it is in Redis");
        kept
    };
    slots(&site);

    // One is added: it opens with the one that was there.
    site.configure(&[FIRST, SECOND]);
    let server = site.serve(FIRST);
    assert_eq!(server.check("code-one", &one).await.0, 200);
    stop(server).await;
    let server = site.serve(SECOND);
    let three = put(&server, "code-three").await;
    stop(server).await;

    // The one that it was made with is gone: it opens with the one that was added.
    site.configure(&[SECOND, THIRD]);
    let server = site.serve(SECOND);
    assert_eq!(server.check("code-three", &three).await.0, 200);
    let four = put(&server, "code-four").await;
    stop(server).await;

    // None of those that it knows: nothing is touched, and it says so.
    site.configure(&[("first", "never seen before"), ("second", "nor this one")]);
    let said = refused(&site, &[]);
    assert!(
        said.contains(
            "the store's data key opens under none of the secrets of this configuration: give back one that it was used with"
        ),
        "{said}"
    );
    assert!(!said.contains("never seen before") && !said.contains("nor this one"), "{said}");

    // Given back, all that was live still is.
    site.configure(&[FIRST, SECOND]);
    let server = site.serve(SECOND);
    assert_eq!(server.check("code-four", &four).await.0, 200);
    stop(server).await;
    let server = site.serve(FIRST);
    assert_eq!(server.check("code-two", &two).await.0, 200);
    assert!(!site.folder.path().join("watchword.key").exists(), "no file is needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_set_as_every_start_asks_and_live_codes_stay_good() {
    let receiver = Receiver::answering().await;
    let site = RedisSite::new(&receiver.url(), &[FIRST]);
    let server = site.serve(FIRST);
    let (one, two) = (put(&server, "code-one").await, put(&server, "code-two").await);
    stop(server).await;
    let before: Value = serde_json::from_str(&keys(&site, &["list", "--json"], &[]).out).unwrap();
    let data_key = before["data_key"].as_str().unwrap().to_owned();
    let told = keys(&site, &["rotate"], &[]);
    assert!(told.err.contains("set WATCHWORD_KEY, made with `openssl rand -hex 32`"), "{}", told.err);

    // It seals from here on; what was live still is.
    let server = serve_with_key(&site);
    assert_eq!(server.check("code-one", &one).await.0, 200);
    let three = put(&server, "code-three").await;
    let log = stop_with_key(server).await;
    let end = format!("watchword keys rotate --drop {data_key}");
    assert_eq!(log.iter().filter(|line| line.contains(&end)).count(), 1, "{log:#?}");
    let listed = keys(&site, &["list"], &[KEY]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    let roles: Vec<_> = listed.out.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(roles[..3], ["ROLE", "seals", "opens"], "{}", listed.out);
    assert!(listed.out.contains(&end), "{}", listed.out);

    // As long as a code is under it, it stays; then it can go.
    let drop_it = ["rotate", "--drop", &data_key];
    let needed = keys(&site, &drop_it, &[KEY]);
    assert_eq!(needed.code, Some(1), "{}", needed.out);
    assert!(needed.err.contains(&format!("key {data_key} is still needed by ")), "{}", needed.err);
    let promoted = keys(&site, &["rotate", "--promote"], &[KEY]);
    assert!(promoted.err.contains("there is only one key, "), "{}", promoted.err);
    let server = serve_with_key(&site);
    assert_eq!(server.check("code-two", &two).await.0, 200);
    stop_with_key(server).await;
    let dropped = keys(&site, &[&drop_it[..], &["--force"]].concat(), &[KEY]);
    assert_eq!(dropped.code, Some(0), "{}", dropped.err);
    assert!(dropped.out.contains(&format!("Dropped the data key {data_key}")), "{}", dropped.out);

    let server = serve_with_key(&site);
    assert_eq!(server.check("code-three", &three).await.0, 200);
    let log = stop_with_key(server).await;
    assert!(!log.iter().any(|line| line.contains("data key")), "{log:#?}");
    assert!(
        refused(&site, &[]).contains("WATCHWORD_KEY is not set, and the store has passcodes under keys ")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_refused_for_want_of_the_key_leaves_no_data_key() {
    let receiver = Receiver::answering().await;
    let site = RedisSite::new(&receiver.url(), &[FIRST]);
    stop_with_key(serve_with_key(&site)).await;
    let before = kept(&site);
    let said = refused(&site, &[]);
    assert!(said.contains("WATCHWORD_KEY is not set, and the store has passcodes under key "), "{said}");
    assert_eq!(kept(&site), before);
    stop_with_key(serve_with_key(&site)).await;
}

async fn reload(server: &mut Server) {
    let url = format!("{}/reload", server.admin());
    let reply = client().post(url).header("X-Watchword-Reload", "1").send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.text().await.unwrap().starts_with("taken up: namespaces\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_a_reload_takes_up_open_the_data_key_at_the_next_start() {
    let receiver = Receiver::answering().await;
    let all = [FIRST, SECOND, THIRD];
    // In one step, and by way of both; what it starts with the next time, it has by a reload only.
    for steps in [&[&all[1..2]][..], &[&all[..2], &all[1..2]], &[&all[1..2], &all[2..], &all[1..2]]] {
        let site = RedisSite::new(&receiver.url(), &[FIRST]);
        let mut server = site.serve(FIRST);
        for namespaces in steps {
            site.configure(namespaces);
            reload(&mut server).await;
        }
        assert_eq!(server.terminate().await.0.code(), Some(0));
        let server = site.serve(SECOND);
        put(&server, "code-one").await;
        stop(server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_gone_can_be_kept_from_opening_the_data_key() {
    let receiver = Receiver::answering().await;
    let site = RedisSite::new(&receiver.url(), &[FIRST, SECOND]);
    let server = site.serve(SECOND);
    let one = put(&server, "code-one").await;
    stop(server).await;
    site.configure(&[SECOND]);
    let listed = keys(&site, &["list"], &[]).out;
    assert!(listed.contains("opens under secrets that are not in this configuration (1)"), "{listed}");
    let pruned = keys(&site, &["prune"], &[]);
    assert_eq!(
        (pruned.code, pruned.out.trim()),
        (
            Some(0),
            "Secrets that open the store's data key no more: 1. Secrets of this configuration that still do: 1."
        ),
        "{}",
        pruned.err
    );
    let again = keys(&site, &["prune"], &[]).out;
    assert!(again.contains("nothing is changed"), "{again}");

    site.configure(&[FIRST]);
    assert!(refused(&site, &[]).contains("opens under none of the secrets of this configuration"));
    assert_eq!(keys(&site, &["prune"], &[]).code, Some(1), "who can't open it, can't end it");
    site.configure(&[SECOND]);
    let server = site.serve(SECOND);
    assert_eq!(server.check("code-one", &one).await.0, 200);
    stop(server).await;
}

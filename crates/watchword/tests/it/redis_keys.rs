//! Without `WATCHWORD_KEY`, the data key is in Redis, and any of the configuration's own secrets opens it.

use serde_json::Value;

use crate::support::{Receiver, RedisSite, Run, Server, run_in};

const FIRST: (&str, &str) = ("first", "secret-of-the-first");
const SECOND: (&str, &str) = ("second", "secret-of-the-second");
const THIRD: (&str, &str) = ("third", "secret-of-the-third");

async fn put(server: &Server, id: &str) -> String {
    let reply = server.put(id, &[("provider", "sms"), ("to", "42")]).await;
    assert_eq!(reply.status(), 200);
    let reply: Value = reply.json().await.unwrap();
    reply["data"]["otp"].as_str().unwrap().to_owned()
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
    let serve = ["serve", "--as", "otpgateway", "--config", "config.toml"];
    let Run { code, out, err } =
        run_in(site.folder.path(), serve, &[("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0")]);
    assert_eq!(code, Some(1), "{err}");
    let said = format!("{out}{err}");
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

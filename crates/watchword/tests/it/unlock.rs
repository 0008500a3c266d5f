//! `watchword unlock`: the way out for a person who guessed too often.

use crate::support::{Receiver, Site};

const STRICT: &str = "[guess]\nburst = 2\n[otp]\nmax_attempts = 50\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_refused_is_let_in_again() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), STRICT);
    let server = site.serve(&[]);
    // With an address that is counted, in whatever spelling; without one the id is.
    for (id, address, target) in
        [("johns-id", Some("john@Example.com"), "john@example.COM"), ("janes-id", None, "janes-id")]
    {
        let to: Vec<_> = address.map(|address| ("to", address)).into_iter().collect();
        let parameters = [&[("provider", "sms"), ("otp", "31415926")], &to[..]].concat();
        assert_eq!(server.put(id, &parameters).await.status(), 200);
        for expected in [400, 400, 429] {
            assert_eq!(server.check(id, "00000000").await.0, expected);
        }
        assert_eq!(server.check(id, "31415926").await.0, 429, "the right one is refused too");
        let forgotten = site.says(&["unlock", target]);
        assert_eq!(
            forgotten,
            "Forgotten: the next check of that target in namespace `app` is looked at again.\n"
        );
        let nothing = site.says(&["unlock", target, "--namespace", "app"]);
        assert!(nothing.starts_with("There was nothing to forget"), "{nothing}");
        assert_eq!(server.check(id, "31415926").await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_target_it_is_must_be_clear() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "[namespaces.other]\nsecret = \"other-secret\"");
    let _server = site.serve(&[]);
    let line = site.refuses(2, &["unlock", "john@example.com"]);
    assert_eq!(line, "say whose target it is, with --namespace: app, other");
    let line = site.refuses(2, &["unlock", "john@example.com", "--namespace", "othr"]);
    assert_eq!(line, "there is no namespace `othr`; configured: app, other");
    let nothing = site.says(&["unlock", "john@example.com", "--namespace", "other"]);
    assert!(nothing.contains("in namespace `other`"), "{nothing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_keys_are_gone_is_not_touched() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    site.serve(&[]).terminate().await;
    std::fs::remove_file(site.key_file()).unwrap();
    let line = site.refuses(1, &["unlock", "john@example.com"]);
    assert!(line.contains("is missing, and the store has passcodes under key "), "{line}");
    assert!(!site.key_file().exists(), "no key is made");
}

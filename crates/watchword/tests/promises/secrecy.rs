//! Nothing secret is logged or at rest in the clear.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::receiver::Receiver;
use crate::server::Site;

/// 24 characters, some of which look different in a URL.
const CODE: &str = "Zq7+xW5=v9/kT&r2_Lm8.Yp4";
const WRONG: &str = "Nb3+cD6=f1/gH&j5_Ks7.Wx0";

/// How a text may look when it leaks: as it is, in a URL, in JSON, in base64 at each of the three alignments.
fn disguises(text: &str) -> Vec<String> {
    let percent = |safe: &str| -> String {
        let encode = |byte: u8| {
            let character = char::from(byte);
            if character.is_ascii_alphanumeric() || safe.contains(character) {
                character.to_string()
            } else {
                format!("%{byte:02X}")
            }
        };
        text.bytes().map(encode).collect()
    };
    let mut all =
        vec![text.to_owned(), percent("-_.~"), percent("-_.*"), percent(""), percent("-_.~").to_lowercase()];
    for shift in 0..3 {
        let padded = [vec![b'x'; shift], text.as_bytes().to_vec()].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            // Without the ends, which depend on what stands beside it.
            let encoded = engine.encode(&padded);
            all.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    all
}

fn leaks<'a>(haystack: &[u8], secrets: &'a [String]) -> Vec<&'a String> {
    secrets
        .iter()
        .filter(|secret| haystack.windows(secret.len()).any(|window| window == secret.as_bytes()))
        .collect()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let stored = entries.filter(|path| path.extension().is_none_or(|extension| extension != "toml"));
    stored.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_is_in_no_log_and_in_no_file() {
    let receiver = Receiver::start().await;
    let site = Site::new(&receiver.url());
    let mut server = site.serve(&[("WATCHWORD_LOG__LEVEL", "trace")]).await;
    let put = site
        .put("johns-id", &[("otp", CODE), ("skip_delete", "true"), ("channel_description", "see below")])
        .await;
    assert_eq!(put.unwrap(), 200);
    assert_eq!(receiver.wait_for("johns-id").await.code, CODE);
    assert_eq!(site.check("johns-id", WRONG).await, 400);
    // In the query too: the contract takes it there, and access logs like queries.
    let in_query =
        site.call(reqwest::Method::POST, "/api/otp/johns-id").query(&[("otp", CODE)]).send().await.unwrap();
    assert_eq!(in_query.status(), 200);
    let status = site.call(reqwest::Method::POST, "/api/otp/johns-id/status").send().await.unwrap();
    assert!(status.text().await.unwrap().contains(CODE), "the contract gives it back here");
    let live = files(site.path());
    assert!(
        live.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()),
        "the log of the database is looked at too"
    );

    let mut secrets: Vec<String> = [CODE, WRONG, "app-secret"].into_iter().flat_map(disguises).collect();
    secrets.push("account-1234567890".to_owned());
    secrets.push(STANDARD_NO_PAD.encode("app:app-secret"));
    tokio::task::spawn_blocking(move || {
        server.terminate();
        let log = server.output().join("\n");
        assert!(log.contains("DEBUG"), "the log is talkative");
        assert_eq!(leaks(log.as_bytes(), &secrets), Vec::<&String>::new(), "in the log:\n{log}");
        let at_rest: Vec<String> = [CODE, WRONG].into_iter().flat_map(disguises).collect();
        for (name, bytes) in live.into_iter().chain(files(site.path())) {
            assert_eq!(leaks(&bytes, &at_rest), Vec::<&String>::new(), "in {name}");
        }
    })
    .await
    .unwrap();
}

#[test]
fn a_disguise_is_recognised() {
    let secrets = disguises(CODE);
    for shown in [
        format!("otp={CODE}"),
        "otp=Zq7%2BxW5%3Dv9%2FkT%26r2_Lm8.Yp4&x".to_owned(),
        STANDARD_NO_PAD.encode(format!("a body with {CODE} in it")),
        STANDARD_NO_PAD.encode(format!("a body, with {CODE} in it")),
        URL_SAFE_NO_PAD.encode(format!("a body;  with {CODE} in it")),
    ] {
        assert!(!leaks(shown.as_bytes(), &secrets).is_empty(), "{shown}");
    }
    assert!(leaks(b"nothing of it", &secrets).is_empty());
}

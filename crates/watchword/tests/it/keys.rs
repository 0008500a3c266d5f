//! `watchword keys`: a rotation from the first step to the last, and what is refused on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{Receiver, Site};

/// Fingerprint and role of each key.
fn roles(site: &Site) -> Vec<(String, String)> {
    let list = site.json(&["keys", "list", "--json"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (text(&key["fingerprint"]), text(&key["role"])))
        .collect()
}

/// The keys themselves, as the file has them.
fn secrets(site: &Site) -> Vec<String> {
    let text = fs::read_to_string(site.key_file()).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_in_three_steps_and_no_passcode_is_lost() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let line = site.refuses(1, &["keys", "rotate"]);
    assert!(
        line.starts_with("there is no key file at ")
            && line.ends_with(": the server makes it when it starts for the first time"),
        "{line}"
    );

    let server = site.serve(&[]);
    server.put("johns-id", &[("provider", "sms"), ("to", "+77011234567"), ("otp", "31415926")]).await;
    let [(old, role)] = &roles(&site)[..] else { panic!("one key") };
    assert_eq!(role, "seals");
    let line = site.refuses(1, &["keys", "rotate", "--promote"]);
    assert!(line.starts_with(&format!("there is only one key, {old}: ")), "{line}");
    let line = site.refuses(1, &["keys", "rotate", "--drop", old]);
    assert!(line.starts_with(&format!("{old} is the first key, which seals: ")), "{line}");

    let mut said = vec![site.says(&["keys", "list"]), site.says(&["keys", "rotate"])];
    let listed = roles(&site);
    let [(first, seals), (new, opens)] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((first, seals.as_str(), opens.as_str()), (old, "seals", "opens"));
    assert!(said[1].starts_with(&format!("Added key {new}, second in ")), "{}", said[1]);
    assert_eq!(fs::metadata(site.key_file()).unwrap().permissions().mode() & 0o7777, 0o600);
    let again = site.refuses(1, &["keys", "rotate"]);
    assert!(again.starts_with(&format!("there is a second key already, {new}: ")), "{again}");
    let early = site.refuses(1, &["keys", "rotate", "--promote"]);
    assert!(early.starts_with(&format!("no server has read key {new} yet")), "{early}");

    server.terminate().await;
    site.serve(&[]).terminate().await;
    said.push(site.says(&["keys", "rotate", "--promote"]));
    assert_eq!(roles(&site), [(new.clone(), "seals".to_owned()), (old.clone(), "opens".to_owned())]);

    let server = site.serve(&[]);
    server.put("janes-id", &[("provider", "sms"), ("to", "+77017654321"), ("otp", "27182818")]).await;
    let keys = site.json(&["keys", "list", "--json"]);
    assert_eq!(keys["source"], json!({"kind": "file", "path": site.key_file()}));
    for (key, id) in keys["keys"].as_array().unwrap().iter().zip([new, old]) {
        assert_eq!((&key["fingerprint"], &key["verifications"]), (&json!(id), &json!(1)), "{keys:#}");
        assert_eq!(key["known_to_store"], true);
    }
    let needed = site.refuses(1, &["keys", "rotate", "--drop", old]);
    assert!(needed.starts_with(&format!("key {old} is still needed by 1 verification until 20")), "{needed}");
    assert_eq!(server.check("johns-id", "31415926").await.0, 200);
    said.push(site.says(&["keys", "rotate", "--drop", old]));
    assert_eq!(roles(&site)[0], (new.clone(), "seals".to_owned()));
    assert_eq!(roles(&site)[1], (old.clone(), "missing".to_owned()), "the store still knows it");
    server.terminate().await;
    let server = site.serve(&[]);
    assert_eq!(server.check("janes-id", "27182818").await.0, 200);

    said.push(site.says(&["keys", "list"]));
    let [secret] = &secrets(&site)[..] else { panic!("one key is left") };
    assert!(said.iter().all(|said| !said.contains(secret.as_str())), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn force_goes_on_where_passcodes_may_be_lost() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let server = site.serve(&[]);
    server.put("johns-id", &[("provider", "sms"), ("to", "+77011234567"), ("otp", "31415926")]).await;
    site.says(&["keys", "rotate"]);
    site.says(&["keys", "rotate", "--promote", "--force"]);
    let old = roles(&site)[1].0.clone();
    let line = site.refuses(1, &["keys", "rotate", "--drop", &old]);
    assert!(line.starts_with("no server has read key "), "{line}");
    site.says(&["keys", "rotate", "--drop", &old, "--force"]);
    assert_eq!(secrets(&site).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_the_environment_are_for_their_owner_to_change() {
    let receiver = Receiver::answering().await;
    let site = Site::with_webhook(&receiver.url(), "");
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    let both = format!("{one},{two}");
    site.serve(&[("WATCHWORD_KEY", &both)]).terminate().await;
    let run = |arguments: &[&str], keys: &str| site.run_with(arguments, &[("WATCHWORD_KEY", keys)]);

    let list = run(&["keys", "list"], &both);
    assert!(list.out.contains("Keys come from WATCHWORD_KEY."), "{}", list.out);
    assert!(!list.out.contains(&one) && !list.out.contains(&two));
    let rotate = run(&["keys", "rotate"], &one);
    assert_eq!(rotate.code, Some(0), "{}", rotate.err);
    assert!(!rotate.out.contains(&one), "{}", rotate.out);
    let line =
        rotate.out.lines().find_map(|line| line.trim().strip_prefix("WATCHWORD_KEY=\"$WATCHWORD_KEY,"));
    let new = line.unwrap().trim_end_matches('"');
    assert_eq!(run(&["keys", "list"], &format!("{both},{new}")).code, Some(0), "it is a key");
    let list: Value = serde_json::from_str(&run(&["keys", "list", "--json"], &both).out).unwrap();
    let second = list["keys"][1]["fingerprint"].as_str().unwrap();
    for (arguments, what) in [
        (&["keys", "rotate", "--promote"][..], format!("put key {second} first there")),
        (&["keys", "rotate", "--drop", second], format!("nothing needs key {second}; take it out there")),
    ] {
        let run = run(arguments, &both);
        let expected = format!(
            "watchword: the keys come from WATCHWORD_KEY, which only you can change: {what}, and restart every node\n"
        );
        assert_eq!((run.code, run.err), (Some(1), expected));
    }
    assert!(!site.key_file().exists());
}

//! Loads over the API of Perfumer OTP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::program::{BARE_AS_SERVER, bench, json_of, refusal};
use crate::server::serve;

const AMOUNT: [&str; 7] = ["--verifications", "20", "--runs", "1", "--connections", "2", "--json"];

#[derive(Clone, Default)]
struct Stand {
    sent: Arc<Mutex<HashMap<String, Value>>>,
    limits: Arc<Mutex<Vec<Value>>>,
    checked: Arc<Mutex<u32>>,
}

fn stand(stand: Stand) -> String {
    let send = async |State(stand): State<Stand>, Json(sent): Json<Value>| {
        let phone = sent["phone"].as_str().unwrap().to_owned();
        let before = stand.sent.lock().unwrap().insert(phone, sent);
        Json(json!({"status": before.is_none()}))
    };
    let check = async |State(stand): State<Stand>, Query(asked): Query<HashMap<String, String>>| {
        *stand.checked.lock().unwrap() += 1;
        let sent = stand.sent.lock().unwrap();
        Json(json!({"status": sent[&asked["phone"]]["password"] == asked["password"]}))
    };
    let limit = async |State(stand): State<Stand>, Json(limits): Json<Value>| {
        stand.limits.lock().unwrap().push(limits);
        Json(json!({"status": true}))
    };
    let router = Router::new().route("/sms", post(send)).route("/sms/check", get(check));
    format!("http://{}", serve(router.route("/limit/sms", post(limit)).with_state(stand)))
}

#[test]
fn each_verification_is_a_send_and_its_check_and_limits_are_set_before() {
    let seen = Stand::default();
    let url = stand(seen.clone());
    let report =
        json_of(&bench(&[&["run", "--api", "perfumer", "--limits", "--target", &url][..], &AMOUNT].concat()));
    assert_eq!(
        (&report["runs"][0]["completed"], &report["load"]["passcode_from"]),
        (&20.into(), &"own".into())
    );
    let sent = seen.sent.lock().unwrap();
    // One to try it, two to warm up.
    assert_eq!((sent.len(), *seen.checked.lock().unwrap()), (23, 23));
    for (phone, sent) in &*sent {
        assert!(phone.len() == 11 && phone.starts_with("77"), "{phone}");
        let (password, ip) = (sent["password"].as_str().unwrap(), sent["ip"].as_str().unwrap());
        assert!(ip.parse::<std::net::Ipv4Addr>().unwrap().is_private(), "{ip}");
        let expected = json!({"ip": ip, "phone": phone, "password": password, "lifetime": 300,
            "message": format!("Your code: {password}")});
        assert_eq!(*sent, expected);
    }
    let limits = seen.limits.lock().unwrap();
    let [limits] = limits.as_slice() else { panic!("{limits:?}") };
    assert_eq!(limits["ips"].as_array().map(Vec::len), Some(2));
    assert_eq!(limits["phones"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_server_that_finds_a_right_passcode_wrong_is_refused() {
    let answers = async || r#"{"status":false}"#;
    let router = Router::new().route("/sms", post(answers));
    let url = format!("http://{}", serve(router));
    let line = refusal(&[&["run", "--api", "perfumer", "--target", &url][..], &AMOUNT].concat(), 1);
    let expected = format!(
        "watchword-bench: {url}: PUT was answered 200, but not with a `status` that is true. Is Perfumer's API there? \
         Give its base URL as --target\n"
    );
    assert_eq!(line, expected);
}

#[test]
fn history_compares_a_server_that_has_sent_before_with_one_that_has_not() {
    let folder = tempfile::tempdir().unwrap();
    let how = ["history", "--api", "perfumer", "--sent", "50", "--wait", "0"];
    let data = ["--data", folder.path().to_str().unwrap()];
    let report = json_of(&bench(&[&how[..], &BARE_AS_SERVER, &data, &AMOUNT].concat()));
    for (side, sent) in [("without", 0), ("with", 50)] {
        assert_eq!(report[side]["sent"], sent);
        assert_eq!(report[side]["runs"][0]["completed"], 20);
    }
    assert_eq!(report["aims"][0]["at_most"], 1.3);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

//! `watchword dev`, from its first line to its last.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::Server;

/// The line of the welcome with the folder.
fn data_folder(server: &Server) -> PathBuf {
    let line =
        server.process.output().into_iter().find(|line| line.trim_start().starts_with("Data ")).unwrap();
    line.split_whitespace().nth(1).unwrap().into()
}

fn no_arguments() -> [&'static str; 0] {
    []
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_is_asked_for_arrives_and_is_verified_once() {
    let server = Server::dev(no_arguments());
    let reply = server
        .put("johns-id", &[("provider", "inbox"), ("to", "john@example.com"), ("extra", "{\"a\": 1.0}")])
        .await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["content-type"], "application/json; charset=utf-8");
    let reply: Value = reply.json().await.unwrap();
    let code = reply["data"]["otp"].as_str().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert_eq!(reply["data"]["url"], format!("{}/otp/dev/johns-id", server.origin));

    let arrived: Value =
        reqwest::get(format!("{}/dev/inbox/messages", server.origin)).await.unwrap().json().await.unwrap();
    let [message] = &arrived.as_array().unwrap()[..] else { panic!("{arrived}") };
    assert_eq!(
        (&message["to"], &message["code"], &message["namespace"], &message["id"]),
        (&json!("john@example.com"), &json!(code), &json!("dev"), &json!("johns-id"))
    );
    assert!(message["body"].as_str().unwrap().contains(code), "{message}");

    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(server.check("johns-id", wrong).await.0, 400);
    let (status, reply) = server.check("johns-id", code).await;
    assert_eq!(
        (status, &reply["data"]["closed"], &reply["data"]["attempts"]),
        (200, &json!(true), &json!(3))
    );
    let (status, reply) = server.check("johns-id", code).await;
    assert_eq!((status, reply), (400, json!({"status": "error", "message": "the OTP does not exist"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_it_prints_work_when_they_are_pasted_into_a_shell() {
    let server = Server::dev(no_arguments());
    let lines = server.process.output();
    let lines: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| line.starts_with("curl ")).collect();
    let run = |line: &str| {
        // `--noproxy`: the test may run where a proxy is set, a person with one has configured it for this machine.
        let output = Command::new("sh").args(["-c", line]).env("no_proxy", "*").output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let [ask, look, check, status] = &lines[..] else { panic!("{lines:#?}") };
    let asked: Value = serde_json::from_str(&run(ask)).unwrap();
    assert_eq!(run(look), format!("{}\n", asked["data"]["otp"].as_str().unwrap()));
    for line in [check, status] {
        let reply: Value = serde_json::from_str(&run(line)).unwrap();
        assert_eq!((&reply["status"], &reply["data"]["closed"]), (&json!("success"), &json!(true)), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_folder_goes_with_it() {
    let server = Server::dev(no_arguments());
    let folder = data_folder(&server);
    assert!(folder.join("watchword.db").is_file());
    let (status, output) = server.terminate().await;
    assert_eq!(status.code(), Some(0), "{output:?}");
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_was_told_to_keep_is_there_the_next_time() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("made/on demand");
    let arguments = [Path::new("--data"), &folder];
    let server = Server::dev(arguments);
    let reply = server.put("johns-id", &[("provider", "inbox"), ("to", "john@example.com")]).await;
    let reply: Value = reply.json().await.unwrap();
    assert_eq!(server.terminate().await.0.code(), Some(0));
    let server = Server::dev(arguments);
    assert_eq!(server.check("johns-id", reply["data"]["otp"].as_str().unwrap()).await.0, 200);
    let names =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.contains('-')).collect();
    names.sort();
    assert_eq!(names, ["watchword.db", "watchword.key"]);
}

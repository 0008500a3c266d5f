//! `watchword reload`, beside a running server.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Receiver, Run, Server, run_in};

/// Writes a configuration with a provider `sms` whose subject is this, and more.
fn write(folder: &Path, webhook: &str, subject: &str, more: &str) {
    let text = format!(
        "[store]\nurl = \"sqlite:{}\"\n[namespaces.app]\nsecret = \"app-secret\"\n\
         [providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\nsubject = \"{subject}\"\ntemplate = \"words.txt\"\n{more}",
        folder.join("watchword.db").display()
    );
    fs::write(folder.join("watchword.toml"), text).unwrap();
}

fn reload(folder: &Path, admin: &str) -> Run {
    run_in(folder, ["reload", "--admin", admin.strip_prefix("http://").unwrap()], &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_words_are_in_the_next_message_and_mistakes_change_nothing() {
    let receiver = Receiver::answering().await;
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words.txt");
    fs::write(&words, "Your code: {{ .OTP }}").unwrap();
    write(folder.path(), &receiver.url(), "For {{ .Namespace | upper }}", "");
    let mut server =
        Server::serve(&folder.path().join("watchword.toml"), &[("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0")]);
    let admin = server.admin();
    let message = async |id: &str| {
        assert_eq!(server.put(id, &[("provider", "sms"), ("to", "42")]).await.status(), 200);
        let (_, message) = receiver.next().await;
        let body = message["body"].as_str().unwrap().replace(message["otp"]["otp"].as_str().unwrap(), "CODE");
        (message["subject"].as_str().unwrap().to_owned(), body)
    };
    assert_eq!(message("johns-id").await, ("For APP".to_owned(), "Your code: CODE".to_owned()));

    fs::write(&words, "{{ .OTP }} is it").unwrap();
    let run = reload(folder.path(), &admin);
    assert_eq!(run, Run { code: Some(0), out: "taken up: messages\n".to_owned(), err: String::new() });
    assert_eq!(message("janes-id").await, ("For APP".to_owned(), "CODE is it".to_owned()));

    fs::write(&words, "\n{{ .OPT }}").unwrap();
    write(folder.path(), &receiver.url(), "changed", "[gues]\n");
    let run = reload(folder.path(), &admin);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    let here = folder.path().display();
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(
        lines,
        [
            "watchword: nothing was changed: the configuration has 2 mistakes:".to_owned(),
            format!("  {here}/watchword.toml:10: gues: unknown; did you mean `guess`?"),
            format!("  {here}/words.txt:2: there is no field `.OPT` here, did you mean `.OTP`?"),
        ]
    );
    assert_eq!(message("marys-id").await, ("For APP".to_owned(), "CODE is it".to_owned()));
}

#[test]
fn where_nobody_answers_it_says_where_it_asked_and_what_else_helps() {
    let folder = tempfile::tempdir().unwrap();
    // A port that is ours and not listened to by a server.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    drop(taken);
    // Found by the setting, though the configuration has a mistake elsewhere.
    let config = format!("[admin]\nlisten = \"{address}\"\n[server]\nlisen = 1\n");
    fs::write(folder.path().join("watchword.toml"), config).unwrap();
    let run = run_in(folder.path(), ["reload"], &[]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.starts_with(&format!("watchword: no server answers at http://{address}; ")), "{run:?}");
    assert!(
        run.err.ends_with("; without an admin listener, send its process a SIGHUP: it reloads too\n"),
        "{run:?}"
    );
    assert_eq!(run.err.lines().count(), 1, "{run:?}");
}

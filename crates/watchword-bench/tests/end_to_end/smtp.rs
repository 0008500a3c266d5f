//! `smtp`: what sending a message costs.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use watchword_testkit::deadline::eventually;

use crate::program::{PROGRAM, bench, json_of, refusal};
use crate::signals::{only_run_of, signal};

/// What a mail server got.
#[derive(Default)]
struct Got {
    connections: usize,
    messages: Vec<String>,
}

/// A mail server that keeps what it gets, and answers recipients so.
fn mail_server(recipient: &'static str) -> (SocketAddr, Arc<Mutex<Got>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let got = Arc::new(Mutex::new(Got::default()));
    let shared = Arc::clone(&got);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            shared.lock().unwrap().connections += 1;
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || talk(&stream.unwrap(), recipient, &shared));
        }
    });
    (address, got)
}

fn talk(stream: &TcpStream, recipient: &str, got: &Mutex<Got>) {
    let say = |text: &str| write!(&*stream, "{text}\r\n").unwrap();
    say("220 test");
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(line)) = lines.next() {
        match &line[..4] {
            "RCPT" => say(recipient),
            "DATA" => {
                say("354 go on");
                let message: Vec<_> =
                    lines.by_ref().map(Result::unwrap).take_while(|line| line != ".").collect();
                got.lock().unwrap().messages.push(message.join("\n"));
                say("250 OK");
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 OK"),
        }
    }
}

#[test]
fn the_cost_of_a_message_is_measured_with_a_sink_of_its_own() {
    let output = bench(&["smtp", "--messages", "200", "--connections", "3", "--runs", "2", "--json"]);
    let report = json_of(&output);
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!((&run["sent"], &run["send"]["count"]), (&200.into(), &200.into()));
        assert!(run["cpu_us_per_message"].as_f64().unwrap() > 0.0, "{run}");
        assert!(run["send"]["p99_us"].as_u64() >= run["send"]["p50_us"].as_u64(), "{run}");
    }
    let aim = &report["aims"][0];
    assert_eq!((&aim["at_most"], &aim["measured"]), (&300.0.into(), &report["cpu_us_per_message"]));
}

#[test]
fn as_text_it_has_a_line_a_run_and_the_aim() {
    let output = bench(&["smtp", "--messages", "50", "--connections", "2", "--runs", "2"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for start in ["machine: ", "127.0.0.1:", "run 1 of 2: 50 messages in ", "run 2 of 2: ", "CPU a message "]
    {
        assert!(text.lines().any(|line| line.starts_with(start)), "no line begins with {start:?} in\n{text}");
    }
}

#[test]
fn a_mail_server_gets_html_with_a_text_part_under_ids_of_their_own_over_few_connections() {
    let (address, got) = mail_server("250 OK");
    let port = address.port().to_string();
    let server = ["smtp", "--host", "127.0.0.1", "--port", &port, "--to", "me@example.org"];
    let report = json_of(&bench(
        &[&server[..], &["--messages", "30", "--connections", "2", "--runs", "1", "--json"]].concat(),
    ));
    assert_eq!(report["server"], address.to_string());
    let got = got.lock().unwrap();
    // One to see that there is somebody, two for the messages: those are kept.
    assert_eq!((got.connections, got.messages.len()), (3, 2 * 20 + 30));
    let mut ids = HashSet::new();
    for message in &got.messages {
        let header = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert!(ids.insert(header("Message-ID: ")), "{message}");
        assert_eq!(header("To: "), "me@example.org");
        assert!(header("Content-Type: ").starts_with("multipart/alternative"), "{message}");
        for part in ["text/plain", "text/html", "314159"] {
            assert!(message.contains(part), "no {part} in {message}");
        }
    }
}

#[test]
fn a_mail_server_that_is_down_or_refuses_is_one_line() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = refusal(&["smtp", "--host", "127.0.0.1", "--port", &free.to_string()], 1);
    assert!(text.starts_with(&format!("watchword-bench: 127.0.0.1 port {free}: ")), "{text}");
    assert!(
        text.ends_with("; does a mail server listen there, without TLS and without signing in?\n"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");

    let (address, _) = mail_server("550 5.1.1 no such user");
    let text = refusal(&["smtp", "--host", "127.0.0.1", "--port", &address.port().to_string()], 1);
    let start = format!("watchword-bench: {address} did not take a message: the address was refused: ");
    assert!(text.starts_with(&start) && text.lines().count() == 1, "{text}");
}

#[test]
fn an_option_that_no_mail_can_be_made_of_ends_with_2() {
    for (option, expected) in
        [("--from", "`from_email` must be an e-mail address"), ("--to", "not an address")]
    {
        let text = refusal(&["smtp", option, "", "--messages", "1"], 2);
        assert!(text.contains(expected) && text.lines().count() == 1, "{option}: {text}");
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_reports_what_was_sent_until_then() {
    let (address, got) = mail_server("250 OK");
    let port = address.port().to_string();
    let mut command = Command::new(PROGRAM);
    command.args(["smtp", "--host", "127.0.0.1", "--port", &port, "--connections", "1", "--json"]);
    let bench = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Twenty of them warm up.
    eventually("messages", async || (got.lock().unwrap().messages.len() >= 25).then_some(())).await;
    signal("-INT", &bench);
    let run = only_run_of(bench);
    assert_eq!(run["sent"].as_u64().unwrap() as usize, got.lock().unwrap().messages.len() - 20);
}

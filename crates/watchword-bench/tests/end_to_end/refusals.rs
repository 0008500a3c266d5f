//! What goes wrong before anything is measured: one line each that says what to do.

use std::net::TcpListener;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, put};

use crate::program::{Bare, refusal};
use crate::server::serve;

/// The one line, without the program's name.
fn line(arguments: &[&str]) -> String {
    let text = refusal(arguments, 1);
    assert_eq!(text.lines().count(), 1, "{text}");
    text.strip_prefix("watchword-bench: ").unwrap_or_else(|| panic!("{text}")).trim_end().to_owned()
}

/// The line when every call is answered so.
fn line_when(status: StatusCode, body: &'static str, more: &[&str]) -> String {
    let url = format!("http://{}", serve(Router::new().fallback(any(async move || (status, body)))));
    let line = line(&[&["run", "--target", &url][..], more].concat());
    line.strip_prefix(&format!("{url}: ")).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn a_target_that_is_down() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = line(&["run", "--target", &format!("http://{free}")]);
    let start = format!("cannot connect to http://{free}; does the server run, and listen there?: ");
    assert!(line.starts_with(&start), "{line}");
}

#[test]
fn a_target_that_answers_otherwise() {
    let cases = [
        (
            StatusCode::UNAUTHORIZED,
            r#"{"status":"error","message":"Invalid API credentials."}"#,
            "PUT was answered 401 Unauthorized Invalid API credentials. \
             Is the secret of namespace `dev` right? Give --namespace and --secret",
        ),
        (
            StatusCode::BAD_REQUEST,
            r#"{"status":"error","message":"Unknown provider."}"#,
            "PUT was answered 400 Bad Request Unknown provider. \
             Does the server have the provider `inbox`, and take such addresses? Give --provider and --to",
        ),
        (
            StatusCode::NOT_FOUND,
            "404 page not found",
            "PUT was answered 404 Not Found. Is the otpgateway API there? Give its base URL as --target",
        ),
        (
            StatusCode::OK,
            "<html>Welcome to nginx!</html>",
            "PUT was answered 200, but not with a reply of its API. \
             Is the otpgateway API there? Give its base URL as --target",
        ),
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            r#"{"status":"error","message":"Error sending OTP."}"#,
            "PUT was answered 500 Internal Server Error Error sending OTP. \
             Can the provider `inbox` send? The server's log says more",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":"error","message":"Unable to reach store."}"#,
            "PUT was answered 503 Service Unavailable Unable to reach store. The server's log says more",
        ),
    ];
    for (status, body, expected) in cases {
        assert_eq!(line_when(status, body, &[]), expected);
    }
}

#[test]
fn a_target_that_gives_no_passcode_back_though_it_was_said_to() {
    let line =
        line_when(StatusCode::OK, r#"{"status":"success","data":{"otp":""}}"#, &["--passcode-from", "reply"]);
    assert_eq!(line, "the reply to PUT gives no passcode back. Leave out --passcode-from, or give `own`");
}

#[test]
fn a_target_that_speaks_no_http() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 16]);
            let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
        }
    });
    let line = line(&["run", "--target", &format!("http://{address}")]);
    assert!(line.starts_with(&format!("http://{address}: PUT has no reply: ")), "{line}");
    assert!(line.ends_with(". Does a server speak HTTP/1.1 there?"), "{line}");
}

#[test]
fn a_check_that_fails_names_the_check() {
    let succeed = async || r#"{"status":"success","data":{"otp":"1"}}"#;
    let refuse = async || (StatusCode::BAD_REQUEST, r#"{"status":"error","message":"Incorrect OTP"}"#);
    let router = Router::new().route("/api/otp/{id}", put(succeed).post(refuse));
    let url = format!("http://{}", serve(router));
    let expected = "the check was answered 400 Bad Request Incorrect OTP. The server's log says more";
    assert_eq!(line(&["run", "--target", &url]), format!("{url}: {expected}"));
}

#[test]
fn a_process_that_does_not_run() {
    let bare = Bare::start();
    let line = line(&["run", "--target", &bare.url, "--also-pid", "postgres=4294967295"]);
    let start = "cannot read /proc/4294967295/stat; does process 4294967295 still run?: ";
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn options_that_are_wrong_end_with_2() {
    let cases: [(&[&str], &str); 10] = [
        (&["run", "--target", "ftp://x"], "give http://HOST[:PORT][/PREFIX]"),
        (&["run", "--rate", "0"], "give a number from 0.01 to 10000000"),
        (&["run", "--to", "{name}"], "only {id} and {number} can stand in braces"),
        (&["run", "--also-pid", "postgres"], "give NAME=PID, such as postgres=1234"),
        (&["run", "--ca", "/nonexistent"], "cannot read /nonexistent as PEM"),
        (&["run", "--ca", "/dev/null"], "/dev/null holds no certificate; give a PEM file"),
        (&["run", "--connections", "0"], "number would be zero"),
        (&["run", "--server-binary", "x", "--server-pid", "1"], "cannot be used with"),
        (&["memory"], "--server-binary <PATH>"),
        (&["fly"], "unrecognized subcommand 'fly'"),
    ];
    for (arguments, expected) in cases {
        let text = refusal(arguments, 2);
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

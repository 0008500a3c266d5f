//! `watchword serve --as otpgateway`: an existing configuration, started as it is.

use std::fs;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use watchword_testkit::process::Process;

use crate::support::{Receiver, Run, Server, client, run_in};

/// A configuration with the sections and settings of the shipped one.
const SHIPPED: &str = include_str!("fixtures/otpgateway.toml");

/// A folder with it.
struct Site {
    folder: TempDir,
    config: PathBuf,
    store: String,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        fs::write(&config, SHIPPED).unwrap();
        let store = format!("sqlite:{}", folder.path().join("watchword.db").display());
        Self { folder, config, store }
    }

    /// Starts it, its webhook switched on by variables as otpgateway reads them.
    fn serve(&self, webhook: &str) -> Server {
        let environment = [
            ("WATCHWORD_STORE", self.store.as_str()),
            ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0"),
            ("OTP_GATEWAY_APP__ADDRESS", "127.0.0.1:0"),
            ("OTP_GATEWAY_WEBHOOKS__TELEPHONE__ENABLED", "true"),
            ("OTP_GATEWAY_WEBHOOKS__TELEPHONE__URL", webhook),
        ];
        Server::as_otpgateway(&self.config, ("Shop", "shop-secret"), &environment)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_configuration_serves_its_users() {
    let receiver = Receiver::answering().await;
    let site = Site::new();
    let server = site.serve(&receiver.url());

    let providers: Value =
        server.call(reqwest::Method::GET, "/api/providers").send().await.unwrap().json().await.unwrap();
    assert_eq!(providers["data"], json!(["smtp", "telephone"]));

    let reply = server.put("johns-id", &[("provider", "telephone"), ("to", "98450 12345")]).await;
    assert_eq!(reply.status(), 200);
    let reply: Value = reply.json().await.unwrap();
    let otp = &reply["data"];
    assert_eq!(
        (&otp["ttl"], &otp["max_attempts"], &otp["max_generate"], &otp["url"]),
        (&json!(300), &json!(5), &json!(3), &json!("http://localhost:9000/otp/Shop/johns-id"))
    );
    let (headers, message) = receiver.next().await;
    assert_eq!(headers["user-agent"], "otpgateway");
    assert_eq!((&message["otp"]["otp"], &message["otp"]["to"]), (&otp["otp"], &json!("98450 12345")));
    assert_eq!(message["subject"], "Shop: Phone call verification");
    assert_eq!(server.check("johns-id", otp["otp"].as_str().unwrap()).await.0, 200);

    let other = client().get(format!("{}/api/providers", server.origin));
    assert_eq!(other.basic_auth("Bank", Some("bank-secret")).send().await.unwrap().status(), 200);
    assert!(site.folder.path().join("watchword.key").is_file(), "the key is beside the store");
}

/// A mail server that is not ours, without TLS, that wants CRAM-MD5 and the password of the shipped configuration.
fn mail_server() -> (u16, Process) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mail/server.mjs").into_os_string();
    let options = json!({ "auth": ["CRAM-MD5"], "username": "mail-user", "password": "mail-password" });
    let mut process = Process::start(Path::new("node"), [script, options.to_string().into()], &[]);
    let port = process.wait_for_line("\"listening\" (is `npm ci --prefix tests/mail` done?)", |line| {
        serde_json::from_str::<Value>(line).ok()?["port"].as_u64()
    });
    (u16::try_from(port).unwrap(), process)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_mail_goes_out_as_configured_and_in_the_words_of_the_shipped_template() {
    let (port, mut mail_server) = mail_server();
    let site = Site::new();
    let port = port.to_string();
    let environment = [
        ("WATCHWORD_STORE", site.store.as_str()),
        ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0"),
        ("OTP_GATEWAY_APP__ADDRESS", "127.0.0.1:0"),
        ("OTP_GATEWAY_PROVIDERS__SMTP__PORT", &port),
        // At its most talkative: what libraries work on is the message.
        ("WATCHWORD_LOG__LEVEL", "trace"),
    ];
    let server = Server::as_otpgateway(&site.config, ("Shop", "shop-secret"), &environment);
    // Not six digits: those stand in many a time of day.
    let code = "Zq7xW5v9kT2Lm8".to_owned();
    let put = [("provider", "smtp"), ("to", "john@example.com"), ("otp", &code)];
    assert_eq!(server.put("johns-id", &put).await.status(), 200);
    let mail = mail_server.wait_for_line("a mail", |line| {
        serde_json::from_str::<Value>(line).ok().filter(|line| line["event"] == "mail")
    });
    assert_eq!(
        (&mail["from"], &mail["to"], &mail["subject"]),
        (&json!("codes@shop.example"), &json!("john@example.com"), &json!("Shop: E-mail verification"))
    );
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("Your verification code for Shop:") && html.contains(&code), "{html}");
    let link = format!("http://localhost:9000/otp/Shop/johns-id?otp={code}&amp;action=check");
    assert!(html.contains(&link), "{link}\n{html}");
    assert!(mail["text"].as_str().unwrap().contains(&code), "a mail has a text part too");
    assert_eq!(server.check("johns-id", &code).await.0, 200);
    let (_, log) = server.terminate().await;
    assert!(log.iter().any(|line| line.contains("DEBUG")), "the log is talkative");
    let told: Vec<_> = log.iter().filter(|line| line.contains(&code) || line.contains("john@")).collect();
    assert!(told.is_empty(), "{told:#?}");
}

/// What a request to a messaging service held.
struct Asked {
    path: String,
    headers: HeaderMap,
    body: String,
}

/// Stands in for Kaleyra and AWS alike: takes every message, and tells of it.
async fn messaging_service() -> (String, mpsc::UnboundedReceiver<Asked>) {
    let (sender, asked) = mpsc::unbounded_channel();
    let take = move |uri: Uri, headers: HeaderMap, body: String| async move {
        sender.send(Asked { path: uri.path().to_owned(), headers, body }).unwrap();
        (StatusCode::OK, json!({ "MessageId": "m-1", "id": "m-1" }).to_string())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await.unwrap() });
    (origin, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_sms_and_whatsapp_providers_send_once_they_are_switched_on() {
    let (origin, mut asked) = messaging_service().await;
    let site = Site::new();
    let environment = [
        ("WATCHWORD_STORE", site.store.as_str()),
        ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0"),
        ("WATCHWORD_PROVIDERS__KALEYRA_SMS__BASE_URL", &origin),
        ("WATCHWORD_PROVIDERS__KALEYRA_WHATSAPP__BASE_URL", &origin),
        ("WATCHWORD_PROVIDERS__PINPOINT_SMS__ENDPOINT", &origin),
        ("OTP_GATEWAY_APP__ADDRESS", "127.0.0.1:0"),
        ("OTP_GATEWAY_PROVIDERS__KALEYRA_SMS__ENABLED", "true"),
        ("OTP_GATEWAY_PROVIDERS__KALEYRA_SMS__SID", "HXIN1700000000IN"),
        ("OTP_GATEWAY_PROVIDERS__KALEYRA_SMS__API_KEY", "kaleyra-key"),
        ("OTP_GATEWAY_PROVIDERS__KALEYRA_WHATSAPP__ENABLED", "true"),
        ("OTP_GATEWAY_PROVIDERS__KALEYRA_WHATSAPP__SID", "HXIN1700000000IN"),
        ("OTP_GATEWAY_PROVIDERS__KALEYRA_WHATSAPP__API_KEY", "kaleyra-key"),
        ("OTP_GATEWAY_PROVIDERS__KALEYRA_WHATSAPP__SENDER", "919876500000"),
        ("OTP_GATEWAY_PROVIDERS__PINPOINT_SMS__ENABLED", "true"),
        ("OTP_GATEWAY_PROVIDERS__PINPOINT_SMS__ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE"),
        ("OTP_GATEWAY_PROVIDERS__PINPOINT_SMS__SECRET_KEY", "aws-secret"),
        ("OTP_GATEWAY_PROVIDERS__PINPOINT_SMS__REGION", "ap-south-1"),
    ];
    let server = Server::as_otpgateway(&site.config, ("Shop", "shop-secret"), &environment);
    for (provider, path) in [
        ("kaleyra_sms", "/v1/HXIN1700000000IN/messages"),
        ("kaleyra_whatsapp", "/v1/HXIN1700000000IN/messages"),
        ("pinpoint_sms", "/"),
    ] {
        let refused = server.put("johns-id", &[("provider", provider), ("to", "john")]).await;
        assert_eq!(refused.status(), 400, "{provider}: not a telephone number");

        let reply = server.put("johns-id", &[("provider", provider), ("to", "9845012345")]).await;
        assert_eq!(reply.status(), 200, "{provider}");
        let reply: Value = reply.json().await.unwrap();
        let code = reply["data"]["otp"].as_str().unwrap();
        assert_eq!((code.len(), &reply["data"]["to"]), (6, &json!("9845012345")), "{provider}");
        let asked = asked.recv().await.unwrap();
        assert_eq!(asked.path, path, "{provider}");
        let is_signed = asked.headers.contains_key("authorization");
        assert_eq!(asked.headers.contains_key("api-key"), !is_signed, "{provider}");
        assert!(
            asked.body.contains("919845012345") && asked.body.contains(code),
            "{provider}: {}",
            asked.body
        );
        assert_eq!(server.check("johns-id", code).await.0, 200);
    }
}

fn serve(folder: &Path, environment: &[(&str, &str)]) -> Run {
    run_in(folder, ["serve", "--as", "otpgateway"], environment)
}

#[test]
fn the_usual_file_is_read_and_the_store_that_is_missing_named() {
    let site = Site::new();
    let config = site.folder.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[store.redis]\nhost = \"localhost\"\n", "[store.redis]\n"))
        .unwrap();
    let run = serve(site.folder.path(), &[]);
    assert_eq!(
        run,
        Run {
            code: Some(2),
            out: String::new(),
            err: "watchword: config.toml:14: store.redis: names no server: set `host`, or \
                  WATCHWORD_STORE=sqlite:PATH, and the state is kept in that file, on this machine\n"
                .to_owned(),
        }
    );
}

#[test]
fn its_configuration_can_be_checked_without_a_start() {
    let site = Site::new();
    let check = ["config", "check", "--as", "otpgateway"];
    let run = run_in(site.folder.path(), check, &[("WATCHWORD_STORE", &site.store)]);
    assert_eq!(
        run,
        Run {
            code: Some(0),
            out: format!(
                "good: listens on 0.0.0.0:9000, store {}, 2 namespaces, providers smtp (smtp)\n\
                 warning: config.toml:9: app.otp_max_resends: has no effect, and never had one; the setting is `otp_max_generate`\n\
                 warning: config.toml:17: store.redis.user: has no effect, and never had one; the setting is `username`\n",
                site.store
            ),
            err: String::new(),
        }
    );
}

#[test]
fn its_configuration_is_printed_as_ours_and_means_the_same() {
    let site = Site::new();
    let printed = run_in(site.folder.path(), ["config", "import", "otpgateway", "config.toml"], &[]);
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    assert!(printed.out.contains("secret = \"shop-secret\""), "{}", printed.out);
    fs::write(site.folder.path().join("watchword.toml"), printed.out).unwrap();
    let run = run_in(site.folder.path(), ["config", "check"], &[("WATCHWORD_STORE", &site.store)]);
    let expected =
        format!("good: listens on 0.0.0.0:9000, store {}, 2 namespaces, providers smtp (smtp)\n", site.store);
    assert_eq!(run, Run { code: Some(0), out: expected, err: String::new() });

    let run = run_in(site.folder.path(), ["config", "import", "otpgateway", "missing.toml"], &[]);
    let err = "watchword: missing.toml: there is no such file\n".to_owned();
    assert_eq!(run, Run { code: Some(2), out: String::new(), err });
}

#[test]
fn a_product_that_is_not_known_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), ["serve", "--as", "otpgatway"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("otpgateway"), "{run:?}");
}

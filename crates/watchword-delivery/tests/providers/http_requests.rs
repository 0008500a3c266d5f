//! What a provider of the kind `http` sends.

use tokio::sync::mpsc;
use watchword_core::delivery::{BodyFormat, Outcome};

use crate::http_provider::provider;
use crate::raw_server;
use crate::receiver::Receiver;
use crate::sample::Sample;

const ACCEPTED: Outcome = Outcome::Accepted { message_id: None };

/// What comes after the path in the first line; the headers in the order they come; the body.
async fn request_of(path: &str, toml: &str) -> String {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let sender = sender.clone();
        async move {
            sender.send(raw_server::read_request(&mut connection).await).unwrap();
            raw_server::write(&mut connection, "HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    })
    .await;
    let provider = provider(&format!("http://{address}{path}"), toml);
    assert_eq!(Sample::new().send(&*provider).await, ACCEPTED);
    requests.recv().await.unwrap().replace(&address.to_string(), "HOST")
}

fn request(first: &str, headers: &[&str], body: &str) -> String {
    let head = [first, &headers.join("\r\n"), &last_headers(body)].join("\r\n");
    format!("{head}\r\n\r\n{body}")
}

fn last_headers(body: &str) -> String {
    let agent = format!("user-agent: watchword/{}", env!("CARGO_PKG_VERSION"));
    format!("{agent}\r\naccept: */*\r\nhost: HOST\r\ncontent-length: {}", body.len())
}

#[tokio::test]
async fn a_form_is_sent_to_the_byte() {
    let sent = request_of(
        "/secret-path/send?token=x",
        r#"
        username = "AC1"
        password = "hunter2"
        address = "phone"
        to_format = "e164"
        [form]
        To = "{{ .To }}"
        Body = "{{ .Body }}"
        tag = ["otp", 7, true]
        "#,
    )
    .await;
    // Fields in the order of their names.
    let body = "Body=Code%3A+314159%0A%3Cb%3E%26amp%3B%3C%2Fb%3E&To=%2B77011234567&tag=otp&tag=7&tag=true";
    let headers =
        ["authorization: Basic QUMxOmh1bnRlcjI=", "content-type: application/x-www-form-urlencoded"];
    assert_eq!(sent, request("POST /secret-path/send?token=x HTTP/1.1", &headers, body));
}

#[tokio::test]
async fn json_is_sent_to_the_byte_and_stays_json_whatever_the_message_says() {
    let sent = request_of(
        "/send",
        r#"
        method = "PUT"
        headers = { Authorization = "App hunter2", "X-Request-Id" = "{{ .Namespace }}/{{ .ExternalID }}" }
        [json]
        flash = false
        ttl = 30000
        list = [1, "{{ .Passcode }}", { subject = "{{ .Subject }}" }]
        text = "{{ .Body }} \"{{ .OTP }}\" {{ .TTLSeconds }} {{ .OTPTTL }} {{ .Channel }}"
        "#,
    )
    .await;
    let body = concat!(
        r#"{"flash":false,"list":[1,"314159",{"subject":"Код / Code"}],"#,
        r#""text":"Code: 314159\n<b>&amp;</b> \"314159\" 300 5m0s sms","ttl":30000}"#
    );
    let expected = request(
        "PUT /send HTTP/1.1",
        &["authorization: App hunter2", "content-type: application/json"],
        body,
    );
    assert_eq!(sent, expected.replace("accept:", "x-request-id: myAppName/user/42\r\naccept:"));
}

#[tokio::test]
async fn a_text_is_sent_as_what_its_header_says() {
    let xml = r#"text = "<sms to='{{ .To }}'>{{ .Passcode }}</sms>""#;
    let body = "<sms to='+7 701 123 45 67'>314159</sms>";
    let first = "POST / HTTP/1.1";
    assert_eq!(
        request_of("/", xml).await,
        request(first, &["content-type: text/plain; charset=utf-8"], body)
    );
    let as_xml = format!("{xml}\nheaders = {{ content-type = \"application/xml\" }}");
    assert_eq!(request_of("/", &as_xml).await, request(first, &["content-type: application/xml"], body));
}

#[tokio::test]
async fn values_in_the_url_are_encoded_where_they_stand() {
    let receiver = Receiver::answering(200).await;
    let url = receiver.url("/v1/{{ .ExternalID }}/{{.Passcode}}?a=b&text={{ printf \"%s}}\" .Body }}");
    let toml = r#"
        method = "GET"
        query = { to = "{{ .To }}", "Код" = "{{ .Subject }}", fixed = 1, several = ["x y", "z"] }
        address = "phone"
        to_format = "digits"
    "#;
    assert_eq!(Sample::new().send(&*provider(&url, toml)).await, ACCEPTED);
    let sent = receiver.only();
    assert_eq!((sent.method.as_str(), sent.body.len()), ("GET", 0));
    assert_eq!(
        sent.path,
        concat!(
            "/v1/user%2F42/314159?a=b&text=Code%3A%20314159%0A%3Cb%3E%26amp%3B%3C%2Fb%3E%7D%7D",
            "&fixed=1&several=x%20y&several=z&to=77011234567",
            "&%D0%9A%D0%BE%D0%B4=%D0%9A%D0%BE%D0%B4%20%2F%20Code"
        )
    );
}

#[tokio::test]
async fn no_message_chooses_another_path() {
    let receiver = Receiver::answering(200).await;
    let provider = provider(&receiver.url("/users/{{ .To }}/send"), "");
    for to in ["..", ".", "../..", "a/../b", "%2e%2e", "?x=", "#", "\\..\\"] {
        let mut sample = Sample::new();
        sample.message.to = to.to_owned();
        let outcome = sample.send(&*provider).await;
        if matches!(to, ".." | ".") {
            let detail = "not sent: `url` would have a path segment `.` or `..`".to_owned();
            assert_eq!(outcome, Outcome::AddressRefused { detail });
        } else {
            assert_eq!(outcome, ACCEPTED, "{to}");
        }
    }
    let paths: Vec<_> = receiver.received().into_iter().map(|request| request.path).collect();
    assert_eq!(
        paths,
        [
            "/users/..%2F../send",
            "/users/a%2F..%2Fb/send",
            "/users/%252e%252e/send",
            "/users/%3Fx%3D/send",
            "/users/%23/send",
            "/users/%5C..%5C/send"
        ]
    );
}

#[tokio::test]
async fn no_message_adds_a_header() {
    let receiver = Receiver::answering(200).await;
    let provider = provider(&receiver.url("/"), r#"headers = { "X-Text" = "{{ .Body }}" }"#);
    // The sample's body has two lines.
    assert_eq!(
        Sample::new().send(&*provider).await,
        Outcome::AddressRefused {
            detail: "not sent: `headers.X-Text` would hold a line break or another control character"
                .to_owned()
        }
    );
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn every_try_of_a_delivery_can_carry_its_id() {
    let receiver = Receiver::answering(503).await;
    let provider = provider(&receiver.url("/"), r#"headers = { "Idempotency-Key" = "{{ .DeliveryID }}" }"#);
    let (first, second) = (Sample::numbered(1), Sample::numbered(2));
    for sample in [&first, &first, &second] {
        sample.send(&*provider).await;
    }
    let keys: Vec<_> = receiver
        .received()
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys, [&first, &first, &second].map(|sample| sample.delivery.id.to_string()));
}

#[tokio::test]
async fn a_body_in_html_is_passed_on_as_it_is() {
    let receiver = Receiver::answering(200).await;
    let provider = provider(&receiver.url("/"), r#"text = "{{ .Body }}""#);
    let mut sample = Sample::new();
    sample.message.format = BodyFormat::Html;
    assert_eq!(sample.send(&*provider).await, ACCEPTED);
    assert_eq!(&receiver.only().body[..], sample.message.body.as_bytes());
}

#[tokio::test]
async fn an_empty_username_is_none_and_a_password_can_be_missing() {
    for (toml, expected) in [
        ("", None),
        (r#"username = """#, None),
        ("username = \"\"\npassword = \"\"", None),
        // AC1:
        (r#"username = "AC1""#, Some("Basic QUMxOg==")),
    ] {
        let receiver = Receiver::answering(200).await;
        Sample::new().send(&*provider(&receiver.url("/"), toml)).await;
        assert_eq!(receiver.only().header("authorization"), expected, "{toml}");
    }
}

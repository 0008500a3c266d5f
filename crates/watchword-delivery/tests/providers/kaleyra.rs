//! Kaleyra's stand-in: what it is sent by SMS and WhatsApp, and what its answers mean.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use tokio::sync::mpsc;
use watchword_core::delivery::{BodyFormat, Outcome};
use watchword_core::ports::{Probe, Provider};
use watchword_delivery::registry::{Presentation, ProviderSettings, Registry};

use crate::raw_server;
use crate::receiver::{Receiver, answer};
use crate::sample::{Sample, clock, provider_id};

const SMS: &str = r#"
    kind = "kaleyra_sms"
    api_key = "hunter2"
    sid = "HXIN1700000000IN"
    sender = "MYAPP"
    sms_entity_id = "1201159000000000000"
    sms_template_id = "1207161000000000000"
"#;

const WHATSAPP: &str = r#"
    kind = "kaleyra_whatsapp"
    api_key = "hunter2"
    sid = "HXIN1700000000IN"
    sender = "919876500000"
    template_name = "otp & more"
"#;

fn build(toml: &str) -> Result<Arc<dyn Provider>, String> {
    let settings: ProviderSettings = toml::from_str(toml).map_err(|error| error.to_string())?;
    Registry::new(clock()).build(provider_id("kaleyra"), &settings).map_err(|error| error.to_string())
}

fn provider(toml: &str, base_url: &str) -> Arc<dyn Provider> {
    build(&format!("{toml}\nbase_url = \"{base_url}\"")).unwrap()
}

fn accepted(id: Option<&str>) -> Outcome {
    Outcome::Accepted { message_id: id.map(str::to_owned) }
}

/// Sends one message; the request, as it is on the wire.
async fn request(toml: &str, path: &str, sample: &Sample) -> (String, String) {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let sender = sender.clone();
        async move {
            sender.send(raw_server::read_request(&mut connection).await).unwrap();
            raw_server::write(&mut connection, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await;
        }
    })
    .await;
    let provider = provider(toml, &format!("http://{address}{path}"));
    assert_eq!(sample.send(&*provider).await, accepted(None));
    (requests.recv().await.unwrap(), address.to_string())
}

fn expected(host: &str, path: &str, body: &str) -> String {
    let head = [
        &format!("POST {path} HTTP/1.1"),
        "api-key: hunter2",
        "content-type: application/x-www-form-urlencoded",
        concat!("user-agent: watchword/", env!("CARGO_PKG_VERSION")),
        "accept: */*",
        &format!("host: {host}"),
        &format!("content-length: {}", body.len()),
    ]
    .join("\r\n");
    format!("{head}\r\n\r\n{body}")
}

#[tokio::test]
async fn an_sms_is_the_documented_request_to_the_byte() {
    let (request, host) = request(SMS, "", &Sample::new()).await;
    let body = "to=%2B7+701+123+45+67&type=OTP&sender=MYAPP&entity_id=1201159000000000000\
                &template_id=1207161000000000000&body=Code%3A+314159%0A%3Cb%3E%26amp%3B%3C%2Fb%3E";
    assert_eq!(request, expected(&host, "/v1/HXIN1700000000IN/messages", body));
}

#[tokio::test]
async fn a_whatsapp_message_is_the_documented_request_to_the_byte() {
    let (request, host) = request(WHATSAPP, "/eu/", &Sample::new()).await;
    let body = "to=%2B7+701+123+45+67&type=authenticationtemplate&channel=whatsapp&from=919876500000\
                &template_name=otp+%26+more&verification_code=314159";
    assert_eq!(request, expected(&host, "/eu/v1/HXIN1700000000IN/messages", body));
}

#[tokio::test]
async fn ids_of_indias_registry_are_left_out_where_there_are_none() {
    let plain = "kind = \"kaleyra_sms\"\napi_key = \"hunter2\"\nsid = \"HX1\"\nsender = \"MYAPP\"\nsms_entity_id = \"\"";
    let (request, host) = request(plain, "", &Sample::new()).await;
    let body = "to=%2B7+701+123+45+67&type=OTP&sender=MYAPP&body=Code%3A+314159%0A%3Cb%3E%26amp%3B%3C%2Fb%3E";
    assert_eq!(request, expected(&host, "/v1/HX1/messages", body));
}

#[tokio::test]
async fn an_sms_shows_no_markup() {
    let mut sample = Sample::new();
    sample.message.format = BodyFormat::Html;
    "<p>Code: <b>314159</b> &amp; no more</p>".clone_into(&mut sample.message.body);
    let (request, _) = request(SMS, "", &sample).await;
    assert!(request.ends_with("&body=Code%3A+314159+%26+no+more"), "{request}");
}

#[tokio::test]
async fn a_number_gets_the_default_country_unless_it_says_its_own() {
    let receiver = Receiver::answering(200).await;
    for (given, code, sent) in [
        ("98765 43210", "+91", "to=%2B9198765+43210&"),
        ("9876543210", "91", "to=919876543210&"),
        (" +919876543210 ", "+44", "to=%2B919876543210&"),
        ("00919876543210", "+44", "to=%2B919876543210&"),
        ("9876543210", "", "to=9876543210&"),
    ] {
        let toml = format!("{SMS}\ndefault_phone_code = \"{code}\"");
        let mut sample = Sample::new();
        given.clone_into(&mut sample.message.to);
        assert_eq!(sample.send(&*provider(&toml, &receiver.url(""))).await, accepted(None));
        let body = receiver.received().pop().unwrap().body;
        assert!(body.starts_with(sent.as_bytes()), "{given:?} {code:?}: {body:?}");
    }
}

async fn outcome(status: u16, body: impl Into<Body> + Clone + Send + Sync + 'static) -> Outcome {
    let receiver = Receiver::start(move |_| -> Response<Body> {
        let mut response = answer(status, &[("retry-after", "7")]);
        *response.body_mut() = body.clone().into();
        response
    })
    .await;
    let outcome = Sample::new().send(&*provider(SMS, &receiver.url(""))).await;
    assert_eq!(receiver.received().len(), 1, "one try is one request");
    outcome
}

#[tokio::test]
async fn the_id_of_an_accepted_message_is_remembered() {
    let whole =
        r#"{"id":"5c51f2e9","data":[{"message_id":"5c51f2e9:1","recipient":"77011234567"}],"error":{}}"#;
    for (status, body, id) in [
        (202, whole, Some("5c51f2e9:1")),
        (200, r#"{"id":"5c51f2e9","data":[],"error":{}}"#, Some("5c51f2e9")),
        (200, r#"{"data":{"message_id":"5c51f2e9:1"}}"#, Some("5c51f2e9:1")),
        (200, r#"{"id":{},"data":null}"#, None),
        (202, "", None),
        (200, "<html>", None),
    ] {
        assert_eq!(outcome(status, body).await, accepted(id), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_200_and_no_202_was_not_sent() {
    for (status, body, expected) in [
        (204, "", ("transient", "HTTP 204, not a success")),
        (201, r#"{"id":"5c51f2e9"}"#, ("transient", "HTTP 201, not a success")),
        (302, "", ("provider_refused", "HTTP 302")),
        (400, "", ("address_refused", "HTTP 400")),
        (400, r#"{"error":"Bad Request","message":"to 77011234567"}"#, ("address_refused", "HTTP 400")),
        (400, r#"{"code":"E77","message":"no"}"#, ("address_refused", "HTTP 400, error E77")),
        (
            400,
            r#"{"code":1417,"error":"INVALID_NUMBER"}"#,
            ("address_refused", "HTTP 400, error INVALID_NUMBER"),
        ),
        (403, r#"{"code":"BLACKLIST"}"#, ("provider_refused", "HTTP 403, error BLACKLIST")),
        (
            401,
            r#"{"error":"Unauthorized","message":"hunter2"}"#,
            ("provider_refused", "HTTP 401, error Unauthorized"),
        ),
        (402, "", ("provider_refused", "HTTP 402")),
        (404, "", ("transient", "HTTP 404")),
        (422, "", ("address_refused", "HTTP 422")),
        (500, "", ("transient", "HTTP 500")),
        (503, r#"{"code":"x314159"}"#, ("transient", "HTTP 503")),
        (
            500,
            r#"{"error":{"code":"KLR-INV-NUMBER"}}"#,
            ("address_refused", "HTTP 500, error KLR-INV-NUMBER"),
        ),
        (400, r#"{"error_code":"SERVER-ERR"}"#, ("transient", "HTTP 400, error SERVER-ERR")),
        (
            400,
            r#"{"code":1400,"data":{"error":{"error_code":"INVALID_NUMBER"}}}"#,
            ("address_refused", "HTTP 400, error INVALID_NUMBER"),
        ),
    ] {
        let outcome = outcome(status, body).await;
        assert_eq!((outcome.name(), outcome.detail()), (expected.0, Some(expected.1)), "{status} {body}");
    }
    assert_eq!(
        outcome(429, r#"{"code":"NO-CREDITS"}"#).await,
        Outcome::Throttled { after: Some(Duration::from_secs(7)) }
    );
}

#[tokio::test]
async fn a_code_of_the_account_opens_the_breaker_and_one_of_the_number_does_not() {
    for code in [
        "NO-CREDITS",
        "KYC-NOT-APPROVED",
        "TEMPLATE-NOT-FOUND",
        "INV-TEMPLATE-MATCH",
        "SENDER-ID-NOT-FOUND",
        "SNDRID-NOT-ALLOTED",
        "REJECTED-MULTIPART",
    ] {
        let detail = format!("HTTP 400, error {code}");
        let body = format!(r#"{{"status":"NOT-SENT","status_trace":"{code}"}}"#);
        assert_eq!(outcome(400, body).await, Outcome::ProviderRefused { detail });
    }
    for code in [
        "KLR-INV-NUMBER",
        "INV-NUMBER",
        "INV-MOB-PATTRN",
        "INVALID-SUB",
        "SERIES-BLOCK",
        "SERIES-BLK",
        "BLACKLIST",
        "CON-DND",
        "DND-NUMB",
        "NOT-OPTIN",
        "OUTPUT-REJ",
        "OPT-OUT",
        "BARRED",
        "NOT-ALLOWED",
        "BLOCKED-COUNTRY",
    ] {
        let detail = format!("HTTP 404, error {code}");
        let body = format!(r#"{{"status":"NOT-SENT","status_trace":"{code}"}}"#);
        assert_eq!(outcome(404, body).await, Outcome::AddressRefused { detail });
    }
}

#[test]
fn they_are_shown_as_there() {
    for (toml, channel) in [(SMS, "SMS"), (WHATSAPP, "WhatsApp")] {
        let settings: ProviderSettings = toml::from_str(toml).unwrap();
        assert_eq!(
            settings.presentation(&provider_id("kaleyra")),
            Presentation {
                channel,
                address_name: "Mobile number",
                max_address_length: Some(10),
                passcode_length: 6
            }
        );
        let provider = build(toml).unwrap();
        assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(3), 10));
        let provider = build(&format!("{toml}\ntimeout = \"999ms\"\nmax_conns = 4")).unwrap();
        assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(3), 4));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}

#[test]
fn settings_that_can_not_work_are_refused_with_what_to_mend() {
    for (toml, change, text) in [
        (SMS, ("hunter2", ""), "`api_key` must not be empty"),
        (SMS, ("hunter2", "a\\nb"), "`api_key` must be one line without control characters"),
        (SMS, ("HXIN1700000000IN", ""), "`sid` must not be empty"),
        (SMS, ("HXIN1700000000IN", "../x"), "`sid` must be letters and digits, like HXIN1700000000IN"),
        (WHATSAPP, ("919876500000", ""), "`sender` must not be empty"),
        (WHATSAPP, ("otp & more", ""), "`template_name` must not be empty"),
    ] {
        let refusal = build(&toml.replace(change.0, change.1)).err();
        assert_eq!(refusal.as_deref(), Some(&*format!("provider `kaleyra`: {text}")));
    }
    for (line, text) in [
        ("base_url = \"api.kaleyra.io\"", "`base_url` is not a URL; write it like https://example.com/otp"),
        ("base_url = \"ftp://x/\"", "`base_url` must begin with http:// or https://"),
        ("base_url = \"https://u:p@x/\"", "`base_url` must be scheme, host, port and path only"),
        ("base_url = \"https://x/?a=b\"", "`base_url` must be scheme, host, port and path only"),
        ("max_conns = 0", "`max_conns` must be 1 to 10000"),
        ("timeout = \"6m\"", "`timeout` must be at most 5m"),
    ] {
        let refusal = build(&format!("{SMS}\n{line}")).err();
        assert_eq!(refusal.as_deref(), Some(&*format!("provider `kaleyra`: {text}")), "{line}");
    }
    assert!(build(&SMS.replace("sender = ", "sendr = ")).is_err_and(|error| error.contains("sendr")));
}

#[tokio::test]
async fn whether_it_is_there_is_found_out_without_a_message() {
    let receiver = Receiver::answering(200).await;
    let Probe::Good { tried } = provider(WHATSAPP, &receiver.url("")).probe().await else { panic!() };
    assert!(tried.contains("without TLS; credentials are not tried without sending"), "{tried}");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn an_answer_that_never_comes_leaves_the_message_in_doubt() {
    let address = raw_server::serve(|mut connection| async move {
        raw_server::read_request(&mut connection).await;
        std::future::pending::<()>().await;
    })
    .await;
    let provider = provider(&format!("{SMS}\ntimeout = \"1s\""), &format!("http://{address}"));
    let outcome = Sample::new().send(&*provider).await;
    assert_eq!(outcome, Outcome::Unknown { detail: "no answer in time".to_owned() });
}

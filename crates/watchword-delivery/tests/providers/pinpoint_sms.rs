//! AWS's stand-in: what it is sent, judged by AWS's own library, and what its answers mean.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use watchword_core::delivery::{BodyFormat, Outcome};
use watchword_core::ports::{Probe, Provider};
use watchword_delivery::registry::{Presentation, ProviderSettings, Registry};

use crate::raw_server;
use crate::receiver::{Received, Receiver, answer};
use crate::sample::{NOW, Sample, clock, provider_id};

const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+hunter2";

const WHOLE: &str = r#"
    kind = "pinpoint_sms"
    access_key = "AKIAIOSFODNN7EXAMPLE"
    secret_key = "wJalrXUtnFEMI/K7MDENG+hunter2"
    region = "ap-south-1"
    sms_sender_id = "MYAPP"
    sms_entity_id = "1201159000000000000"
    sms_template_id = "1207161000000000000"
    sms_message_type = "PROMOTIONAL"
"#;

const LEAST: &str = r#"
    kind = "pinpoint_sms"
    access_key = "AKIAIOSFODNN7EXAMPLE"
    secret_key = "wJalrXUtnFEMI/K7MDENG+hunter2"
    region = "ap-south-1"
"#;

fn build(toml: &str) -> Result<Arc<dyn Provider>, String> {
    let settings: ProviderSettings = toml::from_str(toml).map_err(|error| error.to_string())?;
    Registry::new(clock()).build(provider_id("aws"), &settings).map_err(|error| error.to_string())
}

fn provider(toml: &str, endpoint: &str) -> Arc<dyn Provider> {
    build(&format!("{toml}\nendpoint = \"{endpoint}\"")).unwrap()
}

fn accepted(id: &str) -> Outcome {
    Outcome::Accepted { message_id: Some(id.to_owned()) }
}

/// Takes every message.
async fn service() -> Receiver {
    Receiver::start(|_| -> Response<Body> {
        let mut response = answer(200, &[]);
        *response.body_mut() = r#"{"MessageId":"01k9-4c"}"#.into();
        response
    })
    .await
}

/// What botocore finds wrong with each request.
fn judged(requests: &[Value]) -> Vec<Vec<String>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let options = json!({
        "region": "ap-south-1", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "requests": requests,
    });
    let run = Command::new(workspace.join("target/python/bin/python"))
        .arg(workspace.join("tests/python/send_text_message.py"))
        .arg(options.to_string())
        .output()
        .expect("target/python is there: `scripts/test` makes it, as tests/python/requirements.txt says");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}{err}");
    let judged: Vec<_> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), requests.len(), "{out}{err}");
    judged
}

fn as_received(request: &Received) -> Value {
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| json!([name.as_str(), value.to_str().unwrap()])).collect();
    json!({
        "method": request.method, "path": request.path, "headers": headers,
        "body": String::from_utf8(request.body.to_vec()).unwrap(),
    })
}

#[tokio::test]
async fn the_request_is_the_documented_one_to_the_byte() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let address = raw_server::serve(move |mut connection| {
        let sender = sender.clone();
        async move {
            sender.send(raw_server::read_request(&mut connection).await).unwrap();
            raw_server::write(&mut connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    })
    .await;
    let sample = Sample::new();
    let outcome = sample.send(&*provider(WHOLE, &format!("http://{address}"))).await;
    assert_eq!(outcome, Outcome::Accepted { message_id: None });

    let request = requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let expected = format!(
        concat!(
            r#"{{"DestinationPhoneNumber":"+77011234567","OriginationIdentity":"MYAPP","#,
            r#""MessageBody":"Code: 314159\n<b>&amp;</b>","MessageType":"PROMOTIONAL","TimeToLive":300,"#,
            r#""Context":{{"delivery":"{}"}},"#,
            r#""DestinationCountryParameters":{{"IN_ENTITY_ID":"1201159000000000000","IN_TEMPLATE_ID":"1207161000000000000"}}}}"#
        ),
        sample.delivery.id
    );
    assert_eq!(body, expected);
    let (begin, signature) = head.split_once("Signature=").unwrap();
    let expected = [
        "POST / HTTP/1.1",
        "content-type: application/x-amz-json-1.0",
        "x-amz-target: PinpointSMSVoiceV2.SendTextMessage",
        concat!("user-agent: watchword/", env!("CARGO_PKG_VERSION")),
        "x-amz-date: 19941106T084937Z",
        "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/19941106/ap-south-1/sms-voice/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, ",
    ]
    .join("\r\n");
    assert_eq!(begin, expected);
    let (signature, end) = signature.split_once("\r\n").unwrap();
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signature}");
    assert_eq!(end, format!("accept: */*\r\nhost: {address}\r\ncontent-length: {}", body.len()));
}

#[tokio::test]
async fn the_library_of_aws_finds_nothing_wrong_with_any_request() {
    let service = service().await;
    let mut samples = vec![Sample::new(), Sample::numbered(7), Sample::numbered(8), Sample::numbered(9)];
    samples[1].message.body = "Код 314159: « + & ? % é 🔑 \" \\ \u{7f}".to_owned();
    samples[2].verification.expires_at = NOW;
    samples[3].verification.expires_at = NOW.after(Duration::from_hours(24 * 365));
    for sample in &samples {
        for toml in [WHOLE, LEAST] {
            for path in ["", "/behind/a proxy/"] {
                let outcome = sample.send(&*provider(toml, &service.url(path))).await;
                assert_eq!(outcome, accepted("01k9-4c"));
            }
        }
    }
    let (at_root, elsewhere): (Vec<_>, Vec<_>) =
        service.received().iter().map(as_received).partition(|request| request["path"] == "/");
    assert_eq!((at_root.len(), elsewhere.len()), (8, 8));
    assert_eq!(judged(&at_root), vec![Vec::<String>::new(); 8]);
    // There the signature is right too, but AWS itself is nowhere else.
    for problems in judged(&elsewhere) {
        assert!(
            matches!(&problems[..], [only] if only.starts_with("botocore asks for POST")),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn the_library_of_aws_would_find_what_is_wrong() {
    let service = service().await;
    Sample::new().send(&*provider(WHOLE, &service.url(""))).await;
    let good = as_received(&service.only());
    let body = good["body"].as_str().unwrap();
    let unsigned = "the signature is not that of this request";
    let changed = |from: &str, to: &str| {
        let mut request = good.clone();
        request["body"] = body.replacen(from, to, 1).into();
        request
    };
    let mut later = good.clone();
    for header in later["headers"].as_array_mut().unwrap() {
        if header[0] == "x-amz-date" {
            header[1] = "19941106T084938Z".into();
        }
    }
    let number = "SendTextMessage.DestinationPhoneNumber is not allowed to be '0770'";
    let kind = "SendTextMessage.MessageType is not allowed to be 'URGENT'";
    assert_eq!(
        judged(&[
            good.clone(),
            later,
            changed("314159", "314158"),
            changed("+77011234567", "0770"),
            changed("PROMOTIONAL", "URGENT"),
            changed("\"Context\"", "\"Contexts\""),
        ]),
        [
            vec![],
            vec![unsigned.to_owned()],
            vec![unsigned.to_owned()],
            vec![unsigned.to_owned(), number.to_owned()],
            vec![unsigned.to_owned(), kind.to_owned()],
            vec![
                unsigned.to_owned(),
                "there is no parameter Contexts".to_owned(),
                "Parameter validation failed:\nUnknown parameter in input: \"Contexts\", must be one of: \
                 DestinationPhoneNumber, OriginationIdentity, MessageBody, MessageType, Keyword, \
                 ConfigurationSetName, MaxPrice, TimeToLive, Context, DestinationCountryParameters, DryRun, \
                 ProtectConfigurationId, MessageFeedbackEnabled"
                    .to_owned(),
            ],
        ]
    );
}

#[tokio::test]
async fn what_is_not_configured_is_left_to_aws() {
    let service = service().await;
    let empty = format!("{LEAST}\nsms_sender_id = \"\"\nsms_entity_id = \"\"\nsms_template_id = \"\"");
    for toml in [LEAST, &empty] {
        let sample = Sample::new();
        sample.send(&*provider(toml, &service.url(""))).await;
        let body: Value = serde_json::from_slice(&service.received().pop().unwrap().body).unwrap();
        assert_eq!(
            body,
            json!({
                "DestinationPhoneNumber": "+77011234567", "MessageBody": "Code: 314159\n<b>&amp;</b>",
                "MessageType": "TRANSACTIONAL", "TimeToLive": 300,
                "Context": { "delivery": sample.delivery.id.to_string() },
            })
        );
    }
}

#[tokio::test]
async fn a_message_lives_no_longer_than_its_passcode_and_shows_no_markup() {
    let service = service().await;
    let aws = provider(LEAST, &service.url(""));
    for (left, sent) in [(299_999, 299), (4_000, 5), (0, 5), (1_000_000_000, 259_200)] {
        let mut sample = Sample::new();
        sample.verification.expires_at = NOW.after(Duration::from_millis(left));
        sample.message.format = BodyFormat::Html;
        "<p>Code: <b>314159</b></p>".clone_into(&mut sample.message.body);
        sample.send(&*aws).await;
        let body: Value = serde_json::from_slice(&service.received().pop().unwrap().body).unwrap();
        assert_eq!((&body["TimeToLive"], &body["MessageBody"]), (&json!(sent), &json!("Code: 314159")));
    }
}

#[tokio::test]
async fn a_number_gets_the_default_country_unless_it_says_its_own() {
    let service = service().await;
    for (given, code, sent) in [
        ("98765 43210", "+91", "+919876543210"),
        ("+44 20 7031-3000", "+91", "+442070313000"),
        ("00919876543210", "+44", "+919876543210"),
    ] {
        let mut sample = Sample::new();
        given.clone_into(&mut sample.message.to);
        let toml = format!("{LEAST}\ndefault_phone_code = \"{code}\"");
        sample.send(&*provider(&toml, &service.url(""))).await;
        let body: Value = serde_json::from_slice(&service.received().pop().unwrap().body).unwrap();
        assert_eq!(body["DestinationPhoneNumber"], sent);
    }
    let asked = service.received().len();
    for nobody in ["", "nobody", "0123456789", "12345678901234567890"] {
        let mut sample = Sample::new();
        nobody.clone_into(&mut sample.message.to);
        let outcome = sample.send(&*provider(LEAST, &service.url(""))).await;
        assert_eq!(
            outcome,
            Outcome::AddressRefused { detail: "not sent: no telephone number".to_owned() },
            "{nobody}"
        );
    }
    assert_eq!(service.received().len(), asked);
}

async fn outcome(status: u16, body: impl Into<Body> + Clone + Send + Sync + 'static) -> Outcome {
    let receiver = Receiver::start(move |_| -> Response<Body> {
        let mut response = answer(status, &[]);
        *response.body_mut() = body.clone().into();
        response
    })
    .await;
    let outcome = Sample::new().send(&*provider(LEAST, &receiver.url(""))).await;
    assert_eq!(receiver.received().len(), 1, "one try is one request");
    outcome
}

#[tokio::test]
async fn what_an_error_means_is_said_by_its_type_and_reason() {
    let (number, ours, later) = ("address_refused", "provider_refused", "transient");
    for (kind, reason, expected) in [
        ("ValidationException", "FIELD_VALIDATION_FAILED", ours),
        ("ValidationException", "SENDER_ID_NOT_SUPPORTED", number),
        ("ValidationException", "DESTINATION_COUNTRY_BLOCKED", number),
        ("ValidationException", "PRICE_OVER_THRESHOLD", number),
        ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", number),
        ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", number),
        ("ConflictException", "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE", number),
        ("ConflictException", "MESSAGE_TYPE_MISMATCH", ours),
        ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", ours),
        ("AccessDeniedException", "ACCOUNT_DISABLED", ours),
        ("ResourceNotFoundException", "", ours),
        ("UnrecognizedClientException", "", ours),
        ("InvalidSignatureException", "", ours),
        ("InternalServerException", "", later),
    ] {
        // As a name alone, behind a name space, and with a link, which some of AWS's services add.
        for kind_as_sent in
            [kind.to_owned(), format!("com.amazonaws.smsvoice#{kind}"), format!("{kind}:http://internal/")]
        {
            let reply = json!({ "__type": kind_as_sent, "Message": "to +77011234567", "Reason": reason });
            let outcome = outcome(400, reply.to_string()).await;
            let space = if reason.is_empty() { "" } else { " " };
            let detail = format!("HTTP 400, error {kind}{space}{reason}");
            assert_eq!((outcome.name(), outcome.detail()), (expected, Some(&*detail)), "{kind_as_sent}");
        }
    }
    let blamed = json!({
        "__type": "ValidationException", "Reason": "FIELD_VALIDATION_FAILED",
        "Fields": [{ "Name": "MessageBody", "Message": "" }, { "Name": "DestinationPhoneNumber", "Message": "" }],
    });
    let detail = "HTTP 400, error ValidationException FIELD_VALIDATION_FAILED".to_owned();
    assert_eq!(outcome(400, blamed.to_string()).await, Outcome::AddressRefused { detail });
    for kind in ["ThrottlingException", "TooManyRequestsException"] {
        let reply = json!({ "__type": kind, "message": "Rate exceeded" });
        assert_eq!(outcome(400, reply.to_string()).await, Outcome::Throttled { after: None });
    }
}

#[tokio::test]
async fn an_error_without_a_type_means_what_its_status_says() {
    for (status, body, expected) in [
        (204, "", ("transient", "HTTP 204, not a success")),
        (400, "", ("address_refused", "HTTP 400")),
        (400, r#"{"__type":"x314159"}"#, ("address_refused", "HTTP 400")),
        (400, r#"{"__type":"NewException"}"#, ("address_refused", "HTTP 400, error NewException")),
        (403, "<html>", ("provider_refused", "HTTP 403")),
        (404, "", ("transient", "HTTP 404")),
        (500, "", ("transient", "HTTP 500")),
        (
            503,
            r#"{"__type":"ServiceUnavailableException"}"#,
            ("transient", "HTTP 503, error ServiceUnavailableException"),
        ),
    ] {
        let outcome = outcome(status, body).await;
        assert_eq!((outcome.name(), outcome.detail()), (expected.0, Some(expected.1)), "{status} {body}");
    }
    assert_eq!(outcome(429, "").await, Outcome::Throttled { after: None });
}

#[test]
fn it_is_shown_as_there() {
    let settings: ProviderSettings = toml::from_str(WHOLE).unwrap();
    assert_eq!(
        settings.presentation(&provider_id("aws")),
        Presentation {
            channel: "SMS",
            address_name: "Mobile number",
            max_address_length: Some(10),
            passcode_length: 6
        }
    );
    for (more, timeout, most) in
        [("", 3, 10), ("timeout = \"999ms\"", 3, 10), ("timeout = \"9s\"\nmax_conns = 4", 9, 4)]
    {
        let provider = build(&format!("{WHOLE}\n{more}")).unwrap();
        assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(timeout), most));
    }
    assert!(build(&format!("{WHOLE}\napplication_id = \"0123456789abcdef\"")).is_ok(), "it harms nothing");
    for secret in [ACCESS_KEY, SECRET_KEY] {
        assert!(!format!("{settings:?}").contains(secret));
    }
}

#[test]
fn settings_that_can_not_work_are_refused_with_what_to_mend() {
    for (from, to, text) in [
        (ACCESS_KEY, "", "`access_key` must not be empty"),
        (ACCESS_KEY, "A/B", "`access_key` must be letters and digits, like AKIAIOSFODNN7EXAMPLE"),
        (SECRET_KEY, "", "`secret_key` must not be empty"),
        ("ap-south-1", "", "`region` must be the name of a region, like ap-south-1"),
        ("ap-south-1", "x.evil.example/", "`region` must be the name of a region, like ap-south-1"),
        ("MYAPP", "MY APP", "`sms_sender_id` must be a number, a sender id, a pool, or the ARN of one"),
        ("1201159000000000000", "1 2", "`sms_entity_id` must be one word of at most 64 bytes"),
        ("PROMOTIONAL\"", "PROMOTIONAL\"\nmax_conns = 0", "`max_conns` must be 1 to 10000"),
        ("PROMOTIONAL\"", "PROMOTIONAL\"\ntimeout = \"6m\"", "`timeout` must be at most 5m"),
        (
            "PROMOTIONAL\"",
            "PROMOTIONAL\"\nendpoint = \"https://x/?a\"",
            "`endpoint` must be scheme, host, port and path only",
        ),
    ] {
        let refusal = build(&WHOLE.replace(from, to)).err();
        assert_eq!(refusal.as_deref(), Some(&*format!("provider `aws`: {text}")), "{to}");
    }
    assert!(
        build(&WHOLE.replace("PROMOTIONAL", "URGENT")).is_err_and(|error| error.contains("TRANSACTIONAL"))
    );
}

#[tokio::test]
async fn whether_it_is_there_is_found_out_without_a_message() {
    let receiver = Receiver::answering(200).await;
    let Probe::Good { tried } = provider(LEAST, &receiver.url("")).probe().await else { panic!() };
    assert!(tried.contains("without TLS; credentials are not tried without sending"), "{tried}");
    assert!(receiver.received().is_empty());
}

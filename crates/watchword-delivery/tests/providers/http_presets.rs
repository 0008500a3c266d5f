//! The sections to paste of `docs/providers/`, each against a stand-in that speaks as the service's documentation says.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::Response;
use serde::Deserialize as _;
use watchword_core::delivery::Outcome;
use watchword_delivery::registry::ProviderSettings;

use crate::http_provider::build;
use crate::receiver::{Received, Receiver, answer};
use crate::sample::Sample;

/// A service, as its documentation has it.
struct Service {
    page: &'static str,
    /// Its name in the section's title.
    section: &'static str,
    /// Where it lives, as on the page.
    origin: &'static str,
    /// What it must be sent for the sample.
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// Status, body, what it means, and the id or code that is shown.
    replies: &'static [(u16, &'static str, &'static str, &'static str)],
}

/// The form that all errors of Twilio have.
macro_rules! twilio {
    ($code:literal, $status:literal) => {
        concat!(
            r#"{"code":"#,
            $code,
            r#","message":"The 'To' number +77011234567 is told in words","more_info":"https://www.twilio.com/docs/errors/"#,
            $code,
            r#"","status":"#,
            $status,
            "}"
        )
    };
}

/// The form that all errors of Vonage have.
macro_rules! vonage {
    ($status:literal, $text:literal) => {
        concat!(
            r#"{"message-count":"1","messages":[{"status":""#,
            $status,
            r#"","error-text":""#,
            $text,
            r#""}]}"#
        )
    };
}

/// The form that all replies of Infobip have.
macro_rules! infobip {
    ($group:literal, $id:literal, $name:literal) => {
        concat!(
            r#"{"bulkId":"2034072219640523072","messages":[{"destination":"77011234567","messageId":"2250be2d4219-3af1-78856-aabe","#,
            r#""status":{"description":"Told in words","groupId":0,"groupName":""#,
            $group,
            r#"","id":"#,
            $id,
            r#","name":""#,
            $name,
            r#""}}]}"#
        )
    };
}

/// What smsc.ru says, to SMS and calls alike.
const SMSCRU: &[(u16, &str, &str, &str)] = &[
    (200, r#"{"id":1234,"cnt":1}"#, "accepted", "1234"),
    (200, r#"{"error":"invalid number","error_code":7,"id":1234}"#, "address_refused", "HTTP 200, error 7"),
    (
        200,
        r#"{"error":"message can't be delivered","error_code":8,"id":1234}"#,
        "address_refused",
        "HTTP 200, error 8",
    ),
    (200, r#"{"error":"authorise error","error_code":2}"#, "provider_refused", "HTTP 200, error 2"),
    (200, r#"{"error":"no money","error_code":3,"id":1234}"#, "provider_refused", "HTTP 200, error 3"),
    (200, r#"{"error":"ip is blocked","error_code":4}"#, "throttled", ""),
    (200, r#"{"error":"too many concurrent requests","error_code":9}"#, "throttled", ""),
    (200, r#"{"error":"something new","error_code":10,"id":1234}"#, "transient", "HTTP 200, error 10"),
    (200, "<html>down for maintenance</html>", "transient", "HTTP 200, not a success"),
];

const SERVICES: [Service; 6] = [
    Service {
        page: "twilio",
        section: "twilio",
        origin: "https://api.twilio.com",
        path: "/2010-04-01/Accounts/ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX/Messages.json",
        headers: &[
            ("authorization", "Basic QUNYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWDp5b3VyLWF1dGgtdG9rZW4="),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
        body: "Body=Code%3A+314159%0A%3Cb%3E%26amp%3B%3C%2Fb%3E&From=%2B15005550006&To=%2B77011234567",
        replies: &[
            (
                201,
                r#"{"account_sid":"ACXX","api_version":"2010-04-01","body":"Code: 314159","direction":"outbound-api","error_code":null,"error_message":null,"from":"+15005550006","num_segments":"1","price":null,"sid":"SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"queued","to":"+77011234567"}"#,
                "accepted",
                "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            ),
            (400, twilio!(21211, 400), "address_refused", "HTTP 400, error 21211"),
            (400, twilio!(21610, 400), "address_refused", "HTTP 400, error 21610"),
            (400, twilio!(21408, 400), "address_refused", "HTTP 400, error 21408"),
            (403, twilio!(21408, 403), "address_refused", "HTTP 403, error 21408"),
            (400, twilio!(21606, 400), "provider_refused", "HTTP 400, error 21606"),
            (401, twilio!(20003, 401), "provider_refused", "HTTP 401, error 20003"),
            (429, twilio!(20429, 429), "throttled", ""),
            (500, twilio!(20500, 500), "transient", "HTTP 500, error 20500"),
            (503, "<html>busy</html>", "transient", "HTTP 503"),
        ],
    },
    Service {
        page: "vonage",
        section: "vonage",
        origin: "https://rest.nexmo.com",
        path: "/sms/json",
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: "api_key=abcd1234&api_secret=your-api-secret&client-ref=DELIVERY&from=AcmeInc&text=Code%3A+314159%0A%3Cb%3E%26amp%3B%3C%2Fb%3E&to=77011234567",
        replies: &[
            (
                200,
                r#"{"message-count":"1","messages":[{"to":"77011234567","message-id":"0A0000000123ABCD1","status":"0","remaining-balance":"3.14159265","message-price":"0.03330000","network":"12345"}]}"#,
                "accepted",
                "0A0000000123ABCD1",
            ),
            (200, vonage!("1", "Throughput Rate Exceeded"), "throttled", ""),
            (200, vonage!("3", "to address is not numeric"), "address_refused", "HTTP 200, error 3"),
            (200, vonage!("6", "Unroutable message"), "address_refused", "HTTP 200, error 6"),
            (200, vonage!("7", "Number Barred"), "address_refused", "HTTP 200, error 7"),
            (200, vonage!("4", "Bad Credentials"), "provider_refused", "HTTP 200, error 4"),
            (200, vonage!("8", "Partner Account Barred"), "provider_refused", "HTTP 200, error 8"),
            (200, vonage!("9", "Quota Exceeded"), "provider_refused", "HTTP 200, error 9"),
            (200, vonage!("5", "Internal Error"), "transient", "HTTP 200, error 5, not a success"),
            (429, "", "throttled", ""),
        ],
    },
    Service {
        page: "msg91",
        section: "msg91",
        origin: "https://control.msg91.com",
        path: "/api/v5/flow/",
        headers: &[("authkey", "your-auth-key"), ("content-type", "application/json")],
        body: r#"{"recipients":[{"OTP":"314159","mobiles":"77011234567"}],"template_id":"your-template-id"}"#,
        replies: &[
            (
                200,
                r#"{"message":"5762846b4f8d285d378b4567","type":"success"}"#,
                "accepted",
                "5762846b4f8d285d378b4567",
            ),
            (
                200,
                r#"{"type":"error","message":"Invalid mobile number","code":"202"}"#,
                "address_refused",
                "HTTP 200, error 202",
            ),
            (
                200,
                r#"{"type":"error","message":"Missing Authentication Key","code":"106"}"#,
                "provider_refused",
                "HTTP 200, error 106",
            ),
            (
                401,
                r#"{"type":"error","message":"Invalid authentication key","code":"207"}"#,
                "provider_refused",
                "HTTP 401, error 207",
            ),
            (
                200,
                r#"{"type":"error","message":"Insufficient balance","code":"301"}"#,
                "provider_refused",
                "HTTP 200, error 301",
            ),
            (
                418,
                r#"{"type":"error","message":"IP is not whitelisted","code":"418"}"#,
                "provider_refused",
                "HTTP 418, error 418",
            ),
            (200, r#"{"type":"error","message":"Same content","code":"311"}"#, "accepted", ""),
            (429, "", "throttled", ""),
            (200, r#"{"type":"error","message":"flow id missing"}"#, "transient", "HTTP 200, not a success"),
        ],
    },
    Service {
        page: "smscru",
        section: "smscru",
        origin: "https://smsc.ru",
        path: "/sys/send.php",
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: "charset=utf-8&fmt=3&login=your-login&mes=Code%3A+314159%0A%3Cb%3E%26amp%3B%3C%2Fb%3E&phones=77011234567&psw=your-password",
        replies: SMSCRU,
    },
    Service {
        page: "smscru",
        section: "smscru_call",
        origin: "https://smsc.ru",
        path: "/sys/send.php",
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body: "call=1&charset=utf-8&fmt=3&login=your-login&mes=3+1+4+1+5+9&phones=77011234567&psw=your-password",
        replies: SMSCRU,
    },
    Service {
        page: "infobip",
        section: "infobip",
        origin: "https://example.api.infobip.com",
        path: "/sms/3/messages",
        headers: &[
            ("authorization", "App your-api-key"),
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ],
        body: r#"{"messages":[{"content":{"text":"Code: 314159\n<b>&amp;</b>"},"destinations":[{"to":"77011234567"}],"sender":"InfoSMS"}]}"#,
        replies: &[
            (200, infobip!("PENDING", 26, "PENDING_ACCEPTED"), "accepted", "2250be2d4219-3af1-78856-aabe"),
            (
                200,
                infobip!("REJECTED", 52, "REJECTED_DESTINATION"),
                "address_refused",
                "HTTP 200, error REJECTED_DESTINATION",
            ),
            (
                200,
                infobip!("REJECTED", 12, "REJECTED_NOT_ENOUGH_CREDITS"),
                "provider_refused",
                "HTTP 200, error REJECTED_NOT_ENOUGH_CREDITS",
            ),
            (200, infobip!("REJECTED", 18, "REJECTED_FLOODING_FILTER"), "throttled", ""),
            (
                200,
                infobip!("REJECTED", 20, "REJECTED_SYSTEM_ERROR"),
                "transient",
                "HTTP 200, error REJECTED_SYSTEM_ERROR, not a success",
            ),
            (
                401,
                r#"{"requestError":{"serviceException":{"messageId":"UNAUTHORIZED","text":"Invalid login details"}}}"#,
                "provider_refused",
                "HTTP 401",
            ),
            (
                400,
                r#"{"requestError":{"serviceException":{"messageId":"BAD_REQUEST","text":"Bad Request"}}}"#,
                "address_refused",
                "HTTP 400",
            ),
            (
                429,
                r#"{"requestError":{"serviceException":{"messageId":"TOO_MANY_REQUESTS","text":"Too many requests"}}}"#,
                "throttled",
                "",
            ),
            (500, "", "transient", "HTTP 500"),
        ],
    },
];

/// The section on the page, at this origin in place of the service's own.
fn section(service: &Service, origin: &str) -> ProviderSettings {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../docs/providers", &format!("{}.md", service.page)]
        .iter()
        .collect();
    let page = std::fs::read_to_string(&path).unwrap();
    let blocks = page.split("```toml\n").skip(1).filter_map(|block| Some(block.split_once("\n```")?.0));
    let title = format!("[providers.{}]\n", service.section);
    let blocks: Vec<&str> = blocks.filter(|block| block.starts_with(&title)).collect();
    let [block] = blocks[..] else { panic!("{}: one section {} to paste", service.page, service.section) };
    assert_eq!(block.matches(service.origin).count(), 1, "{block}");
    let file: toml::Table = toml::from_str(&block.replace(service.origin, origin)).unwrap();
    let [(_, providers)] = &file.iter().collect::<Vec<_>>()[..] else { panic!("one section") };
    let provider = providers.as_table().unwrap()[service.section].clone();
    ProviderSettings::deserialize(provider).unwrap_or_else(|error| panic!("{}: {error}", service.page))
}

fn check(service: &Service, sent: &Received, sample: &Sample) {
    let body = String::from_utf8(sent.body.to_vec()).unwrap();
    let body = body.replace(&sample.delivery.id.to_string(), "DELIVERY");
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", service.path));
    assert_eq!(body, service.body);
    for (name, value) in service.headers {
        assert_eq!(sent.header(name), Some(*value), "{}: {name}", service.page);
    }
    // What every request has, and nothing that the page does not say.
    let usual = ["user-agent", "accept", "host", "content-length", "content-type"];
    let known = |name: &str| usual.contains(&name) || service.headers.iter().any(|(known, _)| *known == name);
    assert!(sent.headers.keys().all(|name| known(name.as_str())), "{:?}", sent.headers);
}

#[tokio::test]
async fn each_section_sends_what_its_service_wants_and_understands_its_replies() {
    for service in &SERVICES {
        for &(status, body, name, shown) in service.replies {
            let receiver = Receiver::start(move |_| -> Response<Body> {
                let mut response = answer(status, &[("content-type", "application/json")]);
                *response.body_mut() = body.into();
                response
            })
            .await;
            let provider = build(&section(service, &receiver.url(""))).unwrap();
            let sample = Sample::new();
            let outcome = sample.send(&*provider).await;

            let told = match &outcome {
                Outcome::Accepted { message_id } => message_id.clone().unwrap_or_default(),
                other => other.detail().unwrap_or_default().to_owned(),
            };
            assert_eq!((outcome.name(), told.as_str()), (name, shown), "{}: {status} {body}", service.page);
            check(service, &receiver.only(), &sample);
        }
    }
}

#[test]
fn each_section_sends_to_the_service_itself_and_takes_telephone_numbers() {
    for service in &SERVICES {
        let ProviderSettings::Http(settings) = section(service, service.origin) else { panic!("http") };
        assert!(settings.url.expose().starts_with("https://"), "{}", service.page);
        assert_eq!(settings.address, watchword_delivery::http::AddressKind::Phone, "{}", service.page);
    }
}

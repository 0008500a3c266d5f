//! Every refusal that comes before anything is made, in whole.

use axum::body::Body;
use http::Request;
use http::header::{ALLOW, CONTENT_TYPE};
use serde_json::json;

use crate::harness::digit::{USERS, user, users};
use crate::harness::{
    App, CREATE, Digit, SEARCH, SEND, SENT, VALIDATE, alone, asking, platform, posting, refused,
};

const TENANT: (&str, &str, &str) = ("OTP.TENANT_ID_MANDATORY", "Tenant field is mandatory", "otp.tenantId");
const TENANT_INVALID: (&str, &str, &str) =
    ("OTP.TENANT_ID_INVALID", "Tenant field is not valid", "otp.tenantId");
const NUMBER: (&str, &str, &str) =
    ("OTP.MOBILE_NUMBER_MANDATORY", "Mobile number field is mandatory", "otp.mobileNumber");
const TYPE: (&str, &str, &str) =
    ("OTP.REQUEST_TYPE_MANDATORY", "Request type (register, passwordreset,login) is mandatory", "otp.type");
const PATTERN: (&str, &str, &str) = (
    "OTP.MOBILE_NUMBER_VALIDATION_FAILED",
    "Mobile number must match the configured pattern: ^[6-9][0-9]{9}$",
    "otp.mobileNumber",
);
const IDENTITY: (&str, &str, &str) =
    ("OTP.IDENTITY_MANDATORY", "Identity field is mandatory", "otp.identity");
const OTP: (&str, &str, &str) = ("OTP.OTP_MANDATORY", "Otp field is mandatory", "otp.otp");

#[tokio::test]
async fn a_send_says_all_that_is_wrong_with_its_fields_in_order() {
    let app = App::new();
    for (otp, fields) in [
        ("null", vec![TENANT, NUMBER, TYPE]),
        ("{}", vec![TENANT, NUMBER]),
        (r#"{"tenantId":null,"mobileNumber":"","type":null}"#, vec![TENANT, NUMBER]),
        (r#"{"tenantId":"","mobileNumber":"1","type":"fax"}"#, vec![TENANT, TYPE]),
        (r#"{"tenantId":"pb","type":"login"}"#, vec![NUMBER]),
        (r#"{"tenantId":"pb","mobileNumber":"1","type":"fax"}"#, vec![TYPE, PATTERN]),
        (r#"{"tenantId":"pb","mobileNumber":"9876543210","type":" "}"#, vec![TYPE]),
        (r#"{"tenantId":"pb","mobileNumber":" "}"#, vec![PATTERN]),
        (r#"{"tenantId":"pb","mobileNumber":"98765432100"}"#, vec![PATTERN]),
        (r#"{"tenantId":"pb","mobileNumber":"9876543210\n"}"#, vec![PATTERN]),
        (r#"{"tenantId":"pb","mobileNumber":987654321}"#, vec![PATTERN]),
        // A tenant that no state has.
        (r#"{"tenantId":" ","mobileNumber":"1"}"#, vec![TENANT_INVALID]),
        (r#"{"tenantId":"pb.","mobileNumber":"9876543210"}"#, vec![TENANT_INVALID]),
        (r#"{"tenantId":"pb..amritsar","mobileNumber":"9876543210"}"#, vec![TENANT_INVALID]),
        (r#"{"tenantId":"9pb","mobileNumber":"9876543210"}"#, vec![TENANT_INVALID]),
        (r#"{"tenantId":"pb-x","mobileNumber":"9876543210"}"#, vec![TENANT_INVALID]),
        (r#"{"tenantId":"ਪੰਜਾਬ","type":"fax"}"#, vec![TENANT_INVALID, NUMBER, TYPE]),
        (r#"{"tenantId":true,"mobileNumber":false}"#, vec![PATTERN]),
    ] {
        let reply = app.post(SEND, &format!(r#"{{"otp":{otp}}}"#)).await;
        reply.expect(400, &refused("Invalid OTP request", &fields));
    }
    app.post(SEND, "{}").await.expect(400, &refused("Invalid OTP request", &[TENANT, NUMBER, TYPE]));
    let part = "x".repeat(64);
    let body = asking("register", "9876543210").to_string().replace("pb.amritsar", &part);
    app.post(SEND, &body).await.expect(400, &refused("Invalid OTP request", &[TENANT_INVALID]));
    assert!(app.sms.handed().is_empty());
    assert_eq!(app.store.count().await, 0);
}

#[tokio::test]
async fn who_may_not_have_an_otp_is_told_so() {
    let known = user("9876543210", "a@example.com");
    for (purpose, found, message, field) in [
        (
            "register",
            vec![known.clone()],
            "OTP request for register failed",
            (
                "OTP.MOBILENUMBER",
                "This MobileNumber Already Register as UserName in System. Pls try Another UserName",
                "otp.mobileNumber",
            ),
        ),
        (
            "login",
            vec![],
            "OTP request for login failed",
            ("OTP.UNKNOWN_CREDENTIAL", "No such username or password", "otp.mobileNumber"),
        ),
        (
            "passwordreset",
            vec![],
            "OTP request for password reset failed",
            ("OTP.UNKNOWN_MOBILE_NUMBER", "Mobile number is unknown.", "otp.mobileNumber"),
        ),
        (
            "passwordreset",
            vec![user(json!(null), "a@example.com")],
            "OTP request for password reset failed",
            ("OTP.MOBILE_NUMBER", "MobileNumber Not Found For This User.", "otp.mobileNumber"),
        ),
        (
            "passwordreset",
            vec![user("", json!(null))],
            "OTP request for password reset failed",
            ("OTP.MOBILE_NUMBER", "MobileNumber Not Found For This User.", "otp.mobileNumber"),
        ),
    ] {
        let digit = Digit::start().await;
        digit.says(USERS, &users(&found));
        let app = App::beside(&digit);
        app.ask(purpose, "9876543210").await.expect(400, &refused(message, &[field]));
        assert_eq!((app.sms.handed().len(), app.store.count().await), (0, 0), "{purpose}");
    }
}

#[tokio::test]
async fn a_token_needs_a_tenant_and_an_identity_and_a_check_a_code_too() {
    let app = App::new();
    for (otp, create, validate) in [
        ("null", vec![TENANT, IDENTITY], vec![TENANT, IDENTITY, OTP]),
        ("{}", vec![TENANT, IDENTITY], vec![TENANT, IDENTITY, OTP]),
        (r#"{"tenantId":"","identity":""}"#, vec![TENANT, IDENTITY], vec![TENANT, IDENTITY, OTP]),
        (r#"{"tenantId":"pb","otp":"1"}"#, vec![IDENTITY], vec![IDENTITY]),
        (r#"{"identity":"i","otp":"1"}"#, vec![TENANT], vec![TENANT]),
        // Nothing is left of it once it is cut.
        (r#"{"tenantId":".pb","identity":"i","otp":"1"}"#, vec![TENANT], vec![TENANT]),
        (r#"{"tenantId":"p\u0000b","identity":"i","otp":"1"}"#, vec![TENANT_INVALID], vec![TENANT_INVALID]),
    ] {
        let body = format!(r#"{{"otp":{otp}}}"#);
        app.post(CREATE, &body).await.expect(400, &refused("Invalid OTP request", &create));
        app.post(VALIDATE, &body).await.expect(400, &refused("Invalid OTP validation request", &validate));
    }
    let control = json!({ "otp": { "tenantId": "pb", "identity": "a\nb", "otp": "1" } }).to_string();
    let identity = ("OTP.IDENTITY_INVALID", "Identity field is not valid", "otp.identity");
    app.post(CREATE, &control).await.expect(400, &refused("Invalid OTP request", &[identity]));
    app.post(VALIDATE, &control).await.expect(400, crate::harness::WRONG);
    assert_eq!(app.store.count().await, 0);
}

#[tokio::test]
async fn fields_that_are_too_long_are_told_before_those_that_are_missing() {
    let app = App::new();
    for (field, most) in [("tenantId", 256), ("identity", 100), ("otp", 128), ("uuid", 36)] {
        let size = format!("size must be between 0 and {most}");
        // Java counts UTF-16 units.
        for (fits, text) in
            [(true, "é".repeat(most)), (false, "x".repeat(most + 1)), (false, "🔑".repeat(most / 2 + 1))]
        {
            let body = json!({ "otp": { field: text } }).to_string();
            for (path, object) in [(CREATE, "otpRequest"), (VALIDATE, "otpValidateRequest")] {
                let reply = app.post(path, &body).await;
                if fits {
                    assert!(reply.body.contains("MANDATORY"), "{field}: {reply:?}");
                } else {
                    reply.expect(400, &platform(&format!("Size.{object}.otp.{field}"), &size));
                }
            }
        }
    }
    let both = json!({ "otp": { "tenantId": "x".repeat(257), "identity": "x".repeat(101) } }).to_string();
    let one = |code: &str, most: usize| {
        let reply = platform(code, &format!("size must be between 0 and {most}"));
        let start = reply.find("{\"id\"").unwrap();
        reply[start..reply.len() - 2].to_owned()
    };
    let errors =
        [one("Size.otpRequest.otp.tenantId", 256), one("Size.otpRequest.otp.identity", 100)].join(",");
    app.post(CREATE, &both).await.expect(400, &format!(r#"{{"ResponseInfo":null,"Errors":[{errors}]}}"#));
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be() {
    let app = App::new();
    let missing = platform("MissingJsonException", "JSON body has errors or is missing");
    let mapping = platform("JsonMappingException", "Failed to deserialize certain JSON fields");
    for path in [SEND, CREATE, VALIDATE, SEARCH] {
        for nothing in ["", " \r\n\t", "null"] {
            app.post(path, nothing).await.expect(400, &missing);
        }
        let bare = Request::post(path).body(Body::empty()).unwrap();
        app.send(bare).await.expect(400, &missing);
        for (body, place) in [
            ("{", "line 1, column 1"),
            ("{\"otp\":\n{]}", "line 2, column 2"),
            ("{} {}", "line 1, column 4"),
            ("nonsense", "line 1, column 2"),
            ("{\"otp\":{\"identity\":\"a\u{0}b\"}}", "line 1, column 21"),
        ] {
            let message = format!("The body is not valid JSON: {place}");
            app.post(path, body).await.expect(400, &platform("JsonParseException", &message));
        }
        for wrong in
            ["[]", "\"{}\"", "1", "true", r#"{"otp":[]}"#, r#"{"otp":"x"}"#, r#"{"otp":{"tenantId":{}}}"#]
        {
            app.post(path, wrong).await.expect(400, &mapping);
        }
    }
    let not_utf8 = posting(SEND).body(Body::from(&b"{\"otp\":\"\xFF\"}"[..])).unwrap();
    let reply = app.send(not_utf8).await;
    assert_eq!((reply.status.as_u16(), reply.body.contains("JsonParseException")), (400, true));
    for wrong in [
        r#"{"otp":{"type":{}}}"#,
        r#"{"otp":{"mobileNumber":[1]}}"#,
        r#"{"otp":{"userType":{}}}"#,
        r#"{"otp":{"countryCode":{}}}"#,
        r#"{"requestInfo":"x"}"#,
        r#"{"requestInfo":{"msgId":{}}}"#,
        r#"{"requestInfo":{"authToken":[]}}"#,
        r#"{"requestInfo":{"correlationId":{}}}"#,
        r#"{"requestInfo":{"userInfo":"x"}}"#,
    ] {
        app.post(SEND, wrong).await.expect(400, &mapping);
    }
    for wrong in [r#"{"otp":{"identity":{}}}"#, r#"{"otp":{"otp":[]}}"#, r#"{"otp":{"UUID":{}}}"#] {
        app.post(VALIDATE, wrong).await.expect(400, &mapping);
    }
    let large = posting(SEND).body(Body::from(" ".repeat(70_000))).unwrap();
    app.send(large).await.expect(413, &platform("PAYLOAD_TOO_LARGE", "JSON body is too large"));
}

#[tokio::test]
async fn a_request_info_may_hold_anything_else() {
    let app = App::new();
    for info in [
        "null",
        "{}",
        r#"{"ts":"yesterday"}"#,
        r#"{"ts":{"a":[1]},"ver":7,"action":["x"],"plainAccessRequest":{},"userInfo":{"roles":[{"code":"EMPLOYEE"}]}}"#,
        r#"{"msgId":5,"authToken":true,"correlationId":1.5,"userInfo":null}"#,
    ] {
        for name in ["requestInfo", "RequestInfo", "REQUESTINFO"] {
            let body = format!(r#"{{"{name}":{info},"otp":{{"tenantId":"pb","mobileNumber":9876543210}}}}"#);
            app.post(SEND, &body).await.expect(201, SENT);
        }
    }
}

#[tokio::test]
async fn names_match_in_any_case() {
    let app = App::new();
    let body =
        r#"{"OTP":{"TENANTID":"pb","MobileNumber":"9876543210","TYPE":"Register","unknown":[{}]},"more":1}"#;
    app.post(SEND, body).await.expect(201, SENT);
    let (code, uuid) = app.create("i", "pb").await;
    let body = json!({ "Otp": { "OTP": code, "IDENTITY": "i", "tenantID": "pb" } }).to_string();
    let validated = crate::harness::token(&format!("\"{code}\""), "i", "pb", &uuid, true);
    app.post(VALIDATE, &body).await.expect(200, &validated);
    let body = json!({ "otp": { "UUID": uuid } }).to_string();
    app.post(SEARCH, &body).await.expect(200, &crate::harness::token("null", "i", "pb", &uuid, true));
}

#[tokio::test]
async fn paths_methods_and_media_types() {
    let app = App::new();
    for path in [
        "/",
        "/otp",
        "/otp/v1",
        "/otp/v1/_delete",
        "/otp/v1/_create/",
        "/user-otp/v1/_create",
        "/otp/v1/_send",
    ] {
        app.post(path, "{}").await.expect(404, &platform("NOT_FOUND", "No such path"));
    }
    for path in [SEND, CREATE, VALIDATE, SEARCH] {
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let reply = app.send(request).await;
            reply.expect(405, &platform("METHOD_NOT_ALLOWED", "Method not allowed"));
            assert_eq!(reply.header(ALLOW), "POST");
        }
        for media in [
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonx"),
            Some(""),
            None,
        ] {
            let request = Request::post(path);
            let request =
                media.into_iter().fold(request, |request, media| request.header(CONTENT_TYPE, media));
            app.send(request.body(Body::from("{}")).unwrap())
                .await
                .expect(415, &platform("UNSUPPORTED_MEDIA_TYPE", "Content type must be application/json"));
        }
        for media in ["application/json;charset=UTF-8", "Application/JSON", "application/vnd.digit+json; v=1"]
        {
            let request = Request::post(path).header(CONTENT_TYPE, media);
            assert_ne!(app.send(request.body(Body::from("{}")).unwrap()).await.status, 415, "{media}");
        }
    }
    let reply = app.post("/otp/health", "{}").await;
    assert_eq!((reply.status.as_u16(), reply.header(ALLOW)), (405, "GET,HEAD"));
}

#[tokio::test]
async fn without_its_service_a_login_is_no_unknown_user() {
    let app = App::new();
    for purpose in ["login", "passwordreset"] {
        app.ask(purpose, "9876543210").await.expect_unavailable("The user service is not configured");
    }
    app.ask("register", "9876543210").await.expect(201, SENT);
    let mute = App::of(watchword_http::dialects::egov::EgovSettings { sms_route: None, ..alone() });
    mute.ask("register", "9876543210").await.expect_unavailable("No SMS provider is configured");
}

//! Login, registration and password reset, from the portal's call to the record on the broker and back.

use serde_json::{Value, json};
use watchword_testkit::kafka::Broker;

use crate::digit::{Digit, LOCALIZATION, MDMS, RESET, USERS};
use crate::records::{EMAIL, Record, SMS, broker, wait_for};
use crate::site::{SEARCH, SEND, SENT, Server, Site, WRONG, asking, client, code_in, token, uuid_of};

const CITIZEN: &str = "9876543210";

/// DIGIT, its broker, and a server whose topics have this prefix.
async fn started(prefix: &str) -> (Digit, std::sync::Arc<Broker>, Server) {
    let (digit, broker) = (Digit::start().await, tokio::task::block_in_place(broker));
    let mut site = Site::beside(&digit);
    site.set("SPRING_KAFKA_BOOTSTRAP_SERVERS", &broker.url());
    for (name, topic) in [("SMS_TOPIC", SMS), ("EMAIL_TOPIC", EMAIL)] {
        let topic = format!("{prefix}{topic}");
        broker.create(&topic);
        // The names of the original are nobody's to set.
        if !prefix.is_empty() {
            site.set(name, &topic);
        }
    }
    let server = site.serve();
    digit.validates_at(&server.origin);
    (digit, broker, server)
}

/// The record is what the SMS's consumer reads, whole; gives back its code.
fn expect_sms(record: &Record, number: &str, text: &str) -> String {
    let code = code_in(record.member("message").as_str().unwrap());
    let (message, expiry) = (text.replace("%s", &code), &record.member("expiryTime"));
    assert_eq!(
        record.value,
        format!(
            r#"{{"mobileNumber":"{number}","message":"{message}","category":"OTP","expiryTime":{expiry},"countryCode":"+91"}}"#
        )
    );
    assert!((1..=3_000).contains(&record.left()), "{} ms are left of 3 s", record.left());
    expect_headers(record, "org.egov.persistence.contract.SMSRequest");
    code
}

fn expect_headers(record: &Record, type_id: &str) {
    assert_eq!(record.key, Value::Null);
    assert_eq!(record.header("__TypeId__"), type_id);
    assert_eq!(record.header("Idempotency-Key").len(), 36);
    // A `traceparent` follows where traces are exported.
    assert_eq!(record.headers.len(), 2, "{:?}", record.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_s_code_is_read_from_the_broker_validated_once_and_searched() {
    let (digit, broker, server) = started("").await;
    let hindi = "आपका लॉगिन ओटीपी %s है।";
    digit.says("sms.login.otp.msg", hindi);
    digit.says("email.login.otp.sub", "लॉगिन ओटीपी");
    digit.says("email.login.otp.body", "ओटीपी %s, 100% गोपनीय");
    digit.knows(CITIZEN, CITIZEN, Some("asha@example.com"));

    server.sends("login", CITIZEN).await;
    let sms = wait_for(&broker, SMS, 1).await;
    let code = expect_sms(&sms[0], CITIZEN, hindi);
    let mails = wait_for(&broker, EMAIL, 1).await;
    let nobody = r#"{"apiId":null,"ver":null,"ts":null,"action":null,"did":null,"key":null,"msgId":null,"authToken":null,"correlationId":null,"plainAccessRequest":null,"userInfo":null}"#;
    assert_eq!(
        mails[0].value,
        format!(
            r#"{{"requestInfo":{nobody},"email":{{"emailTo":["asha@example.com"],"subject":"लॉगिन ओटीपी","body":"ओटीपी {code}, 100% गोपनीय"}}}}"#
        )
    );
    expect_headers(&mails[0], "org.egov.persistence.contract.EmailRequest");
    assert_eq!((sms.len(), mails.len()), (1, 1));

    // What the services were asked.
    let [user] = &digit.asked(USERS)[..] else { panic!("egov-user is asked once a `_send`") };
    let citizen =
        json!({ "userName": null, "tenantId": "pb", "userType": "CITIZEN", "mobileNumber": CITIZEN });
    assert_eq!(user.body, citizen);
    let [texts] = &digit.asked(LOCALIZATION)[..] else { panic!("egov-localization is asked once") };
    assert_eq!(texts.query, "tenantId=pb&module=egov-user&locale=hi_IN");
    let [numbers] = &digit.asked(MDMS)[..] else { panic!("MDMS is asked once") };
    for asked in [user, texts, numbers] {
        assert_eq!(asked.headers["x-correlation-id"], "story-1", "{}", asked.path);
        assert!(asked.headers.contains_key("tenantid"), "{}", asked.path);
    }

    // The code is good once.
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(server.validate(CITIZEN, wrong).await, (400, WRONG.to_owned()));
    let (status, validated) = server.validate(CITIZEN, &code).await;
    let uuid = uuid_of(&validated);
    assert_eq!((status, validated), (200, token(&format!("\"{code}\""), CITIZEN, &uuid, true)));
    assert_eq!(server.validate(CITIZEN, &code).await, (400, WRONG.to_owned()));
    let found = server.post(SEARCH, &json!({ "otp": { "uuid": uuid } })).await;
    assert_eq!(found, (200, token("null", CITIZEN, &uuid, true)));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_for_a_number_that_nobody_has() {
    let (digit, broker, server) = started("register-").await;
    let (sms, email) = (format!("register-{SMS}"), format!("register-{EMAIL}"));
    server.sends("register", CITIZEN).await;
    let records = wait_for(&broker, &sms, 1).await;
    let text = "Dear Citizen, Your OTP to complete your DIGIT Registration is %s.";
    let code = expect_sms(&records[0], CITIZEN, text);
    assert_eq!(server.validate(CITIZEN, &code).await.0, 200);

    // They have registered.
    digit.knows(CITIZEN, CITIZEN, None);
    let (status, refusal) = server.post(SEND, &asking("register", CITIZEN)).await;
    let fields = json!([{ "code": "OTP.MOBILENUMBER", "field": "otp.mobileNumber",
        "message": "This MobileNumber Already Register as UserName in System. Pls try Another UserName" }]);
    let error = json!({ "code": 400, "message": "OTP request for register failed", "description": null, "fields": fields });
    assert_eq!(
        (status, serde_json::from_str::<Value>(&refusal).unwrap()),
        (400, json!({ "responseInfo": null, "error": error }))
    );
    server.sends("login", CITIZEN).await;
    let records = wait_for(&broker, &sms, 2).await;
    let login = expect_sms(&records[1], CITIZEN, "Dear Citizen, Your Login OTP is %s.");
    assert_eq!(server.validate(CITIZEN, &login).await.0, 200);
    assert_eq!(records.len(), 2);
    assert!(wait_for(&broker, &email, 0).await.is_empty(), "a user without an address gets no mail");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reset_goes_to_the_number_on_record_and_its_caller_reads_our_refusal() {
    const ON_RECORD: &str = "9811111111";
    let (digit, broker, server) = started("reset-").await;
    digit.knows(CITIZEN, ON_RECORD, Some("asha@example.com"));
    server.sends("passwordreset", CITIZEN).await;
    let records = wait_for(&broker, &format!("reset-{SMS}"), 1).await;
    let text = "Dear Citizen, Your OTP for recovering password is %s.";
    let code = expect_sms(&records[0], ON_RECORD, text);
    let mails = wait_for(&broker, &format!("reset-{EMAIL}"), 1).await;
    let mail = json!({ "emailTo": ["asha@example.com"], "subject": "Password Reset", "body": format!("Your OTP for recovering password is {code}.") });
    assert_eq!(mails[0].member("email"), mail);

    // The portal asks egov-user, which asks us.
    let reset = async |otp: &str| {
        let body = json!({ "userName": CITIZEN, "tenantId": "pb", "type": "CITIZEN", "otpReference": otp });
        let reply = client().post(format!("{}{RESET}", digit.origin)).json(&body).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    assert_eq!(reset("nonsense").await, (400, WRONG.to_owned()));
    assert_eq!(reset(&code).await.0, 200);
    assert_eq!(reset(&code).await, (400, WRONG.to_owned()));

    let (status, refusal) = server.post(SEND, &asking("passwordreset", "9800000000")).await;
    assert_eq!(status, 400);
    assert!(refusal.contains(r#""code":"OTP.UNKNOWN_MOBILE_NUMBER""#), "{refusal}");
    let (status, sent) = server.post(SEND, &asking("passwordreset", CITIZEN)).await;
    assert_eq!((status, sent.as_str()), (201, SENT));
    server.stop();
}

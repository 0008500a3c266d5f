//! Where parameters come from, and what is as good as none.

use serde_json::{Value, json};

use crate::harness::{App, FALSE, TRUE};

/// A good body for a channel's `POST`, with all that can be in it.
fn good(channel: &str) -> Value {
    match channel {
        "sms" => json!({ "phone": "7701", "password": "12345", "message": "m", "lifetime": 300 }),
        "call" => json!({ "phone": "7701", "password": "12345", "lifetime": 300 }),
        "email" => {
            json!({ "email": "a@b.c", "password": "12345", "subject": "s", "lifetime": 300, "text": "t" })
        }
        _ => json!({ "chat_id": "77", "password": "12345", "message": "m", "lifetime": 300 }),
    }
}

#[tokio::test]
async fn what_is_as_good_as_none() {
    let app = App::new();
    // Every call that has required parameters, and those in the order they are asked for.
    let calls: [(&str, &str, &[&str]); 10] = [
        ("POST", "/sms", &["phone", "password", "message", "lifetime"]),
        ("POST", "/call", &["phone", "password", "lifetime"]),
        ("POST", "/email", &["email", "password", "subject", "lifetime"]),
        ("POST", "/telegram", &["chat_id", "password", "message", "lifetime"]),
        ("GET", "/sms/check", &["phone", "password"]),
        ("GET", "/call/check", &["phone", "password"]),
        ("GET", "/email/check", &["email", "password"]),
        ("GET", "/telegram/check", &["chat_id", "password"]),
        ("GET", "/target", &["password", "channel"]),
        ("GET", "/password", &["target"]),
    ];
    for (method, path, names) in calls {
        for (index, name) in names.iter().enumerate() {
            let refused = format!("\"{name}\" parameter must be set");
            // What comes after it is missing too: the first one missing is told.
            let before = |value: Option<Value>| {
                let mut body = json!({ "channel": "sms", "target": "7701" });
                let earlier = &names[..index];
                let all = [good("sms"), good("email"), good("telegram")];
                for good in all.iter().flat_map(|good| good.as_object().unwrap()) {
                    if earlier.contains(&good.0.as_str()) {
                        body[good.0] = good.1.clone();
                    }
                }
                if !earlier.contains(&"channel") {
                    body.as_object_mut().unwrap().remove("channel");
                }
                if !earlier.contains(&"target") {
                    body.as_object_mut().unwrap().remove("target");
                }
                if let Some(value) = value {
                    body[*name] = value;
                }
                body.to_string()
            };
            app.call(method, path, &before(None)).await.expect_refused(400, &refused);
            for absent in [
                json!(null),
                json!(""),
                json!("   "),
                json!("\t\r\n\u{b}\u{c}"),
                json!("0"),
                json!(" 0 "),
                json!(0),
                json!(0.0),
                json!(-0.0),
                json!(false),
            ] {
                let reply = app.call(method, path, &before(Some(absent.clone()))).await;
                assert_eq!(
                    (method, path, name, &absent, reply.status.as_u16()),
                    (method, path, name, &absent, 400)
                );
                reply.expect_refused(400, &refused);
            }
        }
    }
}

#[tokio::test]
async fn two_zeros_are_a_value() {
    let app = App::new();
    app.pass_on("sms", "00", "00").await.expect(200, TRUE);
    app.check("sms", "00", "00").await.expect(200, TRUE);
    app.check("sms", "00", "000").await.expect(200, FALSE);
}

#[tokio::test]
async fn an_ip_address_may_be_as_good_as_none_until_there_are_rules() {
    let app = App::new();
    let send = |ip: Value| {
        let mut body = good("sms");
        body["ip"] = ip;
        body.to_string()
    };
    let absent = [json!(null), json!(""), json!(" "), json!("0"), json!(0), json!(false)];
    for ip in &absent {
        app.post("/sms", &send(ip.clone())).await.expect(200, TRUE);
    }
    app.post("/limit/sms", r#"{"ips":[{"minutes":10,"rate":100}]}"#).await.expect(200, TRUE);
    for ip in &absent {
        app.post("/sms", &send(ip.clone())).await.expect_refused(400, "\"ip\" parameter must be set");
    }
    app.post("/sms", &good("sms").to_string()).await.expect_refused(400, "\"ip\" parameter must be set");
    for ip in [json!("123.123.123.123"), json!("00"), json!(5), json!("no address at all")] {
        app.post("/sms", &send(ip)).await.expect(200, TRUE);
    }
    // Rules are those of one channel.
    app.post("/call", &good("call").to_string()).await.expect(200, TRUE);
}

#[tokio::test]
async fn numbers_and_texts_stand_for_each_other() {
    for (sent, checked, is_right) in [
        ("12345", "12345", true),
        ("12345", "\"12345\"", true),
        ("\"12345\"", "12345", true),
        ("\" 12345\\n\"", "\"12345 \"", true),
        ("\"1\\u0032345\"", "12345", true),
        ("\"012345\"", "12345", false),
        ("\"aB\"", "\"ab\"", false),
        ("\"é\"", "\"e\\u0301\"", false),
    ] {
        let app = App::new();
        let body = format!(r#"{{"phone":77011234567,"password":{sent},"message":"m","lifetime":300}}"#);
        app.post("/sms", &body).await.expect(200, TRUE);
        let check = format!(r#"{{"phone":"77011234567","password":{checked}}}"#);
        app.get("/sms/check", &check).await.expect(200, if is_right { TRUE } else { FALSE });
    }
}

#[tokio::test]
async fn a_lifetime_is_cut_to_whole_seconds_of_1_to_30_days() {
    let unset = "\"lifetime\" parameter must be set";
    let wrong = "\"lifetime\" parameter must be an integer from 1 to 2592000";
    for (lifetime, expected) in [
        ("300", Ok(300)),
        ("\"300\"", Ok(300)),
        ("\" 300 \"", Ok(300)),
        ("300.9", Ok(300)),
        ("\"300.9\"", Ok(300)),
        ("3e2", Ok(300)),
        ("\"+300\"", Ok(300)),
        ("1", Ok(1)),
        ("1.99", Ok(1)),
        ("2592000", Ok(2_592_000)),
        ("2592000.5", Ok(2_592_000)),
        ("2592001", Err(wrong)),
        ("1e400", Err(wrong)),
        ("99999999999999999999999999999999999999", Err(wrong)),
        ("-1", Err(wrong)),
        ("\"-300\"", Err(wrong)),
        ("\"five minutes\"", Err(wrong)),
        ("\"300s\"", Err(wrong)),
        ("\"inf\"", Err(wrong)),
        ("\"NaN\"", Err(wrong)),
        ("\"0x10\"", Err(wrong)),
        ("\"3 00\"", Err(wrong)),
        ("true", Err(wrong)),
        ("[300]", Err(wrong)),
        ("{}", Err(wrong)),
        ("0.9", Err(unset)),
        ("\"0.9\"", Err(unset)),
        ("-0.9", Err(unset)),
        ("\"00\"", Err(unset)),
        ("0", Err(unset)),
        ("\"0\"", Err(unset)),
        ("false", Err(unset)),
    ] {
        let app = App::new();
        let body = format!(r#"{{"phone":"7701","password":"1","message":"m","lifetime":{lifetime}}}"#);
        let reply = app.post("/sms", &body).await;
        match expected {
            Err(message) => reply.expect_refused(400, message),
            Ok(seconds) => {
                reply.expect(200, TRUE);
                app.pass(seconds - 1);
                app.check("sms", "7701", "1").await.expect(200, TRUE);
                app.pass(1);
                app.check("sms", "7701", "1").await.expect(200, FALSE);
            }
        }
    }
}

#[tokio::test]
async fn the_query_and_the_body_are_one_and_the_body_wins() {
    let unset = r#"{"status":false,"message":"\"phone\" parameter must be set"}"#;
    for (query, body, reply) in [
        ("phone=7701&password=1", "", TRUE),
        ("phone=7701&password=1", "  \n", TRUE),
        ("phone=7701", r#"{"password":1}"#, TRUE),
        ("phone=x&password=x", r#"{"phone":"7701","password":"1"}"#, TRUE),
        ("phone=7701&password=1", r#"{"phone":""}"#, unset),
        ("phone=7701&password=1", r#"{"phone":null}"#, unset),
        ("phone=7701&password=1", r#"{"phone":"7702"}"#, FALSE),
        ("phone=x&phone=7701&password=1", "", TRUE),
        ("", r#"{"phone":"x","phone":"7701","password":"1"}"#, TRUE),
        ("phone=+7701%20&password=1", "", TRUE),
        ("phone[]=7701&password=1", "", unset),
        ("Phone=7701&password=1", "", unset),
        // What is no JSON object is nothing in a GET.
        ("phone=7701&password=1", "phone=x", TRUE),
        ("phone=7701&password=1", "[1]", TRUE),
        ("phone=7701&password=1", r#"{"phone":"x""#, TRUE),
        ("phone=7701&password=1", r#"{"phone":"x"}{}"#, TRUE),
        ("", "7701", unset),
    ] {
        let app = App::new();
        app.pass_on("sms", "7701", "1").await.expect(200, TRUE);
        let answer = app.get(&format!("/sms/check?{query}"), body).await;
        answer.expect(if reply == unset { 400 } else { 200 }, reply);
    }
}

#[tokio::test]
async fn a_post_takes_nothing_but_a_json_object_whatever_it_is_called() {
    let app = App::new();
    let object = "Request body must be a JSON object";
    for path in ["/sms", "/call", "/email", "/telegram", "/limit/sms", "/limit/telegram", "/telegram/webhook"]
    {
        for body in [
            "[]",
            "[{}]",
            "1",
            "null",
            "true",
            "\"x\"",
            "{",
            "{}}",
            "{\"phone\":}",
            "{'phone':1}",
            "{\"phone\":01}",
            "{\"phone\":NaN}",
            "phone=7701&password=1",
            "\u{feff}{}",
            "{\"a\":\"\n\"}",
        ] {
            app.post(path, body).await.expect_refused(400, object);
        }
        let bytes = b"{\"phone\":\"\xff\"}".to_vec();
        let reply = app.send(crate::harness::request("POST", path).body(bytes.into()).unwrap()).await;
        reply.expect_refused(400, object);
    }
    for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let request = crate::harness::request("POST", "/sms").header("content-type", content_type);
        app.send(request.body(good("sms").to_string().into()).unwrap()).await.expect(200, TRUE);
    }
}

#[tokio::test]
async fn a_query_that_does_not_decode_is_refused() {
    let app = App::new();
    for query in ["phone=%", "phone=%zz", "phone=%ff", "%ff=1", "x=%ed%a0%80"] {
        let reply = app.get(&format!("/sms/check?{query}"), "").await;
        reply.expect_refused(400, "Query string must be percent-encoded UTF-8");
    }
}

#[tokio::test]
async fn depth_and_size_have_their_limits() {
    let app = App::new();
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    // Nobody looks at a name that means nothing.
    let mut body = good("sms").to_string();
    body.insert_str(1, &format!("\"x\":{},", deep(20_000)));
    app.post("/sms", &body).await.expect(200, TRUE);
    for name in ["phone", "password", "message", "ip"] {
        let mut body = good("sms");
        body.as_object_mut().unwrap().remove(name);
        let mut body = body.to_string();
        body.insert_str(1, &format!("\"{name}\":{},", deep(20_000)));
        app.post("/sms", &body).await.expect_refused(400, &format!("\"{name}\" parameter must be a string"));
    }
    app.post("/sms", &deep(20_000)).await.expect_refused(400, "Request body must be a JSON object");
    app.post("/limit/sms", &format!("{{\"ips\":{}}}", deep(20_000))).await.expect(200, TRUE);
    let padded = |bytes: usize| {
        let body = good("sms").to_string();
        let padding = " ".repeat(bytes - body.len());
        body + &padding
    };
    app.post("/sms", &padded(64 * 1_024)).await.expect(200, TRUE);
    app.post("/sms", &padded(64 * 1_024 + 1)).await.expect_refused(413, "Request body is too large");
    app.get("/sms/check", &padded(64 * 1_024 + 1)).await.expect_refused(413, "Request body is too large");
}

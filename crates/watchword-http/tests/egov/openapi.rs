//! The OpenAPI document of both services: every reply of every test is looked up in it, and its own examples are tried.

use std::sync::LazyLock;

use serde_json::Value;

use crate::harness::digit::{USERS, user, users};
use crate::harness::{App, Digit, Reply};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../docs/dialects/egov-openapi.json")).unwrap()
});

/// Sees that the document knows a reply: its path, its method, its status, and its body to the last key.
pub(crate) fn check(method: &str, path: &str, reply: &Reply) {
    let Some(item) = DOCUMENT["paths"].get(path) else {
        assert_eq!(reply.status.as_u16(), 404, "{method} {path} is not in the document");
        return if method == "HEAD" { assert_eq!(reply.body, "") } else { check_body("NotFound", reply) };
    };
    // Whoever may GET may ask for the head alone.
    if method == "HEAD" {
        assert_eq!(reply.status.as_u16() != 405, item.get("get").is_some(), "{path}");
        return;
    }
    let Some(operation) = item.get(method.to_lowercase()) else {
        assert_eq!(reply.status.as_u16(), 405, "{method} {path} is not in the document");
        return check_body("MethodNotAllowed", reply);
    };
    let status = reply.status.as_str();
    let response = operation["responses"].get(status);
    let response = response.unwrap_or_else(|| panic!("{method} {path}: {status} is not in the document"));
    check_response(response, reply);
}

fn check_body(response: &str, reply: &Reply) {
    check_response(resolved(&format!("#/components/responses/{response}")), reply);
}

fn check_response(response: &Value, reply: &Reply) {
    let response = response.get("$ref").map_or(response, |pointer| resolved(pointer.as_str().unwrap()));
    let schema = &response["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{response}");
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    if let Err(why) = conforms(schema, &body) {
        panic!("{why}: {}", reply.body);
    }
    for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(reply.headers.contains_key(name), "{name} is not there: {reply:?}");
    }
}

fn resolved(pointer: &str) -> &'static Value {
    DOCUMENT.pointer(pointer.trim_start_matches('#')).unwrap_or_else(|| panic!("{pointer}"))
}

/// As much of JSON Schema as the document uses. An object has the keys it names and no others.
fn conforms(schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(pointer) = schema.get("$ref") {
        return conforms(resolved(pointer.as_str().unwrap()), value);
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let fitting = choices.iter().filter(|choice| conforms(choice, value).is_ok()).count();
        return if fitting == 1 { Ok(()) } else { Err(format!("{fitting} of oneOf fit {value}")) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = &schema["type"];
    let fits = types == kind || types.as_array().is_some_and(|types| types.iter().any(|one| one == kind));
    if !fits {
        return Err(format!("{value} is not {types}"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Err(format!("{value} is not {}", schema["const"]));
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|known| !known.contains(value)) {
        return Err(format!("{value} is none of {}", schema["enum"]));
    }
    if let Value::Array(items) = value {
        items.iter().try_for_each(|item| conforms(&schema["items"], item))?;
    }
    if let Value::Object(members) = value {
        let known = schema["properties"].as_object().ok_or("no properties")?;
        for name in schema["required"].as_array().into_iter().flatten() {
            members.get(name.as_str().unwrap()).ok_or_else(|| format!("{name} is not there"))?;
        }
        for (name, member) in members {
            conforms(known.get(name).ok_or_else(|| format!("{name} is not in the document"))?, member)?;
        }
    }
    Ok(())
}

#[test]
fn the_document_is_whole() {
    assert!(DOCUMENT["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths: Vec<_> = DOCUMENT["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "/user-otp/v1/_send",
        "/otp/v1/_create",
        "/otp/v1/_validate",
        "/otp/v1/_search",
        "/user-otp/health",
        "/otp/health",
        "/user-otp/actuator/health",
        "/otp/actuator/health",
    ];
    expected.sort_unstable();
    let mut sorted = paths.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    see_references(&DOCUMENT);
}

/// Every reference leads somewhere.
fn see_references(value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(pointer) = members.get("$ref") {
                resolved(pointer.as_str().unwrap());
            }
            members.values().for_each(see_references);
        }
        Value::Array(items) => items.iter().for_each(see_references),
        _ => {}
    }
}

#[test]
fn a_reply_that_is_not_as_the_document_says_is_found() {
    let token = resolved("#/components/schemas/TokenReply");
    let good = r#"{"responseInfo":null,"otp":{"otp":"1","identity":"i","tenantId":"pb","UUID":"u","isValidationSuccessful":true}}"#;
    assert_eq!(conforms(token, &serde_json::from_str(good).unwrap()), Ok(()));
    for (from, to) in [("\"otp\":\"1\",", ""), ("true", "\"true\""), ("\"UUID\"", "\"uuid\""), ("null", "{}")]
    {
        assert!(
            conforms(token, &serde_json::from_str(&good.replacen(from, to, 1)).unwrap()).is_err(),
            "{from}"
        );
    }
}

#[tokio::test]
async fn the_documents_own_examples_are_taken() {
    let digit = Digit::start().await;
    let app = App::beside(&digit);
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        let Some(operation) = item.get("post") else {
            app.get(path).await.expect(200, r#"{"status":"UP"}"#);
            continue;
        };
        let content = &operation["requestBody"]["content"]["application/json"];
        let examples = content["examples"].as_object().unwrap();
        assert!(!examples.is_empty(), "{path}");
        for (name, example) in examples {
            let found = [user("9876543210", "citizen@example.com")];
            digit.says(USERS, &users(if name.starts_with("register") { &[] } else { &found }));
            // What is sent is as the document says, too.
            conforms(&content["schema"], &example["value"])
                .unwrap_or_else(|why| panic!("{path} {name}: {why}"));
            let reply = app.post(path, &example["value"].to_string()).await;
            let expected = if path == "/otp/v1/_validate" {
                400
            } else if path == "/otp/v1/_search" {
                200
            } else {
                201
            };
            assert_eq!(reply.status.as_u16(), expected, "{path} {name}: {reply:?}");
        }
    }
}

//! Asks Go.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use watchword_template::Value;

use crate::corpus::{Case, Mode};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    output: String,
    error: String,
}

/// What Go says: a row for each case, in it an answer for each set of data.
pub(crate) fn render(cases: &[Case], sets: &[(&str, Value)], now: i64) -> Vec<Vec<Result<String, String>>> {
    let templates = cases.iter().map(|case| {
        json!({
            "Name": case.title,
            "Mode": if case.mode == Mode::Text { "text" } else { "html" },
            "Source": case.source,
            "Sprig": case.sprig,
            "Message": case.message,
        })
    });
    let data = sets.iter().map(|(name, fields)| json!({ "Name": name, "Fields": to_json(fields) }));
    let task =
        json!({ "Templates": templates.collect::<Json>(), "Data": data.collect::<Json>(), "Now": now });
    let output = run(&["run", "."], task.to_string().as_bytes());
    let answers: Vec<Vec<Answer>> = serde_json::from_slice(&output.stdout).expect("Go answers in JSON");
    let result = |answer: Answer| if answer.error.is_empty() { Ok(answer.output) } else { Err(answer.error) };
    answers.into_iter().map(|row| row.into_iter().map(result).collect()).collect()
}

/// The minor version of Go 1.
pub(crate) fn version() -> u32 {
    let output = run(&["env", "GOVERSION"], b"");
    let version = String::from_utf8(output.stdout).unwrap();
    let minor = version
        .trim()
        .strip_prefix("go1.")
        .and_then(|rest| rest.split('.').next())
        .and_then(|n| n.parse().ok());
    minor.unwrap_or_else(|| panic!("what version of Go is {version:?}?"))
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/against_go/go");
    let child = Command::new("go")
        .args(arguments)
        .current_dir(folder)
        .env("GOFLAGS", "-buildvcs=false -mod=readonly")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child =
        child.expect("this test needs Go: install the package golang-go, or put `go` on the PATH");
    // It reads everything before it writes anything.
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "go {} failed; it needs its modules (see go.mod), from a proxy or its cache: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(truth) => json!(truth),
        Value::Int(int) => json!(int),
        Value::Float(float) => json!({ "$float": float }),
        Value::Text(text) => json!(text),
        Value::Duration(length) => json!({ "$duration": i64::try_from(length.as_nanos()).unwrap() }),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(fields) => {
            Json::Object(fields.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
        }
    }
}

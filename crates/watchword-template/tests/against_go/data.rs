//! What the templates are rendered with.

use std::collections::BTreeMap;
use std::time::Duration;

use watchword_template::Value;

/// Data sets by name: ordinary, hostile in every language that a mail can hold, with nothing in it, and beyond ASCII.
pub(crate) fn sets() -> Vec<(&'static str, Value)> {
    let hostile = "<script>alert(\"1\")</script>'&+=`/\\\n-->]]>{{.OTP}}";
    vec![
        (
            "ordinary",
            fields(
                "Anna",
                "anna@example.com",
                "<b>bold</b> & more",
                "red",
                "123456",
                300_000,
                ["a", "b", "c"],
            ),
        ),
        (
            "hostile",
            fields(
                hostile,
                "\"a'<b>\"@x.y?z#",
                hostile,
                "red;background:url(x)",
                "</style><b>",
                5_430_500,
                ["<", "'b\"", "\0\u{2028}"],
            ),
        ),
        ("empty", fields("", "", "", "", "", 0, ["", "", ""])),
        (
            "unicode",
            fields(
                "Änne 😀",
                "änne@exämple.com",
                "ünï—\u{a0}cödé\u{fffd}",
                "Ω",
                "١٢٣٤٥٦",
                61_001,
                ["ä", "日本", "e\u{301}"],
            ),
        ),
    ]
}

fn fields(name: &str, email: &str, html: &str, color: &str, otp: &str, ttl: u64, list: [&str; 3]) -> Value {
    let number = |n: i64| Value::Int(n);
    let text = |t: &str| Value::from(t);
    let full = !name.is_empty();
    let list = Value::List(if full { list.map(text).to_vec() } else { Vec::new() });
    let item = |name: &str, price: f64| Value::from([("Name", text(name)), ("Price", Value::Float(price))]);
    Value::from([
        ("To", text(email)),
        ("Namespace", text(name)),
        ("Channel", text("E-mail")),
        ("ChannelName", text("E-mail")),
        ("OTP", text(otp)),
        ("OTPURL", text(&format!("https://otp.example.com/otp/{name}/id?otp={otp}&action=check"))),
        ("OTPTTL", Value::Duration(Duration::from_millis(ttl))),
        ("Name", text(name)),
        ("Email", text(email)),
        ("Html", text(html)),
        ("Quote", text(&format!("it's \"{name}\""))),
        ("Plus", text(&format!("a+b c/{name}?x=%41%zz&y"))),
        ("Url", text(&format!("https://example.com/a b?{name}=1&x='y'"))),
        ("BadUrl", text(&format!("javascript:alert('{name}')"))),
        ("Mailto", text("mailto:a@b.c?subject=x y")),
        ("Color", text(color)),
        ("BadCss", text("exp\\72 ession(1)")),
        ("Word", text(if full { "Checked" } else { "" })),
        ("Long", text(&format!("  {name} and\tmuch more of it {html}"))),
        ("Empty", text("")),
        ("Zero", number(0)),
        ("Count", number(if full { 3 } else { 0 })),
        ("Ratio", Value::Float(if full { 2.5e-7 } else { 0.0 })),
        ("Yes", Value::Bool(full)),
        ("No", Value::Bool(false)),
        ("Nothing", Value::Nil),
        ("List", list),
        ("Numbers", Value::List(vec![number(30), number(-1), number(7)])),
        ("EmptyList", Value::List(Vec::new())),
        ("Map", Value::from([("b", text(name)), ("a", number(1)), ("c", Value::Nil)])),
        ("Nested", Value::from([("Inner", Value::from([("Deep", text(name))])), ("Name", text("nested"))])),
        ("Items", Value::List(vec![item(name, 1.5), item("second", 1e21)])),
    ])
}

/// The fields that otpgateway's messages have, and no others.
pub(crate) fn message(fields: &Value) -> Value {
    let Value::Map(fields) = fields else { panic!("data is a map") };
    let known = ["To", "Namespace", "Channel", "ChannelName", "OTP", "OTPURL", "OTPTTL"];
    let kept: BTreeMap<_, _> = fields
        .iter()
        .filter(|(name, _)| known.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    Value::Map(kept)
}

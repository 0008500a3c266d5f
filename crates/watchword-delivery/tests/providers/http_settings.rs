//! Settings of the kind `http`: what is read, and what is refused before anything is sent.

use std::time::Duration;

use watchword_delivery::http::AddressKind;
use watchword_delivery::registry::{Presentation, ProviderSettings};

use crate::http_provider::{build, settings};
use crate::sample::provider_id;

#[test]
fn a_url_is_enough() {
    let settings = settings(r#"url = "https://example.com/send""#).unwrap();
    let provider = build(&settings).unwrap();
    assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(3), 10));
    assert_eq!(
        settings.presentation(&provider_id("gateway")),
        Presentation {
            channel: "gateway",
            address_name: "Address",
            max_address_length: None,
            passcode_length: 6
        }
    );
}

#[test]
fn it_is_shown_as_configured() {
    let toml = r#"
        url = "https://example.com/send"
        timeout = "10s"
        max_conns = 50
        channel_name = "SMS"
        max_address_len = 16
        max_otp_len = 4
    "#;
    let id = provider_id("gateway");
    for (address, kind, address_name) in [
        ("", AddressKind::Any, "Address"),
        ("address = \"phone\"", AddressKind::Phone, "Mobile number"),
        ("address = \"email\"", AddressKind::Email, "E-mail"),
        ("address = \"phone\"\naddress_name = \"Phone\"", AddressKind::Phone, "Phone"),
    ] {
        let settings = settings(&format!("{toml}{address}")).unwrap();
        let provider = build(&settings).unwrap();
        assert_eq!((provider.timeout(), provider.max_concurrent()), (Duration::from_secs(10), 50));
        let presentation = settings.presentation(&id);
        assert_eq!(
            presentation,
            Presentation { channel: "SMS", address_name, max_address_length: Some(16), passcode_length: 4 }
        );
        let ProviderSettings::Http(settings) = settings else { panic!("http") };
        assert_eq!(settings.address, kind);
    }
}

#[test]
fn what_is_no_setting_is_refused() {
    for (toml, expected) in [
        ("urll = 1", "unknown field `urll`"),
        ("method = \"DELETE\"", "unknown variant `DELETE`, expected one of `POST`, `GET`, `PUT`, `PATCH`"),
        ("address = \"fax\"", "unknown variant `fax`"),
        ("to_format = \"E164\"", "unknown variant `E164`"),
        ("reply = [{ status = 200 }]", "missing field `outcome`"),
        ("reply = [{ status = 200, outcome = \"unknown\" }]", "unknown variant `unknown`"),
        ("reply = [{ statuses = 200, outcome = \"accepted\" }]", "unknown field `statuses`"),
        ("success = { status = 200 }", "unknown field `status`"),
        ("form = { a = { b = 1 } }", "expected a text, a number, or a list of such"),
        ("json = { a = 1.5 }", "expected a section, a list, a text, a whole number, or true or false"),
        ("timeout = \"3\"", "a length of time is a number and a unit"),
    ] {
        let error = settings(&format!("url = \"http://a/\"\n{toml}")).unwrap_err();
        assert!(error.contains(expected), "{toml}: {error}");
    }
    for status in ["99", "1000", "0", "-200", "\"2xx\"", "\"299-200\"", "\"200-\"", "\"\"", "[200, \"x\"]"] {
        let error = settings(&format!(
            "url = \"http://a/\"\nreply = [{{ status = {status}, outcome = \"accepted\" }}]"
        ));
        let error = error.unwrap_err();
        let expected = "expected a status like 429, statuses like \"200-299\", or a list of such";
        assert!(error.contains(expected), "{status}: {error}");
    }
}

fn refusal(toml: &str) -> String {
    match build(&settings(toml).unwrap()) {
        Ok(_) => panic!("taken: {toml}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_can_not_work_is_refused_with_what_to_mend() {
    for (toml, problem) in [
        ("username = \"a:b\"", "`username` must not hold a `:`"),
        ("password = \"x\"", "`password` is set without `username`"),
        (
            "username = \"a\"\nheaders = { authorization = \"App x\" }",
            "`username` is set, and so is the header `Authorization`; remove one",
        ),
        ("headers = { Host = \"x\" }", "`headers.Host` is set by the connection; remove it"),
        (
            "headers = { content-length = \"1\" }",
            "`headers.content-length` is set by the connection; remove it",
        ),
        ("headers = { \"a b\" = \"x\" }", "`headers.a b` is not the name of a header"),
        ("headers = { a = \"x\\ny\" }", "`headers.a` would hold a line break or another control character"),
        (
            "headers = { X-A = \"1\", x-a = \"2\" }",
            "`headers.x-a` is there twice, in capitals and in small letters",
        ),
        ("form = {}\njson = {}", "`json` is set, and so is `form`; remove one"),
        ("form = {}\ntext = \"\"", "`text` is set, and so is `form` or `json`; remove one"),
        ("json = {}\ntext = \"\"", "`text` is set, and so is `form` or `json`; remove one"),
        ("json = \"{}\"", "`json` must be a section or a list, such as { to = \"{{ .To }}\" }"),
        ("method = \"GET\"\nform = {}", "`method` is GET, which has no body; put its values into `query`"),
        ("message_id = \"a..b\"", "`message_id` names no place in a reply; write it like messages.0.status"),
        ("error_field = \"\"", "`error_field` names no place in a reply; write it like messages.0.status"),
        (
            "success = {}",
            "`success` must say what a success looks like: `field` with `equals` or `exists`, or `contains`",
        ),
        (
            "reply = [{ outcome = \"accepted\" }]",
            "`reply` has a rule that fits every reply; give it a `status`, a `field` or `contains`",
        ),
        (
            "reply = [{ field = \"a\", outcome = \"accepted\" }]",
            "`reply` has a `field` without `equals` or `exists`",
        ),
        (
            "reply = [{ equals = 1, outcome = \"accepted\" }]",
            "`reply` has `equals` or `exists` without the `field` that is meant",
        ),
        (
            "success = { field = \"a\", equals = 1, exists = true }",
            "`success` has `equals` and `exists`; one of them is enough",
        ),
        (
            "success = { contains = \"\" }",
            "`success` has an empty text in `contains`, which is in every reply",
        ),
        (
            "success = { field = \".\", equals = 1 }",
            "`success` names no place in a reply; write it like messages.0.status",
        ),
        ("to_format = \"e164\"", "`to_format` is for telephone numbers; set `address = \"phone\"` too"),
        (
            "address = \"phone\"\ndefault_phone_code = \"+91\"",
            "`default_phone_code` needs `to_format`, \"e164\" or \"digits\"",
        ),
        (
            "address = \"phone\"\nto_format = \"e164\"\ndefault_phone_code = \"IN\"",
            "`default_phone_code` must be `+` and up to four digits, like \"+44\"",
        ),
        ("max_conns = 0", "`max_conns` must be 1 to 10000"),
        ("timeout = \"999ms\"", "`timeout` must be 1s to 5m"),
        ("timeout = \"301s\"", "`timeout` must be 1s to 5m"),
        (
            "channel_name = \"\"",
            "`channel_name` must be one line of 1 to 64 bytes; leave it out to use the provider's name",
        ),
        ("max_otp_len = 129", "`max_otp_len` must be at most 128"),
    ] {
        let refusal = refusal(&format!("url = \"http://127.0.0.1/\"\n{toml}"));
        assert_eq!(refusal, format!("provider `gateway`: {problem}"), "{toml}");
    }
}

#[test]
fn a_url_says_itself_where_messages_go() {
    let origin = "`url` must begin with its scheme and host as they are, without `{{`";
    let no_url = "`url` is not a URL; write it like https://example.com/otp";
    for (url, problem) in [
        ("", no_url),
        ("example.com/send", no_url),
        ("ftp://example.com/", "`url` must begin with http:// or https://"),
        ("https://example.com/#x", "`url` must not have a fragment; remove the `#` and what follows"),
        (
            "https://example.com/{{ .To }}#x",
            "`url` must not have a fragment; remove the `#` and what follows",
        ),
        ("https://u:p@example.com/", "`url` must not hold credentials; set `username` and `password`"),
        ("{{ .To }}", origin),
        ("https://{{ .To }}/", origin),
        ("https://{{ .To }}.example.com/", origin),
        ("https://example.com{{ .To }}/", origin),
        ("https://example.com:{{ .To }}/", origin),
        ("https:///{{ .To }}/", origin),
        ("https:/{{ .To }}/", origin),
        ("https://example.com/{{ .To", "`url` has a `{{` without its `}}`"),
        ("https://example.com/{{ \"}}\" ", "`url` has a `{{` without its `}}`"),
        (
            "https://example.com/{{ urlquery .To }}",
            "`url` has `urlquery`, and values in it are percent-encoded anyway; remove that",
        ),
        ("https://example.com/../{{ .To }}", "`url` would have a path segment `.` or `..`"),
    ] {
        assert_eq!(refusal(&format!("url = {url:?}")), format!("provider `gateway`: {problem}"), "{url}");
    }
    for url in [
        "https://example.com/{{ .To }}",
        "https://example.com?to={{ .To }}",
        "https://example.com:8443/a/{{ .To }}?b={{ .Body }}",
    ] {
        build(&settings(&format!("url = {url:?}")).unwrap()).unwrap();
    }
}

#[test]
fn a_template_is_tried_before_a_message_needs_it() {
    for (toml, setting) in [
        ("text = \"{{ .Body \"", "text"),
        ("text = \"{{ .Bodyy }}\"", "text"),
        ("text = \"{{ if .Body }}\"", "text"),
        ("text = \"{{ nonsense .Body }}\"", "text"),
        ("form = { To = \"{{ .Bodyy }}\" }", "form.To"),
        ("query = { To = [\"a\", \"{{ .Bodyy }}\"] }", "query.To"),
        ("headers = { X-A = \"{{ .Bodyy }}\" }", "headers.X-A"),
        ("json = { a = { b = [\"{{ .Bodyy }}\"] } }", "json.a.b"),
    ] {
        let refusal = refusal(&format!("url = \"http://127.0.0.1/\"\n{toml}"));
        let expected = format!("provider `gateway`: `{setting}` ");
        assert!(refusal.starts_with(&expected) && refusal.contains("line 1"), "{toml}: {refusal}");
    }
    let in_url = refusal("url = \"http://127.0.0.1/{{ if .To }}a{{ end }}\"");
    assert!(in_url.starts_with("provider `gateway`: `url` is no sound template: line 1"), "{in_url}");
    assert!(in_url.ends_with("; each {{ }} in it must print one value"), "{in_url}");
}

#[test]
fn nothing_secret_is_in_the_debug_of_settings() {
    let toml = r#"
        url = "https://example.com/swordfish"
        username = "me"
        password = "swordfish"
        query = { key = "swordfish" }
        headers = { Authorization = "App swordfish" }
        form = { psw = "swordfish" }
        text = "swordfish"
        json = { api_secret = "swordfish" }
    "#;
    let debug = format!("{:?}", settings(toml).unwrap());
    assert!(!debug.contains("swordfish"), "{debug}");
}

//! How pages are opened and read: links of messages, the plugin's way in, languages, what a field takes.

use std::collections::BTreeSet;

use axum::body::Body;
use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE};

use crate::harness::page::PAGE;
use crate::harness::{App, Reply, Wishes, bare_request, settings};

/// Asks for it as a mail scanner does.
async fn scan(app: &App, method: &str, path: &str, cookie: Option<&str>) -> Reply {
    let mut request = bare_request(method, path).header("user-agent", "Mozilla/5.0 (compatible; scanner)");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

/// All that a page leads to; its forms as a link each, with what their fields hold.
fn leads_to(page: &Reply) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for attribute in ["href=\"", "src=\"", "action=\"", "data-page=\"", "data-status=\""] {
        let values = page.body.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(values.filter(|value| value.starts_with('/')).map(str::to_owned));
    }
    let form = "otp=123456&to=eve@doe.com&namespace=app&id=uniqueID";
    for action in ["check", "resend", "set_address"] {
        found.extend(
            [PAGE.to_owned(), format!("{PAGE}/address")].map(|path| format!("{path}?{form}&action={action}")),
        );
    }
    found
}

#[tokio::test]
async fn a_mail_scanner_that_follows_every_link_changes_nothing() {
    for (to, sent) in [("&to=john@doe.com", 1), ("", 0)] {
        for (method, cookie) in
            [("GET", None), ("GET", Some("a=b; session=c")), ("HEAD", None), ("HEAD", Some("a=b"))]
        {
            let app = App::new();
            app.call("PUT", "/api/otp/uniqueID", &format!("provider=smtp&otp=123456{to}")).await;
            app.pass(60);
            let mut waiting = vec![format!("{PAGE}?otp=123456&action=check")];
            let mut seen = BTreeSet::new();
            while let Some(path) = waiting.pop() {
                if !seen.insert(path.clone()) {
                    continue;
                }
                let page = scan(&app, "GET", &path, cookie).await;
                let reply =
                    if method == "HEAD" { scan(&app, method, &path, cookie).await } else { page.clone() };
                assert!([200, 302].contains(&reply.status.as_u16()), "{method} {path}: {}", reply.status);
                assert!(method == "GET" || reply.body.is_empty(), "{path}");
                assert_eq!(reply.header("set-cookie"), "", "{path}");
                waiting.extend(leads_to(&page));
                waiting.extend(Some(page.header("location").to_owned()).filter(|path| !path.is_empty()));
            }
            assert!(seen.len() > 9, "{seen:#?}");
            app.polls(false).await;
            assert_eq!(app.smtp.handed().len(), sent, "{method} {cookie:?}");
            let again = app.call("PUT", "/api/otp/uniqueID", "provider=smtp").await;
            assert_eq!(again.counts(), (2, 2), "nothing was counted either");
        }
    }
}

#[tokio::test]
async fn a_link_of_a_message_fills_in_the_code_and_does_nothing() {
    let app = App::new();
    app.put("uniqueID", "").await;
    app.pass(60);
    let page = app.visit("GET", &format!("{PAGE}?otp=123456&action=check"), "").await;
    page.expect_form(&["value=\"123456\"", "1 / 5 attempts", "<button type=\"submit\" autofocus>"]);
    assert!(page.body.contains("action=\"/otp/app/uniqueID\""), "the code does not stay in the address");
    app.polls(false).await;
    assert_eq!((app.smtp.handed().len(), app.put("uniqueID", "").await.counts()), (1, (2, 2)));
}

#[tokio::test]
async fn what_can_t_be_a_code_is_not_filled_in() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let long = "1".repeat(129);
    for otp in ["", "%00", "%zz", "%ff", &long] {
        app.visit("GET", &format!("{PAGE}?otp={otp}"), "").await.expect_form(&["type=\"text\" value=\"\""]);
    }
}

#[tokio::test]
async fn the_field_suits_the_code_and_never_tells_it() {
    let app = App::new();
    for (form, max_length, numeric) in [
        ("provider=smtp", "6", true),
        ("provider=hook", "9", true),
        ("provider=smtp&otp=1234", "6", true),
        ("provider=smtp&otp=12345678", "8", true),
        ("provider=smtp&otp=AB-12345", "8", false),
        ("provider=smtp&otp=%C3%A4%F0%9F%98%80bcdefg", "9", false),
    ] {
        app.pass(300);
        assert_eq!(
            app.call("PUT", "/api/otp/uniqueID", &format!("{form}&to=john@doe.com")).await.status,
            200
        );
        let page = app.look().await;
        assert_eq!(page.attribute("maxlength"), Some(max_length), "{form}");
        assert_eq!(page.body.contains("inputmode=\"numeric\""), numeric, "{form}");
    }
}

#[tokio::test]
async fn the_address_field_suits_the_provider() {
    let mut settings = settings();
    settings.providers[1].max_address_length = Some(10);
    settings.providers[1].address_name = "Mobile number".to_owned();
    let app = App::with(Wishes { settings, ..Wishes::default() });
    for (provider, says) in [
        ("smtp", "type=\"email\" value=\"\" required autocomplete=\"email\""),
        ("sms", "type=\"tel\" value=\"\" maxlength=\"10\" required autocomplete=\"tel\""),
        ("hook", "type=\"text\" value=\"\" required autocomplete=\"off\""),
    ] {
        app.pass(300);
        app.call("PUT", "/api/otp/uniqueID", &format!("provider={provider}")).await;
        let page = app.visit("GET", &format!("{PAGE}/address"), "").await;
        assert!(page.body.contains(says), "{}", page.body);
    }
}

#[tokio::test]
async fn how_the_plugin_opened_a_page_stays_all_the_way() {
    let app = App::new();
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp&otp=123456").await;
    let ask = format!("{PAGE}/address?view=popup");
    app.visit("GET", &format!("{PAGE}?view=popup"), "").await.expect_redirect(&ask);
    let page = app.visit("GET", &ask, "").await;
    assert!(page.body.contains("<body class=\"popup\">"));
    assert!(page.body.contains("action=\"/otp/app/uniqueID/address?view=popup\""), "{}", page.body);
    let form = "action=set_address&to=john@doe.com";
    app.visit("POST", &ask, form).await.expect_redirect(&format!("{PAGE}?view=popup"));
    let page = app.visit("GET", &format!("{PAGE}?view=popup"), "").await;
    page.expect_form(&[
        "data-page=\"/otp/app/uniqueID?view=popup\"",
        "data-status=\"/otp/app/uniqueID/status\"",
    ]);
    let page = app.visit("POST", &format!("{PAGE}?view=popup"), "otp=123456").await;
    assert!(page.body.contains("<body class=\"popup\">") && page.body.contains("data-namespace=\"app\""));
    // Anything else is not handed on.
    app.pass(300);
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp").await;
    app.visit("GET", &format!("{PAGE}?view=other"), "").await.expect_redirect(&format!("{PAGE}/address"));
}

#[tokio::test]
async fn a_server_below_a_path_leads_below_it() {
    let settings = watchword_http::dialects::otpgateway::OtpgatewaySettings {
        root_url: "https://example.com/verify/".to_owned(),
        ..settings()
    };
    let app = App::with(Wishes { settings, ..Wishes::default() });
    app.call("PUT", "/api/otp/john%40doe.com", "provider=smtp").await;
    app.visit("GET", "/otp/app/john@doe.com", "")
        .await
        .expect_redirect("/verify/otp/app/john@doe.com/address");
    let page = app.visit("GET", "/otp/app/john%40doe.com/address", "").await;
    for text in [
        "href=\"/verify/static/style.css\"",
        "src=\"/verify/static/page.js\"",
        "action=\"/verify/otp/app/john@doe.com/address\"",
        "data-status=\"/verify/otp/app/john@doe.com/status\"",
    ] {
        assert!(page.body.contains(text), "no {text} in {}", page.body);
    }
}

#[tokio::test]
async fn a_form_may_come_in_parts() {
    let app = App::new();
    app.put("uniqueID", "").await;
    let part = |name: &str, value: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = format!("{}{}--XX--\r\n", part("otp", "123456"), part("action", "check"));
    let request = bare_request("POST", PAGE).header(CONTENT_TYPE, "multipart/form-data; boundary=XX");
    assert_eq!(app.send(request.body(Body::from(body)).unwrap()).await.heading(), "E-mail verified");
}

#[tokio::test]
async fn a_reader_is_told_in_the_reader_s_language() {
    let app = App::new();
    app.put("uniqueID", "").await;
    for (wanted, lang, title, attempts) in [
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru", "Подтверждение: E-mail", "Попытки: 1 / 5"),
        ("fr, hi;q=0.7", "hi", "E-mail सत्यापित करें", "प्रयास: 1 / 5"),
        ("fr", "en", "Verify E-mail", "1 / 5 attempts"),
    ] {
        let request = bare_request("GET", PAGE).header(ACCEPT_LANGUAGE, wanted);
        let page = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((page.attribute("lang"), page.heading()), (Some(lang), title));
        assert!(page.body.contains(attempts), "{}", page.body);
    }
}

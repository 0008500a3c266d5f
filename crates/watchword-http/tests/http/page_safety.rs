//! What pages keep from their readers: other sites' forms, other people's scripts, our own troubles.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use http::Request;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, ETAG, HOST, IF_NONE_MATCH,
    ORIGIN, REFERER, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use watchword_core::namespace::Namespace;
use watchword_core::ports::StoreError;
use watchword_http::front::Limits;
use watchword_http::pages::{FrameAncestor, ImageUrl, Look, Pages};

use crate::harness::gate::State;
use crate::harness::page::PAGE;
use crate::harness::{App, FORM, Reply, Wishes, bare_request, settings};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; form-action 'self'; base-uri 'none'";

fn post(origin: &str, site: &str, form: &str) -> Request<Body> {
    let mut request = bare_request("POST", PAGE).header(CONTENT_TYPE, FORM).header(HOST, "10.0.0.7:9000");
    if !origin.is_empty() {
        request = request.header(ORIGIN, origin);
    }
    if !site.is_empty() {
        request = request.header("sec-fetch-site", site);
    }
    request.body(Body::from(form.to_owned())).unwrap()
}

#[tokio::test]
async fn another_site_s_form_is_refused_with_a_page_and_does_nothing() {
    for (origin, site, ours) in [
        ("", "", true),
        ("http://otp.example.com", "same-origin", true),
        ("http://10.0.0.7:9000", "", true),
        ("", "cross-site", false),
        ("http://otp.example.com", "cross-site", false),
        ("https://evil.example", "", false),
        ("https://app.example.com", "same-site", false),
        ("null", "", false),
    ] {
        for form in ["otp=123456", "action=resend"] {
            let app = App::new();
            app.put("uniqueID", "").await;
            app.pass(30);
            let page = app.send(post(origin, site, form)).await;
            assert_eq!(page.heading() != "Not sent from this page", ours, "{origin} {site}");
            let sent = app.smtp.handed().len();
            let done = sent == 2 || app.status("uniqueID").await.status == 200;
            assert_eq!(done, ours, "{origin:?} {site:?} {form}");
        }
    }
    // The address too.
    let app = App::new();
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp").await;
    let request = bare_request("POST", &format!("{PAGE}/address"))
        .header(CONTENT_TYPE, FORM)
        .header(ORIGIN, "https://evil.example")
        .body(Body::from("to=eve@doe.com"));
    assert_eq!(app.send(request.unwrap()).await.heading(), "Not sent from this page");
    assert_eq!(app.smtp.handed().len(), 0);
}

#[tokio::test]
async fn browsers_are_told_to_load_nothing_from_elsewhere_and_to_keep_nothing() {
    let app = App::new();
    app.put("uniqueID", "").await;
    for page in [app.look().await, app.enter("1").await, app.visit("GET", "/otp/nobody/uniqueID", "").await] {
        page.expect_page(200);
        assert_eq!(page.header(CONTENT_SECURITY_POLICY), POLICY);
        assert_eq!(page.header(X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(page.header(CACHE_CONTROL), "no-store");
        assert_eq!(page.header(REFERRER_POLICY), "same-origin");
        assert_eq!(page.header(X_FRAME_OPTIONS), "", "any site may frame it");
        assert!(!page.headers.contains_key(RETRY_AFTER));
    }
}

#[tokio::test]
async fn a_namespace_may_say_who_frames_its_pages_and_pictures_may_come_from_their_site() {
    let mut settings = settings();
    let look = Look { logo: Some(ImageUrl::new("https://cdn.example/logo.png").unwrap()), favicon: None };
    settings.pages.pages = Arc::new(Pages::built_in(look));
    settings.pages.frame_ancestors = BTreeMap::from([(
        Namespace::new("other").unwrap(),
        vec![FrameAncestor::new("https://app.example.com").unwrap(), FrameAncestor::new("self").unwrap()],
    )]);
    let app = App::with(Wishes { settings, ..Wishes::default() });
    let open = POLICY.replace("data:;", "data: https://cdn.example;");
    let page = app.look().await;
    assert_eq!(page.header(CONTENT_SECURITY_POLICY), open);
    assert!(page.body.contains("<img class=\"logo\" src=\"https://cdn.example/logo.png\" alt=\"\">"));
    assert_eq!(
        app.visit("GET", "/otp/other/uniqueID", "").await.header(CONTENT_SECURITY_POLICY),
        format!("{open}; frame-ancestors https://app.example.com 'self'")
    );
}

/// A way out of an attribute, of a text, and of the templates' own language.
const EVIL: &str = "\"'></title><script>alert(1)</script>{{1}}";
const EVIL_ENCODED: &str = "%22%27%3E%3C%2Ftitle%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%7B%7B1%7D%7D";

#[track_caller]
fn is_harmless(page: &Reply) {
    page.expect_page(200);
    assert!(!page.body.contains(EVIL) && !page.body.contains("<script>"), "{}", page.body);
    assert_eq!(page.body.matches("<script").count(), 1, "ours alone: {}", page.body);
}

#[tokio::test]
async fn what_a_caller_or_a_reader_wrote_is_never_run() {
    let mut settings = settings();
    settings.providers[2].address_name = EVIL.to_owned();
    settings.providers[2].channel_description = EVIL.to_owned();
    let app = App::with(Wishes { settings, ..Wishes::default() });
    let id = format!("/otp/app/{EVIL_ENCODED}");
    let put = |more: String| format!("provider=hook&otp={EVIL_ENCODED}{more}");
    for stored in
        ["", "to=", "channel_description=", "address_description=", "extra=%7B%7D&channel_description="]
    {
        app.pass(300);
        let more = if stored.is_empty() { String::new() } else { format!("&{stored}{EVIL_ENCODED}") };
        let reply = app.call("PUT", &format!("/api/otp/{EVIL_ENCODED}"), &put(more)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        is_harmless(
            &app.visit("GET", &format!("{id}/address?to={EVIL_ENCODED}&view={EVIL_ENCODED}"), "")
                .await
                .landing(&app)
                .await,
        );
        app.visit("POST", &format!("{id}/address"), &format!("to={EVIL_ENCODED}")).await;
        for reflected in ["otp", "action", "view", "to", "namespace", "id", EVIL_ENCODED] {
            let query = format!("{reflected}={EVIL_ENCODED}");
            is_harmless(&app.visit("GET", &format!("{id}?{query}"), "").await);
        }
        is_harmless(
            &app.visit("POST", &id, &format!("otp=x&namespace={EVIL_ENCODED}&id={EVIL_ENCODED}")).await,
        );
        is_harmless(&app.visit("POST", &id, &format!("action={EVIL_ENCODED}&otp=y")).await);
        is_harmless(&app.visit("POST", &id, &format!("otp={EVIL_ENCODED}")).await);
    }
    is_harmless(
        &app.visit("GET", &format!("/otp/{EVIL_ENCODED}/{EVIL_ENCODED}?otp={EVIL_ENCODED}"), "").await,
    );
    // An address that is refused stands in its field again.
    app.call("PUT", "/api/otp/uniqueID", "provider=smtp").await;
    let page = app.give_address(EVIL_ENCODED).await;
    is_harmless(&page);
    assert!(page.body.contains("value=\"&quot;&#39;&gt;&lt;/title&gt;"), "{}", page.body);
}

/// What people and callers can write into, page by page and call by call.
#[tokio::test]
async fn no_kind_of_page_runs_what_stands_in_its_request() {
    let app = App::new();
    let id = format!("/otp/app/{EVIL_ENCODED}");
    let put = format!("/api/otp/{EVIL_ENCODED}");
    let parameters = ["otp", "to", "action", "view", "namespace", "id", "provider", "extra", "ttl"];
    let all = parameters.map(|name| format!("{name}={EVIL_ENCODED}")).join("&");
    // Expired, asked for an address, open, locked; then verified.
    for (stored, checks) in [
        (None, 0),
        (Some("otp=123456".to_owned()), 0),
        (Some(format!("otp=123456&to=a&channel_description={EVIL_ENCODED}")), 0),
        (Some("otp=123456&to=a&max_attempts=1".to_owned()), 0),
        (Some("otp=123456&to=a".to_owned()), 1),
    ] {
        app.pass(300);
        if let Some(stored) = stored {
            let reply = app.call("PUT", &put, &format!("provider=hook&{stored}")).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        for _ in 0..checks {
            app.visit("POST", &id, "otp=123456").await;
        }
        for path in [id.clone(), format!("{id}/address")] {
            for query in [all.clone(), "view=popup".to_owned()] {
                is_harmless(&app.visit("GET", &format!("{path}?{query}"), "").await.landing(&app).await);
                is_harmless(&app.visit("POST", &format!("{path}?{query}"), &all).await.landing(&app).await);
            }
        }
        let polled = app.visit("GET", &format!("{id}/status?{all}"), "").await;
        assert_eq!(polled.header(CONTENT_TYPE), "application/json; charset=utf-8");
    }
    // Refused: from another site; a form that is none.
    let request = |form: String| bare_request("POST", &format!("{id}?{all}")).header(CONTENT_TYPE, form);
    let foreign = request(FORM.to_owned()).header(ORIGIN, format!("https://{EVIL_ENCODED}"));
    is_harmless(&app.send(foreign.body(Body::from(all.clone())).unwrap()).await);
    let broken = request("multipart/form-data; boundary=<script>".to_owned());
    let page = app.send(broken.body(Body::from("no part at all")).unwrap()).await;
    assert!(!page.body.contains("<script>") && page.body.matches("<script").count() == 1, "{}", page.body);
    for header in [ACCEPT_LANGUAGE, HOST, REFERER, COOKIE] {
        let request = bare_request("GET", &id).header(header, EVIL);
        is_harmless(&app.send(request.body(Body::empty()).unwrap()).await);
    }
}

#[tokio::test]
async fn what_the_api_gives_back_is_never_a_page() {
    let app = App::new();
    let whole = ["provider", "to", "otp", "ttl", "max_attempts", "max_generate", "extra", "skip_delete"];
    for (method, path) in [
        ("PUT", format!("/api/otp/{EVIL_ENCODED}")),
        ("PUT", "/api/otp".to_owned()),
        ("POST", format!("/api/otp/{EVIL_ENCODED}")),
        ("POST", format!("/api/otp/{EVIL_ENCODED}/status")),
        ("DELETE", format!("/api/otp/{EVIL_ENCODED}/status")),
        ("GET", format!("/api/{EVIL_ENCODED}")),
        ("GET", format!("/{EVIL_ENCODED}")),
    ] {
        for name in whole.iter().chain(&["channel_description", "address_description", EVIL_ENCODED]) {
            let start = if *name == "provider" { "" } else { "provider=hook&" };
            let reply = app.call(method, &path, &format!("{start}{name}={EVIL_ENCODED}")).await;
            let kind = reply.header(CONTENT_TYPE);
            assert_eq!(kind, "application/json; charset=utf-8", "{method} {path} {name}: {}", reply.body);
        }
    }
}

impl Reply {
    /// The page that this one leads to, or itself.
    async fn landing(self, app: &App) -> Self {
        let mut reply = self;
        for _ in 0..3 {
            if reply.status != 302 {
                break;
            }
            assert!(!reply.header("location").contains(['<', '"']), "{:?}", reply.headers);
            reply = app.visit("GET", reply.header("location"), "").await;
        }
        reply
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_a_page_that_says_to_try_again() {
    for (error, code) in [
        (StoreError::Busy, "store_busy"),
        (StoreError::unavailable("disk I/O error on /var/lib/secret"), "store_unavailable"),
        (StoreError::outcome_unknown("connection reset by 10.0.0.7"), "store_outcome_unknown"),
    ] {
        let app = App::new();
        app.put("uniqueID", "").await;
        app.store.set(State::Fails(error));
        let ask = format!("{PAGE}/address");
        for (method, path, form) in [
            ("GET", PAGE, ""),
            ("POST", PAGE, "otp=123456"),
            ("POST", PAGE, "action=resend"),
            ("POST", &ask, "to=a@b.c"),
        ] {
            let page = app.visit(method, path, form).await;
            page.expect_page(503);
            assert_eq!(page.header(RETRY_AFTER), "1");
            // A form may have been done, and its code counted; looking at a page does nothing.
            let in_doubt = code == "store_outcome_unknown" && method == "POST";
            let says = if in_doubt {
                ["<h1>Please look again</h1>", "may count as an attempt", "<a href=\"/otp/app/uniqueID\">"]
            } else {
                ["<h1>Please try again</h1>", "can&#39;t be done right now", "<a href=\"/otp/app/uniqueID\">"]
            };
            for text in says {
                assert!(page.body.contains(text), "no {text} in {}", page.body);
            }
            assert!(!page.body.contains("secret") && !page.body.contains("lost"), "{}", page.body);
            assert_eq!(app.answered.all().last().unwrap().2, code);
        }
        let polled = app.visit("GET", &format!("{PAGE}/status"), "").await;
        polled.expect_error(503, "Unable to reach store.");
        app.store.set(State::Open);
        assert_eq!(app.enter("123456").await.heading(), "E-mail verified");
    }
}

#[tokio::test]
async fn more_than_there_is_room_for_is_a_page_too_and_so_is_a_mistake_of_ours() {
    let limits = Limits { max_concurrent: 0, max_body_bytes: 1_024 };
    let app = App::with(Wishes { limits, ..Wishes::default() });
    app.look().await.expect_page(503);
    let large = format!("otp={}", "1".repeat(2_000));
    let page = app.visit("POST", PAGE, &large).await;
    assert_eq!(page.heading(), "Something went wrong");
    let app = App::new();
    app.put("uniqueID", "").await;
    app.store.set(State::Panics);
    let page = app.look().await;
    page.expect_page(500);
    app.store.set(State::Open);
    app.look().await.expect_form(&[]);
}

#[tokio::test]
async fn a_row_under_a_lost_key_is_a_page_that_says_to_try_again() {
    let before = App::new();
    before.put("uniqueID", "").await;
    let store = Arc::clone(&before.store);
    let after = App::with(Wishes { store, keys: vec![[8; 32]], ..Wishes::default() });
    after.look().await.expect_page(503);
    after.enter("123456").await.expect_page(503);
}

#[tokio::test]
async fn static_files_are_kept_for_a_while_and_asked_for_by_their_tag() {
    let app = App::new();
    for (name, content_type) in [
        ("otp.js", "text/javascript; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("otp.css", "text/css; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
    ] {
        let path = format!("/static/{name}");
        let file = app.visit("GET", &path, "").await;
        assert_eq!((file.status.as_u16(), file.header(CONTENT_TYPE)), (200, content_type));
        assert_eq!(file.header(CACHE_CONTROL), "public, max-age=300");
        assert_eq!(file.header("cross-origin-resource-policy"), "cross-origin");
        let tag = file.header(ETAG);
        for (known, status) in
            [(tag.to_owned(), 304), (format!("\"x\", W/{tag}"), 304), ("\"x\"".to_owned(), 200)]
        {
            let request = bare_request("GET", &path).header(IF_NONE_MATCH, known);
            let again = app.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!((again.status.as_u16(), again.header(ETAG)), (status, tag));
            assert_eq!(again.body.is_empty(), status == 304);
        }
    }
}

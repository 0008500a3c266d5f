use std::fs;

use http::HeaderValue;

use super::samples::samples;
use super::*;

/// Bytes that a person's browser loads for a page: itself, its style, its script.
const MOST_BYTES: usize = 30 * 1_024;

#[test]
fn every_page_is_whole_in_every_language_and_light() {
    let pages = Pages::built_in(Look::default());
    let shared: usize =
        [include_str!("static/style.css"), include_str!("static/page.js")].map(str::len).iter().sum();
    for language in pages.languages.all() {
        for (page, place) in samples() {
            let html = pages.render(&page, &place, language).expect("a page");
            let begin = format!("<!doctype html>\n<html lang=\"{}\" dir=\"ltr\">", language.tag());
            assert!(html.starts_with(&begin) && html.trim_end().ends_with("</html>"), "{html}");
            assert!(!html.contains("none") && !html.contains("{{") && !html.contains("{%"), "{html}");
            assert!(!html.contains(" style=") && !html.contains(" onclick") && !html.contains("<script>"));
            assert!(html.len() + shared <= MOST_BYTES, "{} bytes", html.len() + shared);
        }
    }
}

#[test]
fn what_a_value_says_is_text_wherever_it_stands() {
    let pages = Pages::built_in(Look::default());
    let evil = "\"'><script>alert(1)</script>&{{ 7*7 }}{code}";
    let place = Place { namespace: evil, id: evil, page_path: "/otp/a/b", ..Place::default() };
    let language = pages.language(&HeaderMap::new());
    let code = match samples().remove(0).0 {
        Page::Code(page) => CodePage { channel: evil, description: evil, code: evil, ..page },
        _ => panic!("the first sample is the code's page"),
    };
    let html = pages.render(&Page::Code(code), &place, language).unwrap();
    assert!(!html.contains("<script>") && !html.contains("49"), "{html}");
    let escaped = "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;{{ 7*7 }}{code}";
    assert!(html.matches(escaped).count() >= 5, "{html}");
}

#[test]
fn the_reader_s_language_is_the_page_s() {
    let pages = Pages::built_in(Look::default());
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("de, hi-IN;q=0.8"));
    assert_eq!(pages.language(&headers).tag(), "hi");
}

/// A folder of an operator's with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn an_operator_s_own_files_stand_in_for_ours() {
    let folder = folder(&[
        ("message.html", "<p lang={{ lang }}>{{ kind }}: {{ title }}</p>"),
        ("en.toml", "expired_title = \"Over!\"\n"),
        ("de.toml", "expired_title = \"Abgelaufen\"\n"),
        ("style.css", "body { color: red }"),
        ("README.md", "not looked at"),
    ]);
    let pages = Pages::with_folder(folder.path(), Look::default()).unwrap();
    let page = Page::Message(MessagePage { message: Message::Expired, notice: None });
    let render = |wanted: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(wanted));
        pages.render(&page, &Place::default(), pages.language(&headers)).unwrap()
    };
    assert_eq!(render("en"), "<p lang=en>expired: Over!</p>");
    assert_eq!(render("de-AT"), "<p lang=de>expired: Abgelaufen</p>");
    assert_eq!(render("ru"), "<p lang=ru>expired: Время истекло</p>");
    let style = pages.file("style.css").unwrap().response(&HeaderMap::new());
    assert_ne!(
        style.headers()["etag"],
        Pages::built_in(Look::default()).file("style.css").unwrap().response(&HeaderMap::new()).headers()["etag"]
    );
}

#[test]
fn what_is_wrong_with_an_operator_s_files_is_told_with_file_and_line() {
    for (name, text, told) in [
        ("code.html", "<p>\n{{ attempts", "code.html:2: syntax error: unexpected end of input"),
        ("code.html", "<p>\n\n{{ atempts }}", "code.html:3: undefined value"),
        ("code.html", "{{ text('nope') }}", "code.html:1: invalid operation: there is no text `nope`"),
        ("layout.html", "a\n{% if popup %}{{ popupp }}{% endif %}", "layout.html:2: undefined value"),
        ("message.html", "{% include 'other.html' %}", "message.html:1: template not found"),
        (
            "message.html",
            "\n{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
            "message.html:2: engine ran out of fuel",
        ),
        ("kode.html", "", "kode.html: there is no page of this name; known: layout.html, "),
        ("code.css", "", "code.css: there is no style sheet of this name; it is called style.css"),
        ("en.toml", "a = \n", "en.toml:1: "),
        ("en.toml", "incorrect = \"x\"\nincorect = \"x\"\n", "en.toml:2: no page has a text `incorect`"),
        (
            "hi.toml",
            "incorrect = \"x\"\n\nverify = \"{chanel}\"\n",
            "hi.toml:3: nothing fills in `{chanel}` of `verify`; it has channel",
        ),
        ("1.toml", "", "1.toml: a file of texts is named by its language"),
        ("ru.toml", "incorrect = 5\n", "ru.toml:1: "),
    ] {
        let folder = folder(&[(name, text)]);
        let wrong = Pages::with_folder(folder.path(), Look::default()).unwrap_err();
        let expected = format!("{}/{told}", folder.path().display());
        assert!(wrong[0].to_string().starts_with(&expected), "{expected}\n{wrong:?}");
    }
    let gone = folder(&[]).path().join("nowhere");
    let wrong = Pages::with_folder(&gone, Look::default()).unwrap_err();
    assert!(wrong[0].to_string().contains("this folder can't be read"), "{wrong:?}");
}

#[test]
fn a_template_that_fails_on_what_it_was_not_tried_with_gives_way_to_ours() {
    let folder = folder(&[("message.html", "{% if id == 'strange' %}{{ oops }}{% endif %}mine")]);
    let pages = Pages::with_folder(folder.path(), Look::default()).unwrap();
    let page = Page::Message(MessagePage { message: Message::Expired, notice: None });
    let language = pages.language(&HeaderMap::new());
    let render = |id| pages.render(&page, &Place { id, ..Place::default() }, language).unwrap();
    assert_eq!(render("usual"), "mine");
    assert!(render("strange").contains("<h1>Session expired</h1>"));
}

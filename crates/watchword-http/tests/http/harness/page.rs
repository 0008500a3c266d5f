//! Pages as a person's browser asks for them and reads them.

use axum::body::Body;
use http::header::{CONTENT_TYPE, LOCATION};

use super::{App, FORM, Reply, bare_request};

/// The page of `app`'s `uniqueID`.
pub(crate) const PAGE: &str = "/otp/app/uniqueID";

impl App {
    /// Asks for a page, or posts a form to it, as a person without any credentials.
    pub(crate) async fn visit(&self, method: &str, path: &str, form: &str) -> Reply {
        let request = bare_request(method, path);
        if form.is_empty() {
            return self.send(request.body(Body::empty()).unwrap()).await;
        }
        self.send(request.header(CONTENT_TYPE, FORM).body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Asks for the page of `uniqueID`.
    pub(crate) async fn look(&self) -> Reply {
        self.visit("GET", PAGE, "").await
    }

    /// Enters a code there.
    pub(crate) async fn enter(&self, otp: &str) -> Reply {
        self.visit("POST", PAGE, &format!("namespace=app&id=uniqueID&action=check&otp={otp}")).await
    }

    /// Asks there for the code once more.
    pub(crate) async fn resend(&self) -> Reply {
        self.visit("POST", PAGE, "action=resend").await
    }

    /// Gives the address there.
    pub(crate) async fn give_address(&self, to: &str) -> Reply {
        self.visit("POST", &format!("{PAGE}/address"), &format!("action=set_address&to={to}")).await
    }

    /// Whether its page is told that it is closed.
    pub(crate) async fn polls(&self, closed: bool) {
        let expected = format!(r#"{{"status":"success","data":{{"closed":{closed}}}}}"#);
        self.visit("GET", &format!("{PAGE}/status"), "").await.expect(200, &expected);
    }
}

impl Reply {
    /// The page's heading, once it is seen to be a page.
    #[track_caller]
    pub(crate) fn heading(&self) -> &str {
        self.expect_page(200);
        let (_, rest) = self.body.split_once("<h1>").expect("a heading");
        rest.split_once("</h1>").unwrap().0
    }

    #[track_caller]
    pub(crate) fn expect_page(&self, status: u16) {
        assert_eq!((self.status.as_u16(), self.header(CONTENT_TYPE)), (status, "text/html; charset=utf-8"));
        assert!(self.body.starts_with("<!doctype html>\n<html lang=\""), "{}", self.body);
    }

    /// Whether it is the form for the code that says this.
    #[track_caller]
    pub(crate) fn expect_form(&self, says: &[&str]) {
        assert!(self.heading().starts_with("Verify "), "{}", self.body);
        for text in says {
            assert!(self.body.contains(text), "no {text:?} in {}", self.body);
        }
    }

    /// Whether it leads there, by a path.
    #[track_caller]
    pub(crate) fn expect_redirect(&self, to: &str) {
        assert_eq!((self.status.as_u16(), self.header(LOCATION), self.body.as_str()), (302, to, ""));
    }

    /// The value of an attribute of the first tag that has it.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0)
    }
}

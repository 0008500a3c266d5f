//! What a browser is told about a page: what it may load, who may frame it, what it keeps and passes on.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode, Uri};

/// Where a picture is: a URL, or a path on this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUrl {
    url: String,
    /// The site that a browser must be allowed to load it from; `None`: this one.
    origin: Option<String>,
}

impl ImageUrl {
    /// # Errors
    /// Neither `http://` or `https://` with a host, nor a path that begins with a slash.
    pub fn new(url: &str) -> Result<Self, &'static str> {
        let wrong = "must be a URL, like \"https://example.com/logo.png\", or a path, like \"/logo.png\"";
        let uri: Uri = url.parse().map_err(|_| wrong)?;
        let origin = match (uri.scheme_str(), uri.host()) {
            (None, None) if url.starts_with('/') && !url.starts_with("//") => None,
            (Some(scheme @ ("http" | "https")), Some(host)) if is_host(host) => {
                let port = uri.port().map(|port| format!(":{}", port.as_str())).unwrap_or_default();
                Some(format!("{scheme}://{host}{port}"))
            }
            _ => return Err(wrong),
        };
        Ok(Self { url: url.to_owned(), origin })
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

/// The pictures on every page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Shown above the heading.
    pub logo: Option<ImageUrl>,
    /// Shown by the browser beside the title.
    pub favicon: Option<ImageUrl>,
}

/// A site that may frame the pages of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAncestor(String);

impl FrameAncestor {
    /// Reads `https://app.example.com`, `https://*.example.com`, or `self` for this site.
    ///
    /// # Errors
    /// Anything else: a path, for instance, which browsers take no notice of.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let wrong =
            "must be a site, like \"https://app.example.com\" or \"https://*.example.com\", or \"self\"";
        if text == "self" {
            return Ok(Self("'self'".to_owned()));
        }
        let (scheme, rest) = text.split_once("://").ok_or(wrong)?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
        let is_port = port.is_none_or(|port| port == "*" || port.parse::<u16>().is_ok());
        let is_site = is_scheme && is_host(host.strip_prefix("*.").unwrap_or(host)) && is_port;
        if is_site { Ok(Self(text.to_owned())) } else { Err(wrong) }
    }
}

/// A name or an IP address. Nothing that means something in a policy.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte))
}

/// What holds for every page.
pub(super) fn common(look: &Look) -> String {
    let mut pictures = String::new();
    let mut origins: Vec<_> =
        [&look.logo, &look.favicon].into_iter().flatten().filter_map(|url| url.origin.as_deref()).collect();
    origins.dedup();
    for origin in origins {
        pictures.push(' ');
        pictures.push_str(origin);
    }
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:{pictures}; \
         form-action 'self'; base-uri 'none'"
    )
}

/// The whole policy of a namespace's pages. `None`: any site may frame them.
pub(crate) fn policy(common: &str, ancestors: Option<&[FrameAncestor]>) -> HeaderValue {
    let text = match ancestors {
        None => common.to_owned(),
        Some([]) => format!("{common}; frame-ancestors 'none'"),
        Some(ancestors) => {
            let sites: Vec<&str> = ancestors.iter().map(|ancestor| ancestor.0.as_str()).collect();
            format!("{common}; frame-ancestors {}", sites.join(" "))
        }
    };
    // Its parts have been looked at; if one slipped through, nothing may frame the page or load anything.
    HeaderValue::from_str(&text)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// A page's reply. Its address holds the code: nobody keeps it, and no other site is told it. This one is (`same-origin`): with
/// `no-referrer` browsers would say of our own forms that they come from nowhere (Fetch standard, "append a request `Origin` header").
pub(crate) fn page_response(status: StatusCode, html: String, policy: HeaderValue) -> Response {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_url_or_a_path_and_its_site_is_allowed() {
        for (url, origin) in [
            ("/logo.png", None),
            ("https://example.com/logo.png", Some("https://example.com")),
            ("http://user:word@example.com:8080/a?b", Some("http://example.com:8080")),
            ("https://[::1]:9000/x", Some("https://[::1]:9000")),
        ] {
            let image = ImageUrl::new(url).unwrap();
            assert_eq!((image.as_str(), image.origin.as_deref()), (url, origin));
        }
        for bad in [
            "",
            "logo.png",
            "//example.com/x",
            "ftp://example.com/x",
            "javascript:alert(1)",
            "https://",
            "a b",
        ] {
            assert!(ImageUrl::new(bad).is_err(), "{bad}");
        }
        let look = Look {
            logo: Some(ImageUrl::new("https://a.example/l").unwrap()),
            favicon: Some(ImageUrl::new("https://b.example/f").unwrap()),
        };
        assert!(common(&look).contains("img-src 'self' data: https://a.example https://b.example; "));
    }

    #[test]
    fn who_may_frame_is_told_in_the_policy() {
        let ancestors = |texts: &[&str]| -> Vec<FrameAncestor> {
            texts.iter().map(|text| FrameAncestor::new(text).unwrap()).collect()
        };
        assert_eq!(policy("x", None), "x");
        assert_eq!(policy("x", Some(&[])), "x; frame-ancestors 'none'");
        let some = ancestors(&["self", "https://*.example.com", "capacitor://localhost", "http://a:8080"]);
        assert_eq!(
            policy("x", Some(&some)),
            "x; frame-ancestors 'self' https://*.example.com capacitor://localhost http://a:8080"
        );
        for bad in [
            "",
            "*",
            "example.com",
            "https://",
            "https://a/b",
            "https://a b",
            "https://a;script-src",
            "https://a,b",
            "https://a:x",
            "'self'",
            "https://a*b",
        ] {
            assert!(FrameAncestor::new(bad).is_err(), "{bad}");
        }
    }
}

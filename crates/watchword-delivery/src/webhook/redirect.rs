//! Where a receiver points to.

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{StatusCode, Url};

/// Where the same request is to be sent next: `None` where the reply is none that keeps method and body (RFC 9110,
/// sections 15.4.8 and 15.4.9).
///
/// # Errors
/// It points nowhere that a passcode may be sent to.
pub(super) fn target(
    from: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<Result<Url, &'static str>> {
    matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
        .then(|| resolve(from, headers))
}

fn resolve(from: &Url, headers: &HeaderMap) -> Result<Url, &'static str> {
    let location = headers.get(LOCATION).ok_or("a redirect without `Location`")?;
    let location = location.to_str().map_err(|_| "a redirect to what is no URL")?;
    let mut url = from.join(location).map_err(|_| "a redirect to what is no URL")?;
    match (from.scheme(), url.scheme()) {
        (_, "https") | ("http", "http") => {}
        ("https", "http") => return Err("a redirect from https to http"),
        _ => return Err("a redirect to what is neither http nor https"),
    }
    // Credentials of the receiver's choosing are not ours to send. Neither call can fail: the URL has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(from: &str, status: u16, location: Option<&str>) -> Option<Result<String, &'static str>> {
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(LOCATION, location.parse().unwrap());
        }
        let from = Url::parse(from).unwrap();
        target(&from, StatusCode::from_u16(status).unwrap(), &headers).map(|url| url.map(String::from))
    }

    #[test]
    fn a_redirect_leads_where_it_says_and_never_out_of_tls() {
        let http = "http://a.example/x/y?z=1";
        let https = "https://a.example/x";
        for (from, location, expected) in [
            (http, Some("/n"), Ok("http://a.example/n")),
            (http, Some("n?q=1#f"), Ok("http://a.example/x/n?q=1")),
            (http, Some("//b.example/n"), Ok("http://b.example/n")),
            (http, Some("https://a.example/n"), Ok("https://a.example/n")),
            (http, Some("http://eve:secret@b.example/n"), Ok("http://b.example/n")),
            (https, Some("https://b.example/n"), Ok("https://b.example/n")),
            (https, Some("http://a.example/n"), Err("a redirect from https to http")),
            (http, Some("ftp://a.example/n"), Err("a redirect to what is neither http nor https")),
            (https, Some("data:text/plain,n"), Err("a redirect to what is neither http nor https")),
            (http, Some("http://[::1/n"), Err("a redirect to what is no URL")),
            (http, None, Err("a redirect without `Location`")),
        ] {
            for status in [307, 308] {
                let expected = Some(expected.map(str::to_owned));
                assert_eq!(next(from, status, location), expected, "{from} {location:?}");
            }
        }
    }

    #[test]
    fn a_redirect_that_would_turn_the_post_into_a_get_is_not_followed() {
        for status in [200, 301, 302, 303, 304] {
            assert_eq!(next("http://a.example/", status, Some("/n")), None);
        }
    }
}

//! Whether a form was sent from a page of this server.
//!
//! Pages are framed by other sites, where browsers keep no cookie, and existing scripts post the bare form: there is no token that
//! could be asked for. So what counts is what browsers say of a form by themselves, and other sites can't change.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Uri};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A scheme, host and port (RFC 6454), in lower case, without the scheme's usual port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    authority: String,
}

impl Origin {
    /// The origin of a URL, or of what an `Origin` header says.
    pub(super) fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let host = uri.host()?.to_ascii_lowercase();
        let port = uri.port_u16().filter(|port| Some(*port) != usual_port(&scheme));
        let authority = port.map_or(host.clone(), |port| format!("{host}:{port}"));
        Some(Self { scheme, authority })
    }

    /// Whether a request to this `Host` is one to this origin. The scheme is not known: a proxy in front may have taken the TLS away.
    fn is_at(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let usual = usual_port(&self.scheme).map(|port| format!(":{port}"));
        let host = usual.and_then(|port| host.strip_suffix(&port)).unwrap_or(&host);
        self.authority == host
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Whether a form may be acted upon: no other site sent it, as far as the browser says. `root` is where people reach this server.
pub(super) fn is_ours(headers: &HeaderMap, root: Option<&Origin>) -> bool {
    let mut fetched_from = headers.get_all(SEC_FETCH_SITE).iter();
    if fetched_from.any(|site| site.as_bytes().eq_ignore_ascii_case(b"cross-site")) {
        return false;
    }
    let says_same = headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
    headers.get_all(ORIGIN).iter().all(|origin| {
        let Ok(origin) = origin.to_str() else { return false };
        // A page that tells nobody where it is (a privacy extension, a stricter policy of a proxy) says `null`; only the browser itself
        // can say besides that it is ours.
        if origin == "null" {
            return says_same;
        }
        let Some(origin) = Origin::of(origin) else { return false };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        root == Some(&origin) || host.is_some_and(|host| origin.is_at(host))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_of_another_site_is_told_by_what_browsers_say() {
        let root = Origin::of("https://otp.example.com/verify");
        for (site, origin, host, ours) in [
            ("", "", "x", true),
            ("", "", "", true),
            ("same-origin", "https://otp.example.com", "x", true),
            ("same-origin", "", "x", true),
            ("same-site", "", "x", true),
            ("none", "", "x", true),
            ("cross-site", "", "x", false),
            ("Cross-Site", "", "x", false),
            ("cross-site", "https://otp.example.com", "otp.example.com", false),
            ("same-site", "https://app.example.com", "otp.example.com", false),
            ("", "https://otp.example.com", "10.0.0.7:9000", true),
            ("", "https://OTP.example.com:443", "10.0.0.7:9000", true),
            ("", "http://otp.example.com", "10.0.0.7:9000", false),
            ("", "https://otp.example.com:8443", "10.0.0.7:9000", false),
            ("", "https://otp.example.com.evil.example", "otp.example.com", false),
            ("", "https://evil.example", "otp.example.com", false),
            ("", "http://10.0.0.7:9000", "10.0.0.7:9000", true),
            ("", "http://10.0.0.7", "10.0.0.7:9000", false),
            ("", "http://inside.example", "inside.example:80", true),
            ("", "https://inside.example", "inside.example", true),
            ("", "http://[::1]:9000", "[::1]:9000", true),
            ("", "null", "null", false),
            ("same-origin", "null", "x", true),
            ("same-site", "null", "x", false),
            ("", "otp.example.com", "otp.example.com", false),
            ("", "garbage ", "x", false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(SEC_FETCH_SITE, site), (ORIGIN, origin), (HOST, host)] {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_str(value).unwrap());
                }
            }
            assert_eq!(is_ours(&headers, root.as_ref()), ours, "{site:?} {origin:?} {host:?}");
        }
        let mut two = HeaderMap::new();
        two.append(ORIGIN, HeaderValue::from_static("https://otp.example.com"));
        two.append(ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(!is_ours(&two, root.as_ref()));
    }
}

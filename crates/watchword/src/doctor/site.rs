//! Whether people reach this server where links in messages point to: DNS, TLS, and who answers.

use std::time::UNIX_EPOCH;

use http::Uri;
use http::header::DATE;
use reqwest::Client;
use tokio::net::lookup_host;
use watchword_core::ports::Clock;
use watchword_core::time::Timestamp;

use super::clock::TOLERANCE;
use super::{Finding, PATIENCE, State};
use crate::config::{Config, Dialect};

const SUBJECT: &str = "server.root_url";

pub(super) async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let Some(url) = &config.server.root_url else {
        if config.server.dialect != Dialect::Otpgateway {
            // The others send no links.
            return Vec::new();
        }
        let detail = "not set: links in messages point to the address that the server listens on";
        return vec![Finding::new(SUBJECT, State::Warning, detail)];
    };
    let url = url.as_str();
    let failed = |detail: String| vec![Finding::new(SUBJECT, State::Failed, detail)];
    // The configuration has checked that it has a host.
    let uri: Uri = url.parse().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let looked_up = tokio::time::timeout(PATIENCE, lookup_host((host.trim_matches(['[', ']']), port))).await;
    if looked_up.ok().and_then(Result::ok).is_none_or(|found| found.count() == 0) {
        return failed(format!("{host} has no address: is it in the DNS, and is the DNS reachable?"));
    }
    let client = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    let Ok(client) = client else {
        return failed("HTTPS can't be used here; are root certificates installed?".to_owned());
    };
    let before = clock.now();
    let reply = match client.get(format!("{url}/")).send().await {
        Ok(reply) => reply,
        Err(error) => return failed(format!("{url} does not answer: {}", innermost(&error))),
    };
    let skew = reply.headers().get(DATE).and_then(|date| behind(date.to_str().ok()?, before, clock.now()));
    let status = reply.status();
    let text =
        tokio::time::timeout(PATIENCE, reply.text()).await.ok().and_then(Result::ok).unwrap_or_default();
    let mut findings = vec![if status.is_success() && text.to_ascii_lowercase().contains("watchword") {
        Finding::new(SUBJECT, State::Good, format!("{url} is reached, and Watchword answers"))
    } else {
        let detail = format!("{url} is reached, and something else answers (HTTP {})", status.as_u16());
        Finding::new(SUBJECT, State::Warning, detail)
    }];
    if let Some(seconds) = skew {
        let detail = format!("{host}'s clock and this one differ by {seconds} s: run a time service on both");
        findings.push(Finding::new("clock", State::Warning, detail));
    }
    findings
}

/// Seconds between a `Date` and our clock, where that is too much.
fn behind(date: &str, before: Timestamp, after: Timestamp) -> Option<u64> {
    let since = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let theirs = Timestamp::default().after(since);
    let apart = theirs.until(before).max(after.until(theirs));
    (apart > TOLERANCE).then_some(apart.as_secs())
}

/// The innermost cause: the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn another_clock_may_differ_a_little() {
        // Sun, 06 Nov 1994 08:49:37 GMT.
        let now = Timestamp::from_millis(784_111_777_000);
        for (date, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:33 GMT", None),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:59:37 GMT", Some(599)),
            ("yesterday", None),
        ] {
            assert_eq!(behind(date, now, now.after(Duration::from_millis(300))), expected, "{date}");
        }
    }
}

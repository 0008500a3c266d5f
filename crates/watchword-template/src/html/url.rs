//! Links: which part of one the context is in, and how values go into it.

use std::fmt::Write;

use super::context::{Context, UrlPart};

/// The context behind a piece of a link.
pub(super) fn follow(context: Context, text: &[u8]) -> Context {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r');
    if text.iter().any(|b| matches!(b, b'#' | b'?')) {
        Context { url: UrlPart::QueryOrFragment, ..context }
    } else if context.url == UrlPart::Start && !text.iter().all(blank) {
        Context { url: UrlPart::BeforeQuery, ..context }
    } else {
        context
    }
}

/// Whether it is relative, or of a scheme that does nothing by itself.
pub(super) fn is_safe(url: &str) -> bool {
    match url.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
        }
        _ => true,
    }
}

/// Appends `text`, percent-encoded. `whole`: it is a link, whose own marks and escapes stay; else a part of a query.
pub(super) fn encode(out: &mut String, text: &str, whole: bool) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let stays = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@'
            | b'[' | b']' => whole,
            b'%' => {
                whole && bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            }
            _ => false,
        };
        if !stays {
            // Only whole characters are skipped: each byte of one beyond ASCII is encoded by itself.
            out.push_str(text.get(written..at).unwrap_or(""));
            let _ = write!(out, "%{byte:02x}");
            written = at + 1;
        }
    }
    out.push_str(text.get(written..).unwrap_or(""));
}

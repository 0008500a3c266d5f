//! The static files: scripts and styles, each with a tag by which a browser asks whether its copy is still good.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::folder::STYLE;

/// The plugin's files are loaded by other people's pages.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Short, so that a new version is everywhere soon.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct StaticFile {
    body: Bytes,
    content_type: HeaderValue,
    /// The begin of its SHA-256, in quotes.
    tag: HeaderValue,
}

impl StaticFile {
    fn new(name: &str, body: Bytes) -> Self {
        let content_type = match name.ends_with(".js") {
            true => HeaderValue::from_static("text/javascript; charset=utf-8"),
            false => HeaderValue::from_static("text/css; charset=utf-8"),
        };
        let digest = Sha256::digest(&body);
        let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        // Hex digits and quotes are fine in a header.
        let tag = HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body, content_type, tag }
    }

    /// The file, or that the browser's copy is still good (RFC 9110 section 13.1.2).
    pub(crate) fn response(&self, request: &HeaderMap) -> Response {
        let is_known = request.get_all(IF_NONE_MATCH).iter().any(|list| self.is_in(list));
        let mut response = Response::new(if is_known { Body::empty() } else { self.body.clone().into() });
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, KEEP);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
        }
        response
    }

    fn is_in(&self, list: &HeaderValue) -> bool {
        let Ok(list) = list.to_str() else { return false };
        let mut tags = list.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|tag| tag == "*" || self.tag == tag)
    }
}

/// All of them, by name.
#[derive(Clone, Debug)]
pub(super) struct StaticFiles(BTreeMap<&'static str, StaticFile>);

impl StaticFiles {
    /// With an operator's own style sheet, where there is one.
    pub(super) fn new(style: Option<&str>) -> Self {
        let own = style.map(|style| Bytes::copy_from_slice(style.as_bytes()));
        let built_in = [
            (STYLE, own.unwrap_or(Bytes::from_static(include_bytes!("static/style.css")))),
            ("page.js", Bytes::from_static(include_bytes!("static/page.js"))),
            ("otp.js", Bytes::from_static(include_bytes!("static/otp.js"))),
            ("otp.css", Bytes::from_static(include_bytes!("static/otp.css"))),
        ];
        Self(built_in.into_iter().map(|(name, body)| (name, StaticFile::new(name, body))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&StaticFile> {
        self.0.get(name)
    }
}

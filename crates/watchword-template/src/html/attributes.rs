//! What the value of an HTML attribute is, by its name (the WHATWG HTML standard's list of attributes, and what HTML 4 types `%URI`).

/// What is in the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    Url,
    Style,
    Script,
    Srcset,
    /// A whole document.
    Html,
    /// It changes how other content is read or sent; its name can't come from a value.
    Unsafe,
}

const URL: &[&str] = &[
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

const UNSAFE: &[&str] = &[
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "content",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "pattern",
    "rel",
    "sandbox",
    "type",
    "value",
];

/// By its name in small letters. When in doubt, the stricter.
pub(super) fn content(name: &str) -> Content {
    let name = match (name.strip_prefix("data-"), name.split_once(':')) {
        (Some(custom), _) => custom,
        (None, Some(("xmlns", _))) => return Content::Url,
        (None, Some((_, short))) => short,
        (None, None) => name,
    };
    match name {
        "style" => Content::Style,
        "srcset" => Content::Srcset,
        "srcdoc" => Content::Html,
        "srclang" => Content::Plain,
        _ if URL.contains(&name) => Content::Url,
        _ if UNSAFE.contains(&name) => Content::Unsafe,
        _ if name.starts_with("on") => Content::Script,
        // Attributes of people's own that hold links tend to say so in their name.
        _ if name.contains("src") || name.contains("uri") || name.contains("url") => Content::Url,
        _ => Content::Plain,
    }
}

//! What each escaper does to a value.

use std::borrow::Cow;
use std::fmt::Write;

use super::attributes::{self, Content};
use super::{script, style, url};
use crate::error::Problem;
use crate::evaluate::item::Item;
use crate::format::{date, duration, number, print, quote};
use crate::limits::MAX_VALUE_DEPTH;

/// What goes behind a pipeline, in order.
pub(crate) type Escapers = Box<[Escaper]>;

/// One way to make a value safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escaper {
    /// Text between tags.
    Text,
    /// `<title>`, `<textarea>`.
    Rcdata,
    /// An attribute's value in quotes.
    Attribute,
    /// An attribute's value without quotes.
    Unquoted,
    /// The name of an attribute.
    Name,
    /// Nothing is printed in comments.
    Comment,
    UrlFilter,
    UrlNormalize,
    UrlQueryPart,
    ScriptValue,
    ScriptText,
    ScriptRegexp,
    StyleValue,
    StyleText,
    /// The function `html`, where the author wrote it.
    Html,
    /// The function `urlquery`, where the author wrote it.
    UrlQuery,
}

/// What is printed where a value is refused. It means nothing in any language, and is easy to search for.
const REFUSED: &str = "ZgotmplZ";

/// Appends `item` as `escaper` makes it.
pub(crate) fn write(out: &mut String, item: &Item<'_>, escaper: Escaper) -> Result<(), Problem> {
    if escaper == Escaper::ScriptValue {
        return script_value(out, item);
    }
    let missing = matches!(escaper, Escaper::Html | Escaper::UrlQuery);
    let text = match item {
        Item::Text(text) => Cow::Borrowed(text.as_ref()),
        Item::Nil => Cow::Borrowed(if missing { "<no value>" } else { "" }),
        other => {
            let mut printed = String::new();
            print::write(&mut printed, other)?;
            Cow::Owned(printed)
        }
    };
    match escaper {
        Escaper::Text | Escaper::Rcdata | Escaper::Attribute => replaced(out, &text, in_html),
        Escaper::Html => replaced(out, &text, in_html_of_functions),
        Escaper::Unquoted if text.is_empty() => out.push_str(REFUSED),
        Escaper::Unquoted => unquoted(out, &text),
        Escaper::Name => name(out, &text),
        Escaper::UrlFilter if url::is_safe(&text) => out.push_str(&text),
        Escaper::UrlFilter => {
            out.push('#');
            out.push_str(REFUSED);
        }
        Escaper::UrlNormalize => url::encode(out, &text, true),
        Escaper::UrlQueryPart => url::encode(out, &text, false),
        Escaper::UrlQuery => out.push_str(&urlquery(&text)),
        Escaper::ScriptText => script_text(out, &text, in_script_text),
        Escaper::ScriptRegexp if text.is_empty() => out.push_str("(?:)"),
        Escaper::ScriptRegexp => script_text(out, &text, in_script_regexp),
        Escaper::StyleValue => style_value(out, &text),
        Escaper::StyleText => style_text(out, &text),
        Escaper::Comment | Escaper::ScriptValue => {}
    }
    Ok(())
}

/// Copies `text` with the bytes replaced that `replace` knows: ASCII only.
fn replaced(out: &mut String, text: &str, replace: fn(u8) -> Option<&'static str>) {
    out.reserve(text.len());
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(replacement) = replace(byte) {
            out.push_str(&text[written..at]);
            out.push_str(replacement);
            written = at + 1;
        }
    }
    out.push_str(&text[written..]);
}

fn in_html(byte: u8) -> Option<&'static str> {
    if byte == b'+' { Some("&#43;") } else { in_html_of_functions(byte) }
}

/// What the function `html` replaces.
fn in_html_of_functions(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "\u{fffd}",
        b'"' => "&#34;",
        b'\'' => "&#39;",
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        _ => return None,
    })
}

/// The function `html`.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::new();
    replaced(&mut out, text, in_html_of_functions);
    out
}

/// The function `urlquery`: a space is `+`.
pub(crate) fn urlquery(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The function `js`.
pub(crate) fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Writing to a String can't fail.
        let _ = match c {
            '\\' => write!(out, "\\\\"),
            '\'' => write!(out, "\\'"),
            '"' => write!(out, "\\\""),
            '<' | '>' | '&' | '=' | '\0'..' ' => write!(out, "\\u{:04X}", u32::from(c)),
            c if c.is_ascii() || quote::is_printable(c) => write!(out, "{c}"),
            c => write!(out, "\\u{:04X}", u32::from(c)),
        };
    }
    out
}

fn unquoted(out: &mut String, text: &str) {
    for c in text.chars() {
        let _ = match c {
            '\0' => write!(out, "&#xfffd;"),
            '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '"' | '\'' | '+' | '=' | '`' => {
                write!(out, "&#{};", u32::from(c))
            }
            '&' => write!(out, "&amp;"),
            '<' => write!(out, "&lt;"),
            '>' => write!(out, "&gt;"),
            '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' => write!(out, "&#x{:x};", u32::from(c)),
            _ => write!(out, "{c}"),
        };
    }
}

/// A name of letters and digits, of an attribute that is plain text.
fn name(out: &mut String, text: &str) {
    let lower = text.to_lowercase();
    let plain = !lower.is_empty() && lower.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z'));
    out.push_str(if plain && attributes::content(&lower) == Content::Plain { &lower } else { REFUSED });
}

fn script_text(out: &mut String, text: &str, replace: fn(char) -> Option<&'static str>) {
    for c in text.chars() {
        let _ = match (c, replace(c)) {
            (_, Some(replacement)) => write!(out, "{replacement}"),
            ('\t', _) => write!(out, "\\t"),
            ('\n', _) => write!(out, "\\n"),
            ('\x0c', _) => write!(out, "\\f"),
            ('\r', _) => write!(out, "\\r"),
            ('\0'..' ' | '\u{2028}' | '\u{2029}', _) => write!(out, "\\u{:04x}", u32::from(c)),
            _ => write!(out, "{c}"),
        };
    }
}

fn in_script_text(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\u0022",
        '`' => "\\u0060",
        '&' => "\\u0026",
        '\'' => "\\u0027",
        '+' => "\\u002b",
        '/' => "\\/",
        '<' => "\\u003c",
        '>' => "\\u003e",
        '\\' => "\\\\",
        _ => return None,
    })
}

fn in_script_regexp(c: char) -> Option<&'static str> {
    Some(match c {
        '$' => "\\$",
        '(' => "\\(",
        ')' => "\\)",
        '*' => "\\*",
        '-' => "\\-",
        '.' => "\\.",
        '?' => "\\?",
        '[' => "\\[",
        ']' => "\\]",
        '^' => "\\^",
        '{' => "\\{",
        '|' => "\\|",
        '}' => "\\}",
        '`' => return None,
        _ => return in_script_text(c),
    })
}

/// A value between a script's operators: JSON, with spaces where it would run into a word.
fn script_value(out: &mut String, item: &Item<'_>) -> Result<(), Problem> {
    let mut json = String::new();
    match item {
        Item::Duration(nanos) => json_text(&mut json, &duration::text(*nanos)),
        other => write_json(&mut json, other, 0)?,
    }
    let word = json.starts_with(script::is_identifier) || json.ends_with(script::is_identifier);
    let space = if word { " " } else { "" };
    let _ = write!(out, "{space}{json}{space}");
    Ok(())
}

/// As `encoding/json`.
fn write_json(out: &mut String, item: &Item<'_>, depth: usize) -> Result<(), Problem> {
    if depth > MAX_VALUE_DEPTH {
        return Err(print::too_deep());
    }
    match item {
        Item::Nil => out.push_str("null"),
        Item::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Item::Int(int) | Item::Duration(int) => {
            let _ = write!(out, "{int}");
        }
        Item::Float(float) if !float.is_finite() => {
            return Err("a number that is none can't stand in a script".into());
        }
        Item::Float(float) => out.push_str(&json_float(*float)),
        Item::Text(text) => json_text(out, text),
        Item::Time(time) => {
            let moment = time.to_zoned(jiff::tz::TimeZone::UTC);
            json_text(out, &date::format(&moment, "2006-01-02T15:04:05.999999999Z07:00"));
        }
        Item::List(list) => {
            out.push('[');
            for (index, element) in list.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write_json(out, &element, depth + 1)?;
            }
            out.push(']');
        }
        Item::Map(map) => {
            out.push('{');
            for (index, (key, element)) in map.entries().iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                json_text(out, key);
                out.push(':');
                write_json(out, element, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn json_float(float: f64) -> String {
    let size = float.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number::format(float, number::Notation::Plain, None);
    }
    number::format(float, number::Notation::Exponent, None).replace("e-0", "e-")
}

fn json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\x08' => write!(out, "\\b"),
            '\x0c' => write!(out, "\\f"),
            '<' | '>' | '&' | '\0'..' ' | '\u{2028}' | '\u{2029}' => write!(out, "\\u{:04x}", u32::from(c)),
            _ => write!(out, "{c}"),
        };
    }
    out.push('"');
}

/// A colour, a size, a keyword: as it is, or refused.
fn style_value(out: &mut String, text: &str) {
    let decoded = style::decode(text);
    let mut before = ' ';
    let mut letters = String::new();
    for c in decoded.chars() {
        let breaks = matches!(
            c,
            '\0' | '"' | '\'' | '(' | ')' | '/' | ';' | '@' | '[' | '\\' | ']' | '`' | '{' | '}' | '<' | '>'
        );
        if breaks || c == '-' && before == '-' {
            return out.push_str(REFUSED);
        }
        if c != '-' && c.is_ascii() && style::is_name(c) {
            letters.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    let runs = letters.contains("expression") || letters.contains("mozbinding");
    out.push_str(if runs { REFUSED } else { &decoded });
}

/// In a text of a style: CSS escape sequences, closed by a space where a digit or space follows.
fn style_text(out: &mut String, text: &str) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\0' | '\t' | '\n' | '\x0c' | '\r' | '"' | '&' | '\'' | '(' | ')' | '+' | '/' | ':' | ';'
            | '<' | '>' | '{' | '}' => {
                let _ = write!(out, "\\{:x}", u32::from(c));
                if chars.peek().is_none_or(|next| {
                    next.is_ascii_hexdigit() || matches!(next, '\t' | '\n' | '\x0c' | '\r' | ' ')
                }) {
                    out.push(' ');
                }
            }
            _ => out.push(c),
        }
    }
}

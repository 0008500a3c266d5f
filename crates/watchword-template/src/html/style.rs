//! Styles: in `<style>` and in `style="…"`.

use super::context::{Context, State};
use super::step::Step;
use super::url;

const SPACE: &[char] = &['\t', '\n', '\x0c', '\r', ' '];

/// Goes on from `context` over the beginning of `text`.
pub(super) fn step(context: Context, text: &str) -> Step {
    match context.state {
        State::Style => Ok(rules(context, text)),
        State::StyleBlockComment => Ok(match text.find("*/") {
            Some(end) => (Context { state: State::Style, ..context }, end + 2),
            None => (context, text.len()),
        }),
        State::StyleLineComment => Ok(match text.find(['\n', '\x0c', '\r']) {
            Some(end) => (Context { state: State::Style, ..context }, end),
            None => (context, text.len()),
        }),
        _ => string(context, text),
    }
}

/// Outside of texts: up to one, a link or a comment.
fn rules(context: Context, text: &str) -> (Context, usize) {
    let to = |state, at| (Context { state, ..context }, at);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' if ends_with_url(text[..at].trim_end_matches(SPACE)) => {
                let inside = text.len() - text[at + 1..].trim_start_matches(SPACE).len();
                return match text.as_bytes().get(inside) {
                    Some(b'"') => to(State::StyleUrlDouble, inside + 1),
                    Some(b'\'') => to(State::StyleUrlSingle, inside + 1),
                    _ => to(State::StyleUrl, inside),
                };
            }
            b'/' if text[at..].starts_with("//") => return to(State::StyleLineComment, at + 2),
            b'/' if text[at..].starts_with("/*") => return to(State::StyleBlockComment, at + 2),
            b'"' => return to(State::StyleDouble, at + 1),
            b'\'' => return to(State::StyleSingle, at + 1),
            _ => {}
        }
    }
    (context, text.len())
}

/// Whether the word before the parenthesis is `url`.
fn ends_with_url(text: &str) -> bool {
    let Some(before) = text.len().checked_sub(3) else { return false };
    text.as_bytes()[before..].eq_ignore_ascii_case(b"url")
        && !text[..before].chars().next_back().is_some_and(is_name)
}

/// Whether it can be part of a CSS name.
pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '-' | '_')
        || c >= '\u{80}' && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// In a text or a link. A text is taken for a link too, for it may be one.
fn string(mut context: Context, text: &str) -> Step {
    let ends = |byte: u8| match context.state {
        State::StyleDouble | State::StyleUrlDouble => byte == b'"',
        State::StyleSingle | State::StyleUrlSingle => byte == b'\'',
        _ => matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ' | b')'),
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'\\' {
            if at + 1 == bytes.len() {
                return Err("a text in a style ends in the middle of an escape sequence".into());
            }
            at += 1;
        } else if ends(*byte) {
            // What was in it is forgotten, and its part of the link stays, as Go has it.
            let seen = if at > 0 { seen_up_to(context, text, at) } else { context };
            return Ok((Context { state: State::Style, url: seen.url, ..context }, at + 1));
        }
        at += 1;
    }
    context = url::follow(context, decode(text).as_bytes());
    Ok((context, text.len()))
}

/// The part of the link as Go knows it at the end of a text: it looks only at what stands before the last escape sequence.
fn seen_up_to(context: Context, text: &str, end: usize) -> Context {
    let bytes = text.as_bytes();
    let (mut at, mut last) = (0, None);
    while at < end {
        if bytes[at] == b'\\' {
            at += 1;
            last = Some(at);
        }
        at += 1;
    }
    match last {
        Some(last) => {
            let end = text.ceil_char_boundary(last + 1);
            url::follow(context, decode(&text[..end]).as_bytes())
        }
        None => context,
    }
}

/// Reads CSS escape sequences: `\26 `, `\"`.
pub(super) fn decode(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let Some(first) = after.chars().next() else {
            // Go drops a lone one at the end.
            return out.into();
        };
        let hex = after.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if hex == 0 {
            out.push(first);
            rest = &after[first.len_utf8()..];
            continue;
        }
        let (mut length, mut code) = (hex, u32::from_str_radix(&after[..hex], 16).unwrap_or(0));
        if code > u32::from(char::MAX) {
            (length, code) = (hex - 1, code / 16);
        }
        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        rest = &after[length..];
        if let Some(behind) = rest.strip_prefix("\r\n") {
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix(SPACE) {
            rest = behind;
        }
    }
    out.push_str(rest);
    out.into()
}

//! How a text changes the context: tags, attributes, comments. Scripts and styles have files of their own.

use super::attributes::{self, Content};
use super::context::{Attribute, Context, Element, Quote, State};
use super::step::Step;
use super::{entities, script, style, url};
use crate::error::Problem;

/// Goes on from `context` over the beginning of `text`.
pub(super) fn step(context: Context, text: &str) -> Step {
    if context.quote != Quote::None {
        return value(context, text);
    }
    if let Some(length) = end_tag(context, text) {
        if length == 0 {
            // `</script>`: what was before it is done.
            return Ok((Context::default(), 0));
        }
        return transition(context, &text[..length]);
    }
    transition(context, text)
}

/// The context behind some of `text`, by the rules of the state.
fn transition(context: Context, text: &str) -> Step {
    match context.state {
        State::Text => Ok(plain(context, text)),
        State::Tag => tag(context, text),
        State::AttributeName => {
            let length = attribute_name(text)?;
            let state = if length == text.len() { context.state } else { State::AfterName };
            Ok((Context { state, ..context }, length))
        }
        State::AfterName => Ok(after_name(context, text)),
        State::BeforeValue => Ok(before_value(context, text)),
        State::Comment => Ok(match text.find("-->") {
            Some(end) => (Context::default(), end + 3),
            None => (context, text.len()),
        }),
        State::Rcdata | State::Attribute | State::Dead => Ok((context, text.len())),
        State::Url | State::Srcset => Ok((url::follow(context, text.as_bytes()), text.len())),
        State::MetaContent => Ok(meta(context, text)),
        State::MetaUrl => Ok(match text.find(';') {
            Some(end) => (Context { state: State::MetaContent, ..context }, end + 1),
            None => (context, text.len()),
        }),
        State::Script
        | State::ScriptDouble
        | State::ScriptSingle
        | State::ScriptRegexp
        | State::ScriptBlockComment
        | State::ScriptLineComment
        | State::ScriptOpenComment
        | State::ScriptCloseComment => script::step(context, text),
        State::Style
        | State::StyleDouble
        | State::StyleSingle
        | State::StyleUrlDouble
        | State::StyleUrlSingle
        | State::StyleUrl
        | State::StyleBlockComment
        | State::StyleLineComment => style::step(context, text),
    }
}

/// Text outside of tags: up to the next tag or comment.
fn plain(context: Context, text: &str) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = text[from..].find('<') {
        let open = from + at + 1;
        if text[open..].starts_with("!--") {
            return (Context::of(State::Comment), open + 3);
        }
        let closing = text[open..].starts_with('/');
        let name = open + usize::from(closing);
        let length = tag_name(&text[name..]);
        if length > 0 {
            let element = if closing { Element::Other } else { Element::named(&text[name..name + length]) };
            return (Context::tag(element), name + length);
        }
        from = name;
    }
    (context, text.len())
}

/// How long the name of a tag is that `text` begins with. `x-y` and `x:y` are names, `x-` is not.
fn tag_name(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return 0;
    }
    let mut length = 1;
    while let Some(byte) = bytes.get(length) {
        if byte.is_ascii_alphanumeric() {
            length += 1;
        } else if matches!(byte, b':' | b'-') && bytes.get(length + 1).is_some_and(u8::is_ascii_alphanumeric)
        {
            length += 2;
        } else {
            break;
        }
    }
    length
}

/// In a tag: an attribute's name, or the end.
fn tag(context: Context, text: &str) -> Step {
    let start = spaces(text);
    if start == text.len() {
        return Ok((context, start));
    }
    if text[start..].starts_with('>') {
        let element = if context.element == Element::Meta { Element::Other } else { context.element };
        let inside = Context { state: element.content(), element, ..Context::default() };
        return Ok((inside, start + 1));
    }
    let length = attribute_name(&text[start..])?;
    if length == 0 {
        return Err("a space, an attribute or the end of the tag is missing before `=`".into());
    }
    let name = text[start..start + length].to_lowercase();
    let attribute = match (context.element, name.as_str()) {
        (Element::Script, "type") => Attribute::ScriptType,
        (Element::Meta, "content") => Attribute::MetaContent,
        _ => match attributes::content(&name) {
            Content::Url => Attribute::Url,
            Content::Style => Attribute::Style,
            Content::Script => Attribute::Script,
            Content::Srcset => Attribute::Srcset,
            Content::Plain | Content::Html | Content::Unsafe => Attribute::Plain,
        },
    };
    let end = start + length;
    let state = if end == text.len() { State::AttributeName } else { State::AfterName };
    Ok((Context { state, element: context.element, attribute, ..Context::default() }, end))
}

/// How long the attribute's name is that `text` begins with.
fn attribute_name(text: &str) -> Result<usize, Problem> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'=' | b'>' => return Ok(at),
            b'\'' | b'"' | b'<' => {
                return Err(
                    format!("`{}` may not stand in the name of an attribute", char::from(byte)).into()
                );
            }
            _ => {}
        }
    }
    Ok(text.len())
}

fn after_name(context: Context, text: &str) -> (Context, usize) {
    let start = spaces(text);
    if start == text.len() {
        (context, start)
    } else if text[start..].starts_with('=') {
        (Context { state: State::BeforeValue, ..context }, start + 1)
    } else {
        (Context { state: State::Tag, ..context }, start)
    }
}

fn before_value(context: Context, text: &str) -> (Context, usize) {
    let start = spaces(text);
    let (quote, length) = match text.as_bytes().get(start) {
        None => return (context, start),
        Some(b'"') => (Quote::Double, 1),
        Some(b'\'') => (Quote::Single, 1),
        Some(_) => (Quote::Unquoted, 0),
    };
    (Context { state: context.attribute.begins(), quote, ..context }, start + length)
}

/// In the value of an attribute: to its end, or over all of `text`.
fn value(context: Context, text: &str) -> Step {
    let end = match context.quote {
        Quote::Double => text.find('"'),
        Quote::Single => text.find('\''),
        _ => text.find([' ', '\t', '\n', '\x0c', '\r', '>']),
    };
    let inside = &text[..end.unwrap_or(text.len())];
    if context.quote == Quote::Unquoted
        && let Some(bad) = inside.find(['"', '\'', '<', '=', '`'])
    {
        let bad = &inside[bad..=bad];
        return Err(format!("`{bad}` in an attribute without quotes: put quotes around the value").into());
    }
    let Some(end) = end else {
        return within(context, text).map(|context| (context, text.len()));
    };
    let other_type = context.attribute == Attribute::ScriptType
        && context.element == Element::Script
        && context.state == State::Attribute
        && !script::is_script_type(inside);
    let element = if other_type { Element::Other } else { context.element };
    Ok((Context::tag(element), end + usize::from(context.quote != Quote::Unquoted)))
}

/// The context behind a piece of an attribute's value, as it is once the browser has read its character references.
fn within(mut context: Context, text: &str) -> Result<Context, Problem> {
    let decoded = entities::decode(text);
    let code = matches!(context.state, State::Script | State::ScriptRegexp);
    if code && entities::has_other(&decoded) {
        return Err("a named character reference stands in a script: write the character itself".into());
    }
    let mut rest = decoded.as_ref();
    while !rest.is_empty() {
        let (next, length) = transition(context, rest)?;
        context = next;
        rest = &rest[length..];
    }
    Ok(context)
}

/// Where the end tag of the special element stands that the context is in.
fn end_tag(context: Context, text: &str) -> Option<usize> {
    let name = context.element.name();
    if name.is_empty() {
        return None;
    }
    if context.element == Element::Script && (context.state.is_script_literal() || context.state.is_comment())
    {
        // There it is made harmless instead.
        return None;
    }
    text.match_indices("</").map(|(at, _)| at).find(|at| {
        let after = &text.as_bytes()[at + 2..];
        after.len() > name.len()
            && after[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            && matches!(after[name.len()], b'>' | b' ' | b'\t' | b'\n' | b'\x0c' | b'/')
    })
}

/// `0; url=…` in a `<meta>`.
fn meta(context: Context, text: &str) -> (Context, usize) {
    let bytes = text.as_bytes();
    for at in 0..bytes.len().saturating_sub(3) {
        if bytes[at..at + 3].eq_ignore_ascii_case(b"url") && text.is_char_boundary(at + 3) {
            let equals = at + 3 + spaces(&text[at + 3..]);
            if bytes.get(equals) == Some(&b'=') {
                return (Context { state: State::MetaUrl, ..context }, equals + 1);
            }
        }
    }
    (context, text.len())
}

/// How much HTML space `text` begins with.
fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t', '\n', '\x0c', '\r']).len()
}

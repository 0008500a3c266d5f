//! sprig's functions for texts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Wants::{Any, Int, Text};
use super::{Call, Function, bounded};
use crate::error::Problem;
use crate::evaluate::item::Item;
use crate::format::{print, quote};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("upper", &[Text], |call| Ok(Item::text(each(call.text(0), upper)))),
    Function::new("lower", &[Text], |call| Ok(Item::text(each(call.text(0), lower)))),
    Function::new("title", &[Text], |call| Ok(Item::text(title(call.text(0))))),
    Function::new("untitle", &[Text], |call| Ok(Item::text(untitle(call.text(0))))),
    Function::new("trim", &[Text], |call| owned(call.text(0).trim())),
    Function::new("trimAll", &[Text, Text], trim_all),
    Function::new("trimall", &[Text, Text], trim_all),
    Function::new("trimPrefix", &[Text, Text], |call| {
        owned(call.text(1).strip_prefix(call.text(0)).unwrap_or(call.text(1)))
    }),
    Function::new("trimSuffix", &[Text, Text], |call| {
        owned(call.text(1).strip_suffix(call.text(0)).unwrap_or(call.text(1)))
    }),
    Function::new("nospace", &[Text], |call| {
        Ok(Item::text(call.text(0).chars().filter(|c| !c.is_whitespace()).collect::<String>()))
    }),
    Function::new("replace", &[Text, Text, Text], replace),
    Function::new("repeat", &[Int, Text], |call| {
        let count = usize::try_from(call.int(0)).map_err(|_| "`repeat` wants a count from 0 on")?;
        bounded(call.text(1).len().saturating_mul(count))?;
        Ok(Item::text(call.text(1).repeat(count)))
    }),
    Function::new("substr", &[Int, Int, Text], substr),
    Function::new("trunc", &[Int, Text], |call| {
        let (count, text) = (call.int(0), call.text(1));
        let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        owned(if length >= text.len() {
            text
        } else if count < 0 {
            cut(text, text.len() - length, text.len())
        } else {
            cut(text, 0, length)
        })
    }),
    Function::new("abbrev", &[Int, Text], |call| {
        let text = call.text(1);
        let width = usize::try_from(call.int(0)).unwrap_or(0);
        if width < 4 || text.len() <= width {
            return owned(text);
        }
        Ok(Item::text(format!("{}...", cut(text, 0, width - 3))))
    }),
    Function::new("contains", &[Text, Text], |call| Ok(Item::Bool(call.text(1).contains(call.text(0))))),
    Function::new("hasPrefix", &[Text, Text], |call| Ok(Item::Bool(call.text(1).starts_with(call.text(0))))),
    Function::new("hasSuffix", &[Text, Text], |call| Ok(Item::Bool(call.text(1).ends_with(call.text(0))))),
    Function::with_rest("quote", &[], Any, |call| {
        let mut out = String::new();
        for item in present(call) {
            out.push_str(if out.is_empty() { "" } else { " " });
            quote::write(&mut out, &plain(item)?, false);
            bounded(out.len())?;
        }
        Ok(Item::text(out))
    }),
    Function::with_rest("squote", &[], Any, |call| {
        let mut out = String::new();
        for item in present(call) {
            out.push_str(if out.is_empty() { "'" } else { " '" });
            print::write(&mut out, item)?;
            out.push('\'');
            bounded(out.len())?;
        }
        Ok(Item::text(out))
    }),
    Function::with_rest("cat", &[], Any, |call| {
        let mut out = String::new();
        for (index, item) in present(call).enumerate() {
            out.push_str(if index > 0 { " " } else { "" });
            print::write(&mut out, item)?;
            bounded(out.len())?;
        }
        Ok(Item::text(out))
    }),
    Function::new("indent", &[Int, Text], |call| indent(call, "")),
    Function::new("nindent", &[Int, Text], |call| indent(call, "\n")),
    Function::new("plural", &[Text, Text, Int], |call| {
        owned(if call.int(2) == 1 { call.text(0) } else { call.text(1) })
    }),
    Function::new("toString", &[Any], |call| plain(call.any(0)).map(Item::text)),
    Function::new("b64enc", &[Text], |call| Ok(Item::text(STANDARD.encode(call.text(0))))),
    Function::new("b64dec", &[Text], |call| {
        let bytes = STANDARD.decode(call.text(0)).map_err(|_| "`b64dec` was given what is not base64")?;
        String::from_utf8(bytes).map(Item::text).map_err(|_| "`b64dec` found what is not a text".into())
    }),
];

fn owned<'a>(text: &str) -> Result<Item<'a>, Problem> {
    Ok(Item::text(text.to_owned()))
}

fn present<'c, 'a>(call: &Call<'c, 'a>) -> impl Iterator<Item = &'c Item<'a>> {
    call.items.iter().filter(|item| !matches!(item, Item::Nil))
}

/// A text as it is, anything else as `%v` prints it.
pub(super) fn plain(item: &Item<'_>) -> Result<String, Problem> {
    let mut out = String::new();
    print::write(&mut out, item)?;
    Ok(out)
}

/// `text[start..end]` by bytes, as Go cuts; but never inside a character: a cut there moves to before it.
pub(super) fn cut(text: &str, start: usize, end: usize) -> &str {
    let (start, end) = (text.floor_char_boundary(start), text.floor_char_boundary(end));
    text.get(start..end).unwrap_or("")
}

fn each(text: &str, change: fn(char) -> char) -> String {
    text.chars().map(change).collect()
}

/// The one character that it becomes. What would become several stays, as in Go.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    if upper.len() == 1 { upper.next().unwrap_or(c) } else { c }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn title(text: &str) -> String {
    let mut before = ' ';
    let first = |c: char| {
        let begins = is_separator(before);
        before = c;
        if begins { upper(c) } else { c }
    };
    text.chars().map(first).collect()
}

/// Between words, as Go's `strings.Title` sees it.
fn is_separator(c: char) -> bool {
    if c.is_ascii() {
        !c.is_ascii_alphanumeric() && c != '_'
    } else {
        !c.is_alphanumeric() && c.is_whitespace()
    }
}

fn untitle(text: &str) -> String {
    let mut begins = true;
    let first = |c: char| {
        if c.is_whitespace() {
            begins = true;
            return c;
        }
        if std::mem::take(&mut begins) { lower(c) } else { c }
    };
    text.chars().map(first).collect()
}

fn trim_all<'a>(call: &Call<'_, 'a>) -> Result<Item<'a>, Problem> {
    owned(call.text(1).trim_matches(|c| call.text(0).contains(c)))
}

fn replace<'a>(call: &Call<'_, 'a>) -> Result<Item<'a>, Problem> {
    let (old, new, text) = (call.text(0), call.text(1), call.text(2));
    let count = text.matches(old).count();
    bounded(text.len().saturating_add(new.len().saturating_mul(count)))?;
    Ok(Item::text(text.replace(old, new)))
}

fn substr<'a>(call: &Call<'_, 'a>) -> Result<Item<'a>, Problem> {
    let (start, end, text) = (call.int(0), call.int(1), call.text(2));
    let length = text.len() as i64;
    let (start, end) = match (start, end) {
        (..0, end) => (0, end),
        (start, end) if end < 0 || end > length => (start, length),
        (start, end) => (start, end),
    };
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end && end <= text.len() => owned(cut(text, start, end)),
        _ => Err("`substr` reaches outside of the text".into()),
    }
}

fn indent<'a>(call: &Call<'_, 'a>, before: &str) -> Result<Item<'a>, Problem> {
    let width = usize::try_from(call.int(0)).map_err(|_| "`indent` wants a width from 0 on")?;
    let text = call.text(1);
    let lines = text.matches('\n').count() + 1;
    bounded(text.len().saturating_add(lines.saturating_mul(width)))?;
    let pad = " ".repeat(width);
    Ok(Item::text(format!("{before}{pad}{}", text.replace('\n', &format!("\n{pad}")))))
}

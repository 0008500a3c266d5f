//! Character references in attribute values: what a browser reads before a script, a style or a link in it is looked at.

use std::borrow::Cow;

/// Named references to what is ASCII or a space. Others never end or begin anything in a script, a style or a link.
const NAMED: &[(&str, &str)] = &[
    ("Tab", "\t"),
    ("NewLine", "\n"),
    ("excl", "!"),
    ("quot", "\""),
    ("QUOT", "\""),
    ("num", "#"),
    ("dollar", "$"),
    ("percnt", "%"),
    ("amp", "&"),
    ("AMP", "&"),
    ("apos", "'"),
    ("lpar", "("),
    ("rpar", ")"),
    ("ast", "*"),
    ("midast", "*"),
    ("plus", "+"),
    ("comma", ","),
    ("period", "."),
    ("sol", "/"),
    ("colon", ":"),
    ("semi", ";"),
    ("lt", "<"),
    ("LT", "<"),
    ("equals", "="),
    ("gt", ">"),
    ("GT", ">"),
    ("quest", "?"),
    ("commat", "@"),
    ("lsqb", "["),
    ("lbrack", "["),
    ("bsol", "\\"),
    ("rsqb", "]"),
    ("rbrack", "]"),
    ("Hat", "^"),
    ("lowbar", "_"),
    ("UnderBar", "_"),
    ("grave", "`"),
    ("DiacriticalGrave", "`"),
    ("lcub", "{"),
    ("lbrace", "{"),
    ("verbar", "|"),
    ("vert", "|"),
    ("VerticalLine", "|"),
    ("rcub", "}"),
    ("rbrace", "}"),
    ("nbsp", "\u{a0}"),
    ("NonBreakingSpace", "\u{a0}"),
    ("ensp", "\u{2002}"),
    ("emsp", "\u{2003}"),
    ("thinsp", "\u{2009}"),
];

/// These are read without their semicolon too.
const WITHOUT_SEMICOLON: &[&str] = &["quot", "QUOT", "amp", "AMP", "lt", "LT", "gt", "GT", "nbsp"];

/// What a browser makes of `text`. Numbers it corrects as the standard says.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let read = if let Some(number) = after.strip_prefix('#') {
            numeric(number, &mut out)
        } else {
            named(after, &mut out)
        };
        match read {
            Some(length) => rest = &after[length..],
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Behind `&`. How much of it was read.
fn named(after: &str, out: &mut String) -> Option<usize> {
    let length = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
    if after[length..].starts_with(';')
        && let Some((_, text)) = NAMED.iter().find(|(name, _)| *name == &after[..length])
    {
        out.push_str(text);
        return Some(length + 1);
    }
    let name = WITHOUT_SEMICOLON.iter().find(|name| after.starts_with(**name))?;
    // `&ltimes;` is another one, which does not matter here; `&ampx` is an ampersand.
    let (_, text) = NAMED.iter().find(|(known, _)| known == name)?;
    if after[..length].len() > name.len() && after[length..].starts_with(';') {
        return None;
    }
    out.push_str(text);
    Some(name.len())
}

/// Behind `&#`. How much was read, the `#` counted.
fn numeric(number: &str, out: &mut String) -> Option<usize> {
    let (radix, digits) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, number),
    };
    let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let semicolon = digits[length..].starts_with(';');
    // Go does not read one digit alone, and sees the `#` of a link in it: the stricter.
    if length == 0 || length == 1 && radix == 10 && !semicolon {
        return None;
    }
    let code = u32::from_str_radix(&digits[..length], radix).unwrap_or(u32::MAX);
    out.push(match code {
        0x80..=0x9f => WINDOWS_1252[(code - 0x80) as usize],
        0 => '\u{fffd}',
        _ => char::from_u32(code).unwrap_or('\u{fffd}'),
    });
    Some(1 + (number.len() - digits.len()) + length + usize::from(semicolon))
}

/// What 128 to 159 mean in practice.
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
    '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// Whether a reference is left in it that has a name of its own: it could be a character beyond ASCII.
pub(super) fn has_other(text: &str) -> bool {
    text.match_indices('&').any(|(at, _)| {
        let after = &text[at + 1..];
        let length = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        length > 0 && after[length..].starts_with(';')
    })
}

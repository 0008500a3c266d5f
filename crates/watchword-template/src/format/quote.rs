//! `strconv.Quote`.

use std::fmt::Write;

/// Appends `text` in double quotes, escaped as Go source. `ascii`: everything beyond ASCII too.
pub(crate) fn write(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    for c in text.chars() {
        char(out, c, '"', ascii);
    }
    out.push('"');
}

/// One character inside quotes.
pub(crate) fn char(out: &mut String, c: char, quote: char, ascii: bool) {
    // Writing to a String can't fail.
    match c {
        '\\' => out.push_str("\\\\"),
        _ if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ if c.is_ascii() && !c.is_ascii_control() || !ascii && is_printable(c) => out.push(c),
        _ => {
            let code = u32::from(c);
            let _ = match code {
                0..0x80 => write!(out, "\\x{code:02x}"),
                0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

/// Whether Go calls it printable: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // `str::escape_debug` escapes what is not printable; behind another character also marks are.
    let mut bytes = [b'a'; 5];
    let length = c.encode_utf8(&mut bytes[1..]).len();
    std::str::from_utf8(&bytes[..=length]).is_ok_and(|pair| pair.escape_debug().nth(1) == Some(c))
}

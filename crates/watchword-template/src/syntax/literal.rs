//! Numbers and quoted texts as Go writes them.

/// A number: what it is by its spelling, and as a whole number where it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

/// Reads a Go number: decimal, `0x`, `0o`, `0b`, leading-zero octal, underscores, fractions and exponents.
pub(crate) fn number(text: &str) -> Result<Number, String> {
    let bad = || format!("`{text}` is not a number");
    if text.ends_with('i') && !text.contains(['x', 'X']) {
        return Err(format!("`{text}` is imaginary: there are no complex numbers here"));
    }
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let prefixed = body.len() < lower.len();
    if !underscores_are_between_digits(body, prefixed) {
        return Err(bad());
    }
    let body = body.replace('_', "");
    if let Ok(magnitude) = u64::from_str_radix(&body, radix)
        && !body.starts_with('+')
    {
        let signed =
            if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
        return signed.map(Number::Int).ok_or_else(|| format!("`{text}` is too large for a whole number"));
    }
    if radix == 16 {
        return hex_float(&body).map(|f| Number::Float(if negative { -f } else { f })).ok_or_else(bad);
    }
    let decimal = lower.replace('_', "");
    let plain = decimal.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
    if !plain || !decimal.contains(['.', 'e']) {
        return Err(bad());
    }
    match decimal.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Number::Float(if negative { -float } else { float })),
        _ => Err(bad()),
    }
}

/// An underscore stands between digits, or between a prefix and a digit.
fn underscores_are_between_digits(body: &str, prefixed: bool) -> bool {
    let bytes = body.as_bytes();
    (0..bytes.len()).filter(|at| bytes[*at] == b'_').all(|at| {
        let before = at.checked_sub(1).map_or(prefixed, |i| bytes[i].is_ascii_hexdigit());
        before && bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit)
    })
}

/// `1.8p3`, without its `0x`.
fn hex_float(body: &str) -> Option<f64> {
    let (mantissa, exponent) = body.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 16 {
        return None;
    }
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let places = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    // Only whole numbers below 2^53 convert without a loss, and no message has others.
    if digits >= 1 << 53 || exponent.abs() > 1000 {
        return None;
    }
    let scaled = digits as f64 * 2f64.powi(exponent.checked_sub(places)?);
    scaled.is_finite().then_some(scaled)
}

/// What a quoted text or character says: `"…"`, `'…'` or `` `…` ``, quotes included.
pub(crate) fn unquote(quoted: &str) -> Result<String, String> {
    let bad = || format!("{quoted} has an escape sequence that is not known");
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).ok_or_else(bad)?;
    let quote = quoted.chars().next().unwrap_or('"');
    if quote == '`' {
        return Ok(inner.replace('\r', ""));
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(next) = rest.chars().next() {
        if next != '\\' {
            bytes.extend_from_slice(&rest.as_bytes()[..next.len_utf8()]);
            rest = &rest[next.len_utf8()..];
            continue;
        }
        let (escaped, length) = escape(&rest[1..], quote).ok_or_else(bad)?;
        match escaped {
            Escaped::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Escaped::Byte(byte) => bytes.push(byte),
        }
        rest = &rest[1 + length..];
    }
    String::from_utf8(bytes).map_err(|_| format!("{quoted} is not UTF-8"))
}

/// What the one character between single quotes is.
pub(crate) fn character(quoted: &str) -> Result<char, String> {
    let text = unquote(quoted)?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) if !(one == '\'' && quoted == "'''") => Ok(one),
        _ => Err(format!("{quoted} is not one character")),
    }
}

enum Escaped {
    Char(char),
    Byte(u8),
}

/// What follows a backslash, and how many bytes of it.
fn escape(rest: &str, quote: char) -> Option<(Escaped, usize)> {
    let kind = rest.chars().next()?;
    let simple = match kind {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        '\'' | '"' if kind == quote => kind,
        'x' => return Some((Escaped::Byte(u8::from_str_radix(digits(rest.get(1..3)?)?, 16).ok()?), 3)),
        'u' | 'U' => {
            let length = if kind == 'u' { 4 } else { 8 };
            let code = u32::from_str_radix(digits(rest.get(1..=length)?)?, 16).ok()?;
            return Some((Escaped::Char(char::from_u32(code)?), 1 + length));
        }
        '0'..='7' => return Some((Escaped::Byte(u8::from_str_radix(digits(rest.get(..3)?)?, 8).ok()?), 3)),
        _ => return None,
    };
    Some((Escaped::Char(simple), 1))
}

/// `from_str_radix` would take a sign.
fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|b| b.is_ascii_hexdigit()).then_some(text)
}

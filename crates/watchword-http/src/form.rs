//! URL-encoded text, read strictly: what does not decode to UTF-8 is refused, never guessed at.

use std::borrow::Cow;

use thiserror::Error;

/// A broken percent escape, or bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not percent-encoded UTF-8")]
pub(crate) struct NotDecodable;

/// Whether `+` stands for a space: in forms and queries, not in paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plus {
    IsSpace,
    IsPlus,
}

/// A path segment, percent-decoded once.
///
/// # Errors
/// A broken escape, or not UTF-8.
pub(crate) fn decode_segment(segment: &str) -> Result<Cow<'_, str>, NotDecodable> {
    decode(segment.as_bytes(), Plus::IsPlus)
}

/// A name and its value. A value may be bad where its name is good, so that a refusal can name it.
pub(crate) type Pair<'a> = (Cow<'a, str>, Result<Cow<'a, str>, NotDecodable>);

/// The pairs of an `application/x-www-form-urlencoded` text in order; a name without `=` has an empty value.
///
/// # Errors
/// Each name, and each value: a broken escape, or not UTF-8.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, NotDecodable>> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        Ok((decode(name, Plus::IsSpace)?, decode(value, Plus::IsSpace)))
    })
}

fn decode(text: &[u8], plus: Plus) -> Result<Cow<'_, str>, NotDecodable> {
    let is_special = |byte: &u8| *byte == b'%' || (*byte == b'+' && plus == Plus::IsSpace);
    let Some(first) = text.iter().position(is_special) else {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| NotDecodable);
    };
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(&text[..first]);
    let mut rest = text[first..].iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
            b'+' if plus == Plus::IsSpace => b' ',
            other => *other,
        });
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| NotDecodable)
}

fn hex(digit: Option<&u8>) -> Result<u8, NotDecodable> {
    match digit {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(NotDecodable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Result<Vec<(String, String)>, NotDecodable> {
        pairs(text)
            .map(|pair| {
                let (name, value) = pair?;
                Ok((name.into_owned(), value?.into_owned()))
            })
            .collect()
    }

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        for (text, expected) in [
            (&b""[..], vec![]),
            (b"&&", vec![]),
            (b"a=1&b=2", vec![("a", "1"), ("b", "2")]),
            (b"a&b=", vec![("a", ""), ("b", "")]),
            (b"=x", vec![("", "x")]),
            (b"a=b=c", vec![("a", "b=c")]),
            (b"to=john%40doe.com", vec![("to", "john@doe.com")]),
            (b"a+b=c+d%2B", vec![("a b", "c d+")]),
            (b"a=%C3%A4%e4%bd%a0", vec![("a", "ä你")]),
            ("a=ä".as_bytes(), vec![("a", "ä")]),
            (b"a;b=c;d", vec![("a;b", "c;d")]),
            (b"a=%00", vec![("a", "\0")]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(all(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_utf8_or_not_escaped_right_is_refused() {
        for text in
            [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%4g", b"%=a", b"a=%ff", b"a=\xff", b"a=%c3", b"a=%ed%a0%80"]
        {
            assert_eq!(all(text), Err(NotDecodable), "{text:?}");
        }
    }

    #[test]
    fn a_path_segment_keeps_its_plus_and_is_decoded_once() {
        for (segment, decoded) in [
            ("john@doe.com", "john@doe.com"),
            ("john%40doe.com", "john@doe.com"),
            ("a+b", "a+b"),
            ("%2525", "%25"),
            ("a%2Fb", "a/b"),
        ] {
            assert_eq!(decode_segment(segment).unwrap(), decoded);
        }
        assert_eq!(decode_segment("john%4"), Err(NotDecodable));
    }
}

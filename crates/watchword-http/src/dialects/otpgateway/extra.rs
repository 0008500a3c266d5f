//! The caller's own JSON: checked, compacted, otherwise left to the byte.

use std::borrow::Cow;

use serde_json::value::RawValue;
use thiserror::Error;

/// The most bytes as given.
const MAX_BYTES: usize = 16 * 1_024;
/// The most objects and arrays inside one another.
const MAX_DEPTH: usize = 32;

/// Why a text is no `extra`.
#[derive(Debug, Error)]
pub(super) enum ExtraError {
    /// Too long or too deep.
    #[error("at most {MAX_BYTES} bytes and {MAX_DEPTH} levels")]
    TooMuch,
    /// Not JSON. The text names a place, nothing of the content.
    #[error(transparent)]
    NotJson(#[from] serde_json::Error),
}

/// Checks JSON and drops the spaces between its tokens; key order, repeated keys and the spelling of numbers stay.
///
/// # Errors
/// Not JSON (RFC 8259), over 16 KiB, or more than 32 levels deep.
pub(super) fn compact(text: &str) -> Result<Cow<'_, str>, ExtraError> {
    if text.len() > MAX_BYTES {
        return Err(ExtraError::TooMuch);
    }
    serde_json::from_str::<&RawValue>(text)?;
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut compacted = String::new();
    // What comes before it is kept, or dropped, already.
    let mut kept_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b' ' | b'\t' | b'\n' | b'\r' => {
                compacted.push_str(&text[kept_from..at]);
                kept_from = at + 1;
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(ExtraError::TooMuch);
        }
    }
    if kept_from == 0 {
        return Ok(Cow::Borrowed(text));
    }
    compacted.push_str(&text[kept_from..]);
    Ok(Cow::Owned(compacted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_spaces_between_tokens_go() {
        for (given, compacted) in [
            ("{}", "{}"),
            ("null", "null"),
            (" [ 1.0 ,\t1e5,\r\n-0 ] ", "[1.0,1e5,-0]"),
            (r#"{"b": 1, "a": 2, "b": 3}"#, r#"{"b":1,"a":2,"b":3}"#),
            (r#""a \" b \\""#, r#""a \" b \\""#),
            (r#"{ "a\\" : " { \" [ " }"#, r#"{"a\\":" { \" [ "}"#),
            (r#""\ud800 ä你""#, r#""\ud800 ä你""#),
            ("100000000000000000000000000000000000000001", "100000000000000000000000000000000000000001"),
        ] {
            assert_eq!(compact(given).unwrap(), compacted);
        }
    }

    #[test]
    fn what_is_not_json_is_refused_without_being_repeated() {
        for bad in [
            "",
            " ",
            "{",
            "{'a':1}",
            "{a:1}",
            "[1,]",
            "1 2",
            "01",
            "NaN",
            "\"a\nb\"",
            "\"\\x\"",
            "tru",
            "\u{feff}{}",
        ] {
            assert!(matches!(compact(bad), Err(ExtraError::NotJson(_))), "{bad:?}");
        }
        assert!(!compact("{\"s3cret\": s3cret}").unwrap_err().to_string().contains("s3cret"));
    }

    #[test]
    fn size_and_depth_are_limited() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(compact(&nested(32)).is_ok());
        assert!(matches!(compact(&nested(33)), Err(ExtraError::TooMuch)));
        assert!(matches!(compact(&nested(64)), Err(ExtraError::TooMuch)));
        assert!(compact(&format!("[{}1]", "[1],".repeat(1_000))).is_ok());
        assert!(compact(&format!("\"{}\"", "x".repeat(MAX_BYTES - 2))).is_ok());
        assert!(matches!(compact(&format!("\"{}\"", "x".repeat(MAX_BYTES - 1))), Err(ExtraError::TooMuch)));
    }

    proptest! {
        #[test]
        fn compacting_keeps_the_value_and_is_done_once(text in r#"[ \t\n\r{}\[\],:"\\0-9eE+.a-f-]{0,40}"#) {
            if let Ok(compacted) = compact(&text) {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                let again: serde_json::Value = serde_json::from_str(&compacted).unwrap_or_default();
                prop_assert_eq!(value, again);
                let twice = compact(&compacted).unwrap();
                prop_assert_eq!(twice.as_ref(), compacted.as_ref());
            }
        }
    }
}

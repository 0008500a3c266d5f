//! Scripts: in `<script>` and in event handlers.

use super::context::{Context, Slash, State};
use super::step::Step;

/// Goes on from `context` over the beginning of `text`.
pub(super) fn step(context: Context, text: &str) -> Step {
    match context.state {
        State::Script => code(context, text),
        State::ScriptBlockComment => Ok(match text.find("*/") {
            Some(end) => (Context { state: State::Script, ..context }, end + 2),
            None => (context, text.len()),
        }),
        State::ScriptDouble | State::ScriptSingle | State::ScriptRegexp => literal(context, text),
        _ => Ok(match text.find(['\n', '\r', '\u{2028}', '\u{2029}']) {
            Some(end) => (Context { state: State::Script, ..context }, end),
            None => (context, text.len()),
        }),
    }
}

fn code(context: Context, text: &str) -> Step {
    let Some(at) = text.find(['"', '\'', '`', '/', '{', '}', '<', '-', '#']) else {
        return Ok((Context { slash: slash_after(text, context.slash), ..context }, text.len()));
    };
    let rest = &text[at..];
    let slash = slash_after(&text[..at], context.slash);
    let to = |state, length: usize| Ok((Context { state, slash, ..context }, at + length));
    let string = |state| Ok((Context { state, slash: Slash::Regexp, ..context }, at + 1));
    match rest.as_bytes()[0] {
        b'"' => string(State::ScriptDouble),
        b'\'' => string(State::ScriptSingle),
        b'`' => {
            Err("a script has a text in back quotes, which can't be escaped here: use other quotes".into())
        }
        b'/' if rest.starts_with("//") => to(State::ScriptLineComment, 2),
        b'/' if rest.starts_with("/*") => to(State::ScriptBlockComment, 2),
        b'/' => match slash {
            Slash::Regexp => to(State::ScriptRegexp, 1),
            Slash::Division => Ok((Context { slash: Slash::Regexp, ..context }, at + 1)),
            Slash::Unknown => Err("`/` in a script could begin a pattern or divide: add parentheses".into()),
        },
        b'<' if rest.starts_with("<!--") => to(State::ScriptOpenComment, 4),
        b'-' if rest.starts_with("-->") => to(State::ScriptCloseComment, 3),
        b'#' if rest.starts_with("#!") => to(State::ScriptLineComment, 2),
        b'{' | b'}' => Ok((Context { slash: slash_after(&rest[..1], slash), ..context }, at + 1)),
        _ => to(State::Script, 1),
    }
}

/// In a text or a pattern.
fn literal(context: Context, text: &str) -> Step {
    let end = match context.state {
        State::ScriptDouble => b'"',
        State::ScriptSingle => b'\'',
        _ => b'/',
    };
    let pattern = context.state == State::ScriptRegexp;
    let bytes = text.as_bytes();
    let (mut at, mut set) = (0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if at + 1 == bytes.len() => {
                return Err("a text in a script ends in the middle of an escape sequence".into());
            }
            b'\\' => at += 1,
            b'[' if pattern => set = true,
            b']' if pattern => set = false,
            b'/' if pattern && at > 0 && ends_script(&bytes[at - 1..]) => at += 1,
            byte if *byte == end && !set => {
                let behind = Context { state: State::Script, slash: Slash::Division, ..context };
                return Ok((behind, at + 1));
            }
            _ => {}
        }
        at += 1;
    }
    if set {
        return Err("a value stands inside `[ ]` of a script's pattern, or the `]` is missing".into());
    }
    Ok((context, text.len()))
}

fn ends_script(bytes: &[u8]) -> bool {
    bytes.get(..8).is_some_and(|tag| tag.eq_ignore_ascii_case(b"</script"))
}

/// Keywords behind which a `/` begins a pattern.
const BEFORE_REGEXP: &[&str] = &[
    "break",
    "case",
    "continue",
    "delete",
    "do",
    "else",
    "finally",
    "in",
    "instanceof",
    "return",
    "throw",
    "try",
    "typeof",
    "void",
];

/// What a `/` behind `code` would begin, if `before` says it for what is before `code`.
fn slash_after(code: &str, before: Slash) -> Slash {
    let code = code.trim_end_matches(|c: char| c.is_whitespace() && c != '\u{85}' || c == '\u{feff}');
    let Some(last) = code.chars().next_back() else { return before };
    let regexp = match last {
        // `--` and `++` may stand behind a value, one alone is an operator.
        '+' | '-' => (code.len() - code.trim_end_matches(last).len()) % 2 == 1,
        '.' => !(code.len() > 1 && code.as_bytes()[code.len() - 2].is_ascii_digit()),
        ',' | '<' | '>' | '=' | '*' | '%' | '&' | '|' | '^' | '?' | '!' | '~' | '(' | '[' | ':' | ';'
        | '{' | '}' => true,
        _ => {
            let word = code.trim_end_matches(is_identifier);
            BEFORE_REGEXP.contains(&&code[word.len()..])
        }
    };
    if regexp { Slash::Regexp } else { Slash::Division }
}

/// Whether it can be part of a keyword or a number.
pub(super) fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '$' | '_')
}

/// Whether a `<script type=…>` holds a script, or JSON, which is escaped as one.
pub(super) fn is_script_type(given: &str) -> bool {
    let essence = given.split(';').next().unwrap_or("").trim().to_lowercase();
    matches!(
        essence.as_str(),
        "" | "application/ecmascript"
            | "application/javascript"
            | "application/json"
            | "application/ld+json"
            | "application/x-ecmascript"
            | "application/x-javascript"
            | "module"
            | "text/ecmascript"
            | "text/javascript"
            | "text/javascript1.0"
            | "text/javascript1.1"
            | "text/javascript1.2"
            | "text/javascript1.3"
            | "text/javascript1.4"
            | "text/javascript1.5"
            | "text/jscript"
            | "text/livescript"
            | "text/x-ecmascript"
            | "text/x-javascript"
    )
}

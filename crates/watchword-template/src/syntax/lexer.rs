//! Cuts a template's source into tokens, as `text/template/parse` does.

use crate::error::TemplateError;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What stands between actions, trimmed.
    Text,
    /// `{{`
    Open,
    /// `}}`
    Close,
    Space,
    /// A name or a keyword.
    Word,
    /// `.Name`
    Field,
    /// `$` or `$name`
    Variable,
    Dot,
    Number,
    /// `'x'`
    Char,
    /// `"x"`
    Quoted,
    /// `` `x` ``
    Raw,
    Pipe,
    LeftParen,
    RightParen,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    Comma,
    End,
}

/// A piece of the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    /// As written, quotes included.
    pub(crate) text: &'s str,
    /// From 1: where it begins.
    pub(crate) line: u32,
}

const SPACES: &[char] = &[' ', '\t', '\r', '\n'];

/// All tokens of `source`, the last one [`Kind::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<Token<'_>>, TemplateError> {
    let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new() };
    while lexer.text()? {
        lexer.action()?;
    }
    lexer.push(Kind::End, 0);
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: u32,
    tokens: Vec<Token<'s>>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, length: usize) {
        let skipped = &self.source[self.at..self.at + length];
        self.line += u32::try_from(skipped.matches('\n').count()).unwrap_or(u32::MAX);
        self.at += length;
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let text = &self.source[self.at..self.at + length];
        self.tokens.push(Token { kind, text, line: self.line });
        self.skip(length);
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::new(self.line, problem))
    }

    /// Reads text up to and with the next `{{`; comments vanish. False at the end.
    fn text(&mut self) -> Result<bool, TemplateError> {
        loop {
            let Some(length) = self.rest().find("{{") else {
                if !self.rest().is_empty() {
                    self.push(Kind::Text, self.rest().len());
                }
                return Ok(false);
            };
            let after = &self.rest()[length + 2..];
            let trims = after.starts_with('-') && after[1..].starts_with(SPACES);
            let kept = if trims { self.rest()[..length].trim_end_matches(SPACES).len() } else { length };
            if kept > 0 {
                self.push(Kind::Text, kept);
            }
            self.skip(length - kept);
            let marker = if trims { 2 } else { 0 };
            if after[marker..].starts_with("/*") {
                self.skip(2 + marker);
                self.comment()?;
            } else {
                self.push(Kind::Open, 2);
                self.skip(marker);
                return Ok(true);
            }
        }
    }

    /// A comment, from `/*` to after its `}}`.
    fn comment(&mut self) -> Result<(), TemplateError> {
        let Some(length) = self.rest().find("*/") else {
            return self.fail("a comment is not closed: `*/}}` is missing");
        };
        self.skip(length + 2);
        if !self.closes() {
            return self.fail("a comment must fill its action: after `*/` comes `}}` or ` -}}`");
        }
        self.close();
        self.tokens.pop();
        Ok(())
    }

    /// Whether `}}` or ` -}}` is next.
    fn closes(&self) -> bool {
        let rest = self.rest();
        rest.starts_with("}}") || self.closes_trimming()
    }

    fn closes_trimming(&self) -> bool {
        let rest = self.rest();
        rest.starts_with(SPACES) && rest[1..].starts_with("-}}")
    }

    /// Takes the closing delimiter, and the space behind it when it trims.
    fn close(&mut self) {
        let trims = self.closes_trimming();
        if trims {
            self.skip(2);
        }
        self.push(Kind::Close, 2);
        if trims {
            let rest = self.rest();
            self.skip(rest.len() - rest.trim_start_matches(SPACES).len());
        }
    }

    /// Everything up to and with the `}}`.
    fn action(&mut self) -> Result<(), TemplateError> {
        let opened = self.line;
        loop {
            if self.closes() {
                self.close();
                return Ok(());
            }
            let Some(next) = self.peek() else {
                return Err(TemplateError::new(opened, "an action is not closed: `}}` is missing"));
            };
            match next {
                ' ' | '\t' | '\r' | '\n' => self.space(),
                '|' => self.push(Kind::Pipe, 1),
                '(' => self.push(Kind::LeftParen, 1),
                ')' => self.push(Kind::RightParen, 1),
                ',' => self.push(Kind::Comma, 1),
                '=' => self.push(Kind::Assign, 1),
                ':' if self.rest().starts_with(":=") => self.push(Kind::Declare, 2),
                '"' => self.quoted(Kind::Quoted, '"')?,
                '\'' => self.quoted(Kind::Char, '\'')?,
                '`' => self.raw()?,
                '$' => self.name(Kind::Variable, 1)?,
                '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
                '.' => self.name(Kind::Field, 1)?,
                '+' | '-' | '0'..='9' => self.number()?,
                other if is_name(other) => self.name(Kind::Word, 0)?,
                other => return self.fail(format!("{other:?} means nothing inside `{{{{ }}}}`")),
            }
        }
    }

    /// A run of spaces, but not the one of a ` -}}`.
    fn space(&mut self) {
        let mut length = 0;
        for byte in self.rest().bytes() {
            let here = &self.rest()[length..];
            if !here.starts_with(SPACES) || here[1..].starts_with("-}}") || byte > b' ' {
                break;
            }
            length += 1;
        }
        self.push(Kind::Space, length);
    }

    fn name(&mut self, kind: Kind, prefix: usize) -> Result<(), TemplateError> {
        let name = &self.rest()[prefix..];
        let length = name.find(|c: char| !is_name(c)).unwrap_or(name.len());
        let after = &name[length..];
        let ends = matches!(
            after.chars().next(),
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | '(' | ')')
        );
        if !ends && !after.starts_with("}}") {
            let bad = after.chars().next().unwrap_or(' ');
            return self.fail(format!(
                "`{}` is followed by {bad:?}: put a space between them",
                &self.rest()[..prefix + length]
            ));
        }
        let kind = if kind == Kind::Field && length == 0 { Kind::Dot } else { kind };
        self.push(kind, prefix + length);
        Ok(())
    }

    fn number(&mut self) -> Result<(), TemplateError> {
        let rest = self.rest();
        let hex = rest.trim_start_matches(['+', '-']).get(..2).is_some_and(|p| p.eq_ignore_ascii_case("0x"));
        let mut before = ' ';
        let mut length = 0;
        for next in rest.chars() {
            let exponent = if hex { matches!(before, 'p' | 'P') } else { matches!(before, 'e' | 'E') };
            let sign = matches!(next, '+' | '-') && (length == 0 || exponent);
            if !sign && !is_name(next) && next != '.' {
                break;
            }
            before = next;
            length += next.len_utf8();
        }
        if rest[length..].starts_with(['+', '-']) {
            return self
                .fail(format!("`{}` is not a number: there is no arithmetic, use `add`", &rest[..=length]));
        }
        self.push(Kind::Number, length);
        Ok(())
    }

    fn quoted(&mut self, kind: Kind, quote: char) -> Result<(), TemplateError> {
        let mut escaped = false;
        for (length, next) in self.rest().char_indices().skip(1) {
            match next {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if next == quote => {
                    self.push(kind, length + 1);
                    return Ok(());
                }
                _ => {}
            }
        }
        self.fail(format!("a text in quotes is not closed: {quote} is missing in this line"))
    }

    fn raw(&mut self) -> Result<(), TemplateError> {
        match self.rest()[1..].find('`') {
            Some(length) => {
                self.push(Kind::Raw, length + 2);
                Ok(())
            }
            None => self.fail("a text in back quotes is not closed: ` is missing"),
        }
    }
}

/// Whether it can be part of a name.
fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

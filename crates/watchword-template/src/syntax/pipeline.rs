//! The parser's half inside of an action: pipelines, commands, operands.

use super::lexer::{Kind, Token};
use super::literal::{self, Number};
use super::parser::{KEYWORDS, Parser, fail, unexpected};
use super::tree::{Command, Operand, Pipeline};
use crate::error::{TemplateError, nearest};
use crate::functions;

impl<'s> Parser<'s> {
    /// Declarations and commands, up to and with `end`. At most `most` variables may be set.
    pub(super) fn pipeline(&mut self, end: Kind, most: usize) -> Result<Pipeline, TemplateError> {
        self.skip_space();
        let line = self.peek().line;
        let (names, declares) = self.targets(most)?;
        let mut slots = Vec::with_capacity(names.len());
        if !declares {
            for name in &names {
                slots.push(self.slot(name, line)?);
            }
        }
        let mut commands = Vec::new();
        loop {
            self.skip_space();
            if self.peek().kind == end {
                break;
            }
            let command = self.command(!commands.is_empty())?;
            let piped = self.next_solid();
            commands.push(command);
            match piped.kind {
                kind if kind == end => {
                    self.at -= 1;
                    break;
                }
                Kind::Pipe => {
                    self.skip_space();
                    if self.peek().kind == end {
                        break;
                    }
                }
                _ => return unexpected(piped, "a pipeline"),
            }
        }
        self.next();
        if commands.is_empty() {
            return fail(line, "a value is missing");
        }
        // Only now: what is on the right does not see what is on the left.
        if declares {
            slots.extend(self.variables.len()..self.variables.len() + names.len());
            self.variables.extend(names);
        }
        Ok(Pipeline { line, slots, commands })
    }

    /// `$x :=`, `$x =`, `$i, $x :=`: the names, and whether they are new.
    fn targets(&mut self, most: usize) -> Result<(Vec<&'s str>, bool), TemplateError> {
        let start = self.at;
        let mut names = Vec::new();
        while self.peek().kind == Kind::Variable {
            let name = self.next();
            self.skip_space();
            let after = self.peek();
            match after.kind {
                Kind::Assign | Kind::Declare => {
                    self.next();
                    names.push(name.text);
                    return Ok((names, after.kind == Kind::Declare));
                }
                Kind::Comma if names.len() + 1 < most => {
                    self.next();
                    self.skip_space();
                    names.push(name.text);
                }
                Kind::Comma => return fail(after.line, "two variables are set only by `range`"),
                _ if names.is_empty() => break,
                _ => return fail(after.line, "after `range $i, $x` comes `:=`"),
            }
        }
        if !names.is_empty() {
            return fail(self.peek().line, "after the comma comes a second variable");
        }
        self.at = start;
        Ok((names, false))
    }

    fn slot(&self, name: &str, line: u32) -> Result<usize, TemplateError> {
        self.variables.iter().rposition(|known| *known == name).ok_or_else(|| {
            let near = nearest(name, "", self.variables.iter().copied());
            TemplateError::new(line, format!("the variable `{name}` is not defined here{near}"))
        })
    }

    /// A head and its arguments. `piped`: the command before gives it one more.
    fn command(&mut self, piped: bool) -> Result<Command, TemplateError> {
        self.skip_space();
        let first = self.peek();
        let head = self.operand()?;
        let mut arguments = Vec::new();
        while self.peek().kind == Kind::Space {
            self.skip_space();
            if matches!(self.peek().kind, Kind::Pipe | Kind::Close | Kind::RightParen) {
                break;
            }
            arguments.push(self.operand()?);
            if let Some(Operand::Function(function)) = arguments.last() {
                function.accepts(0).or_else(|problem| fail(first.line, problem))?;
            }
        }
        let after = self.peek();
        if !matches!(after.kind, Kind::Pipe | Kind::Close | Kind::RightParen) {
            return unexpected(after, "a command");
        }
        let given = arguments.len() + usize::from(piped);
        match &head {
            Operand::Function(function) => {
                function.accepts(given).or_else(|problem| fail(first.line, problem))?;
            }
            Operand::Nil => return fail(first.line, "`nil` is not a command"),
            Operand::Fields(_) | Operand::Chain(..) => {}
            Operand::Variable(_, fields) if !fields.is_empty() => {}
            _ if given > 0 => {
                return fail(first.line, format!("`{}` is no function and takes no value", first.text));
            }
            _ => {}
        }
        Ok(Command { line: first.line, head, arguments })
    }

    /// A term and the fields right behind it.
    fn operand(&mut self) -> Result<Operand, TemplateError> {
        let first = self.peek();
        let term = self.term()?;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text[1..].into());
        }
        if fields.is_empty() {
            return Ok(term);
        }
        Ok(match term {
            Operand::Fields(mut known) => {
                known.append(&mut fields);
                Operand::Fields(known)
            }
            Operand::Variable(slot, _) => Operand::Variable(slot, fields),
            Operand::Parens(_) => Operand::Chain(Box::new(term), fields),
            Operand::Function(function) => {
                function.accepts(0).or_else(|problem| fail(first.line, problem))?;
                Operand::Chain(Box::new(term), fields)
            }
            _ => return fail(first.line, format!("`{}` has no fields", first.text)),
        })
    }

    fn term(&mut self) -> Result<Operand, TemplateError> {
        let token = self.next();
        let literal = |problem: String| TemplateError::new(token.line, problem);
        Ok(match token.kind {
            Kind::Dot => Operand::Dot,
            Kind::Field => Operand::Fields(vec![token.text[1..].into()]),
            Kind::Variable => Operand::Variable(self.slot(token.text, token.line)?, Vec::new()),
            Kind::Word => return word(token),
            Kind::Quoted | Kind::Raw => Operand::Text(literal::unquote(token.text).map_err(literal)?.into()),
            Kind::Char => {
                Operand::Int(i64::from(u32::from(literal::character(token.text).map_err(literal)?)))
            }
            Kind::Number => match literal::number(token.text).map_err(literal)? {
                Number::Int(int) => Operand::Int(int),
                Number::Float(float) => {
                    let whole = float.trunc() == float && float.abs() < 9.0e18;
                    Operand::Float(float, whole.then_some(float as i64))
                }
            },
            Kind::LeftParen => {
                self.deeper(token.line)?;
                let pipeline = self.pipeline(Kind::RightParen, 1)?;
                self.depth -= 1;
                Operand::Parens(Box::new(pipeline))
            }
            _ => return unexpected(token, "a value"),
        })
    }
}

/// A name that stands where a value does.
fn word(token: Token<'_>) -> Result<Operand, TemplateError> {
    match token.text {
        "true" => Ok(Operand::Bool(true)),
        "false" => Ok(Operand::Bool(false)),
        "nil" => Ok(Operand::Nil),
        keyword if KEYWORDS.contains(&keyword) => fail(token.line, format!("`{keyword}` is not a value")),
        name => match functions::find(name) {
            Some(function) => Ok(Operand::Function(function)),
            None => fail(token.line, functions::unknown(name)),
        },
    }
}

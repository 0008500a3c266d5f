//! From tokens to the tree.

use super::lexer::{Kind, Token, tokens};
use super::literal::{self, Number};
use super::tree::{Branch, Command, Definition, Node, Operand, Pipeline, Program};
use crate::error::{TemplateError, nearest};
use crate::functions;
use crate::limits::{MAX_NESTING, MAX_SOURCE};

/// Reads a whole source.
pub(crate) fn parse(source: &str) -> Result<Program, TemplateError> {
    if source.len() > MAX_SOURCE {
        return Err(TemplateError::new(1, format!("a template has at most {} KiB", MAX_SOURCE / 1024)));
    }
    let mut parser = Parser {
        tokens: tokens(source)?,
        at: 0,
        variables: vec!["$"],
        ranges: 0,
        depth: 0,
        templates: vec![Definition { name: "".into(), nodes: Vec::new() }],
    };
    let nodes = parser.source()?;
    parser.templates[0].nodes = nodes;
    let mut program = Program { templates: parser.templates };
    let names: Vec<Box<str>> = program.templates.iter().map(|t| t.name.clone()).collect();
    for template in &mut program.templates {
        resolve(&mut template.nodes, &names)?;
    }
    Ok(program)
}

/// Finds the templates that are called.
fn resolve(nodes: &mut [Node], names: &[Box<str>]) -> Result<(), TemplateError> {
    for node in nodes {
        match node {
            Node::Call { name, target, line, .. } => {
                *target =
                    names.iter().skip(1).position(|known| known == name).map(|i| i + 1).ok_or_else(|| {
                        let near = nearest(name, names.iter().skip(1).map(AsRef::as_ref));
                        TemplateError::new(*line, format!("there is no template \"{name}\"{near}"))
                    })?;
            }
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                resolve(&mut branch.then, names)?;
                resolve(&mut branch.otherwise, names)?;
            }
            Node::Text(..) | Node::Print(..) | Node::Break | Node::Continue => {}
        }
    }
    Ok(())
}

const KEYWORDS: &[&str] =
    &["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"];

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq)]
enum Ended {
    End,
    Else,
    /// `else if`, `else with`: the keyword is taken.
    ElseIf,
    ElseWith,
}

struct Parser<'s> {
    tokens: Vec<Token<'s>>,
    at: usize,
    /// By slot. What is behind the scope's end is cut off.
    variables: Vec<&'s str>,
    ranges: usize,
    depth: usize,
    templates: Vec<Definition>,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> Token<'s> {
        // The last token is `End` and is never passed.
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token<'s> {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    fn next_solid(&mut self) -> Token<'s> {
        self.skip_space();
        self.next()
    }

    fn expect(&mut self, kind: Kind, place: &str) -> Result<Token<'s>, TemplateError> {
        let token = self.next_solid();
        if token.kind == kind { Ok(token) } else { unexpected(token, place) }
    }

    fn deeper(&mut self, line: u32) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return fail(
                line,
                format!("actions and parentheses stand in each other more than {MAX_NESTING} deep"),
            );
        }
        Ok(())
    }

    /// The top level, where `define` may stand.
    fn source(&mut self) -> Result<Vec<Node>, TemplateError> {
        let mut nodes = Vec::new();
        loop {
            match self.peek().kind {
                Kind::End => return Ok(nodes),
                Kind::Open if self.opens("define") => self.define()?,
                _ => {
                    let line = self.peek().line;
                    if self.node(&mut nodes)?.is_some() {
                        return fail(line, "`else` or `end` without an action that it belongs to");
                    }
                }
            }
        }
    }

    /// Whether the action that comes next begins with `keyword`.
    fn opens(&self, keyword: &str) -> bool {
        let words = &self.tokens[self.at + 1..];
        words
            .iter()
            .find(|t| t.kind != Kind::Space)
            .is_some_and(|t| t.kind == Kind::Word && t.text == keyword)
    }

    fn define(&mut self) -> Result<(), TemplateError> {
        self.next();
        let line = self.next_solid().line;
        let name = self.template_name()?;
        self.expect(Kind::Close, "`define`")?;
        self.definition(name, line)
    }

    /// The body of `define` and `block`, which shares no variables with what is around it.
    fn definition(&mut self, name: String, line: u32) -> Result<(), TemplateError> {
        let variables = std::mem::replace(&mut self.variables, vec!["$"]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, ended) = self.list(line)?;
        self.variables = variables;
        self.ranges = ranges;
        if ended != Ended::End {
            return fail(line, "`define` and `block` have no `else`");
        }
        match self.templates.iter_mut().skip(1).find(|t| *t.name == name) {
            None => self.templates.push(Definition { name: name.into(), nodes }),
            Some(known) if is_empty(&known.nodes) => known.nodes = nodes,
            Some(_) if is_empty(&nodes) => {}
            Some(_) => return fail(line, format!("template \"{name}\" is defined twice")),
        }
        Ok(())
    }

    /// Nodes up to an `end` or `else`.
    fn list(&mut self, opened: u32) -> Result<(Vec<Node>, Ended), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            if self.peek().kind == Kind::End {
                return fail(opened, "this action is not closed: `{{end}}` is missing");
            }
            if let Some(ended) = self.node(&mut nodes)? {
                return Ok((nodes, ended));
            }
        }
    }

    /// One text or action; says when it was an `end` or `else` instead.
    fn node(&mut self, nodes: &mut Vec<Node>) -> Result<Option<Ended>, TemplateError> {
        let token = self.next_solid();
        match token.kind {
            Kind::Text => nodes.push(Node::Text(token.text.into(), token.line)),
            Kind::Open => {
                self.deeper(token.line)?;
                let ended = self.action(nodes)?;
                self.depth -= 1;
                return Ok(ended);
            }
            _ => return unexpected(token, "text"),
        }
        Ok(None)
    }

    fn action(&mut self, nodes: &mut Vec<Node>) -> Result<Option<Ended>, TemplateError> {
        self.skip_space();
        let token = self.peek();
        let keyword = if token.kind == Kind::Word { token.text } else { "" };
        let line = token.line;
        if KEYWORDS.contains(&keyword) && keyword != "nil" {
            self.next();
        }
        match keyword {
            "if" => nodes.push(Node::If(self.branch("if", line)?)),
            "with" => nodes.push(Node::With(self.branch("with", line)?)),
            "range" => nodes.push(Node::Range(self.branch("range", line)?)),
            "end" => {
                self.expect(Kind::Close, "`end`")?;
                return Ok(Some(Ended::End));
            }
            "else" => return self.otherwise().map(Some),
            "template" => nodes.push(self.call(line)?),
            "block" => nodes.push(self.block(line)?),
            "define" => return fail(line, "`define` may not stand inside another action"),
            "break" | "continue" => {
                self.expect(Kind::Close, "`break` and `continue`")?;
                if self.ranges == 0 {
                    return fail(line, format!("`{keyword}` outside `range`"));
                }
                nodes.push(if keyword == "break" { Node::Break } else { Node::Continue });
            }
            _ => {
                let pipeline = self.pipeline(Kind::Close, 1)?;
                nodes.push(Node::Print(pipeline, Box::default()));
            }
        }
        Ok(None)
    }

    fn otherwise(&mut self) -> Result<Ended, TemplateError> {
        let token = self.next_solid();
        match (token.kind, token.text) {
            (Kind::Close, _) => Ok(Ended::Else),
            (Kind::Word, "if") => Ok(Ended::ElseIf),
            (Kind::Word, "with") => Ok(Ended::ElseWith),
            _ => unexpected(token, "`else`"),
        }
    }

    /// `if`, `with` or `range` with all that belongs to it.
    fn branch(&mut self, keyword: &'static str, line: u32) -> Result<Branch, TemplateError> {
        let scope = self.variables.len();
        let ranges = keyword == "range";
        let pipeline = self.pipeline(Kind::Close, if ranges { 2 } else { 1 })?;
        self.ranges += usize::from(ranges);
        let (then, ended) = self.list(line)?;
        self.ranges -= usize::from(ranges);
        let otherwise = match (ended, keyword) {
            (Ended::End, _) => Vec::new(),
            (Ended::Else, _) => match self.list(line)? {
                (nodes, Ended::End) => nodes,
                _ => return fail(line, "this action has a second `else`"),
            },
            (Ended::ElseIf, "if") => vec![Node::If(self.branch_below("if", line)?)],
            (Ended::ElseWith, "with") => vec![Node::With(self.branch_below("with", line)?)],
            _ => {
                return fail(
                    line,
                    format!("`{keyword}` goes on with `else`, not with `else if` or `else with`"),
                );
            }
        };
        self.variables.truncate(scope);
        Ok(Branch { pipeline, then, otherwise })
    }

    /// An `else if` stands inside the `if` that it goes on.
    fn branch_below(&mut self, keyword: &'static str, line: u32) -> Result<Branch, TemplateError> {
        self.deeper(line)?;
        let branch = self.branch(keyword, line)?;
        self.depth -= 1;
        Ok(branch)
    }

    fn call(&mut self, line: u32) -> Result<Node, TemplateError> {
        let name = self.template_name()?.into();
        self.skip_space();
        let dot = if self.peek().kind == Kind::Close {
            self.next();
            None
        } else {
            Some(self.pipeline(Kind::Close, 1)?)
        };
        Ok(Node::Call { name, target: 0, dot, line })
    }

    fn block(&mut self, line: u32) -> Result<Node, TemplateError> {
        let name = self.template_name()?;
        let dot = Some(self.pipeline(Kind::Close, 1)?);
        self.definition(name.clone(), line)?;
        Ok(Node::Call { name: name.into(), target: 0, dot, line })
    }

    fn template_name(&mut self) -> Result<String, TemplateError> {
        let token = self.next_solid();
        match token.kind {
            Kind::Quoted | Kind::Raw => {
                literal::unquote(token.text).or_else(|problem| fail(token.line, problem))
            }
            _ => fail(token.line, "here goes the name of a template, in quotes"),
        }
    }

    /// Declarations and commands, up to and with `end`. At most `most` variables may be set.
    fn pipeline(&mut self, end: Kind, most: usize) -> Result<Pipeline, TemplateError> {
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
            let near = nearest(name, self.variables.iter().copied());
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

/// Whether nothing but space is in it.
fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| matches!(node, Node::Text(text, _) if text.trim_ascii().is_empty()))
}

fn fail<T>(line: u32, problem: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::new(line, problem))
}

fn unexpected<T>(token: Token<'_>, place: &str) -> Result<T, TemplateError> {
    match token.kind {
        Kind::End => fail(token.line, format!("the template ends inside {place}")),
        Kind::Close => fail(token.line, format!("`}}}}` comes too early in {place}")),
        Kind::Space => fail(token.line, format!("a space does not belong into {place}")),
        Kind::LeftParen => fail(token.line, format!("`(` is not expected in {place}: put a space before it")),
        _ => fail(token.line, format!("`{}` is not expected in {place}", token.text)),
    }
}

//! From tokens to the tree: texts and actions. What is inside of an action is read in [`super::pipeline`].

use super::lexer::{Kind, Token, tokens};
use super::literal;
use super::tree::{Branch, Definition, Node, Program};
use crate::error::{TemplateError, nearest};
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
                        let near = nearest(name, "", names.iter().skip(1).map(AsRef::as_ref));
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

pub(super) const KEYWORDS: &[&str] =
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

pub(super) struct Parser<'s> {
    tokens: Vec<Token<'s>>,
    pub(super) at: usize,
    /// By slot. What is behind the scope's end is cut off.
    pub(super) variables: Vec<&'s str>,
    ranges: usize,
    pub(super) depth: usize,
    templates: Vec<Definition>,
}

impl<'s> Parser<'s> {
    pub(super) fn peek(&self) -> Token<'s> {
        // The last token is `End` and is never passed.
        self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn next(&mut self) -> Token<'s> {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    pub(super) fn next_solid(&mut self) -> Token<'s> {
        self.skip_space();
        self.next()
    }

    fn expect(&mut self, kind: Kind, place: &str) -> Result<Token<'s>, TemplateError> {
        let token = self.next_solid();
        if token.kind == kind { Ok(token) } else { unexpected(token, place) }
    }

    pub(super) fn deeper(&mut self, line: u32) -> Result<(), TemplateError> {
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
}

/// Whether nothing but space is in it.
fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| matches!(node, Node::Text(text, _) if text.trim_ascii().is_empty()))
}

pub(super) fn fail<T>(line: u32, problem: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::new(line, problem))
}

pub(super) fn unexpected<T>(token: Token<'_>, place: &str) -> Result<T, TemplateError> {
    match token.kind {
        Kind::End => fail(token.line, format!("the template ends inside {place}")),
        Kind::Close => fail(token.line, format!("`}}}}` comes too early in {place}")),
        Kind::Space => fail(token.line, format!("a space does not belong into {place}")),
        Kind::LeftParen => fail(token.line, format!("`(` is not expected in {place}: put a space before it")),
        _ => fail(token.line, format!("`{}` is not expected in {place}", token.text)),
    }
}

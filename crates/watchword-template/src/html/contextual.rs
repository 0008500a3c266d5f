//! Follows the context through a program, and puts escapers where values are printed.

use std::collections::HashMap;

use super::context::{Context, Quote, Slash, State};
use super::{inserted, markup};
use crate::error::TemplateError;
use crate::limits::{MAX_DEPTH, MAX_DERIVED};
use crate::syntax::tree::{Branch, Definition, Node, Pipeline, Program};

/// How many nodes may be looked at: a loop is looked at twice, loops in loops four times.
const MAX_NODES: usize = 100_000;

/// The program with all that it prints escaped.
pub(crate) fn escape(program: &Program) -> Result<Program, TemplateError> {
    let mut walk = Walk {
        program,
        done: Vec::new(),
        known: HashMap::new(),
        loops: Vec::new(),
        nodes: 0,
        depth: 0,
        recursive: Vec::new(),
    };
    let (_, end) = walk.template(0, Context::default(), 1)?;
    if end.state != State::Text {
        return fail(1, format!("the template ends inside {}: something is not closed", end.place()));
    }
    Ok(Program { templates: walk.done })
}

struct Walk<'p> {
    program: &'p Program,
    /// One for each context that a template is called in.
    done: Vec<Definition>,
    known: HashMap<(usize, Context), (usize, Context)>,
    /// The contexts at `break` and `continue`, for each loop around.
    loops: Vec<Vec<Context>>,
    nodes: usize,
    depth: usize,
    /// Those of `done` that were called before their end was known.
    recursive: Vec<usize>,
}

impl Walk<'_> {
    /// A template called in `context`: where it is in the new program, and the context behind it.
    fn template(
        &mut self,
        target: usize,
        context: Context,
        line: u32,
    ) -> Result<(usize, Context), TemplateError> {
        if let Some((index, end)) = self.known.get(&(target, context)) {
            self.recursive.push(*index);
            return Ok((*index, *end));
        }
        if self.done.len() >= MAX_DERIVED {
            return fail(line, format!("templates are called in more than {MAX_DERIVED} places of HTML"));
        }
        let Some(definition) = self.program.templates.get(target) else {
            return fail(line, "there is no such template");
        };
        let mut nodes = definition.nodes.clone();
        let index = self.done.len();
        self.done.push(Definition { name: definition.name.clone(), nodes: Vec::new() });
        // A template that calls itself is taken to end where it began.
        self.known.insert((target, context), (index, context));
        let loops = std::mem::take(&mut self.loops);
        let end = self.list(context, &mut nodes)?;
        self.loops = loops;
        if end != context && self.recursive.contains(&index) {
            return fail(
                line,
                format!("template \"{}\" calls itself, and does not end where it began", definition.name),
            );
        }
        self.done[index].nodes = nodes;
        self.known.insert((target, context), (index, end));
        Ok((index, end))
    }

    fn list(&mut self, mut context: Context, nodes: &mut Vec<Node>) -> Result<Context, TemplateError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail(
                1,
                format!(
                    "templates that call each other, and what stands in them, go more than {MAX_DEPTH} deep"
                ),
            );
        }
        for at in 0..nodes.len() {
            context = self.node(context, &mut nodes[at])?;
            if context.state == State::Dead {
                // What is never reached is never escaped: it goes.
                nodes.truncate(at + 1);
                break;
            }
        }
        self.depth -= 1;
        Ok(context)
    }

    fn node(&mut self, context: Context, node: &mut Node) -> Result<Context, TemplateError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return fail(1, "loops in loops, or templates in templates, are too many to follow");
        }
        match node {
            Node::Text(source, line) => {
                let (end, changed) = text(context, source, *line)?;
                if let Some(changed) = changed {
                    *source = changed.into();
                }
                Ok(end)
            }
            Node::Print(pipeline, _) if !pipeline.slots.is_empty() => Ok(context),
            Node::Print(pipeline, escapers) => {
                let (end, found) = print(context, pipeline)?;
                *escapers = found;
                Ok(end)
            }
            Node::If(branch) | Node::With(branch) => {
                let then = self.list(context, &mut branch.then)?;
                let otherwise = self.list(context, &mut branch.otherwise)?;
                join(then, otherwise, branch.pipeline.line)
            }
            Node::Range(branch) => self.range(context, branch),
            Node::Call { target, line, .. } => {
                let (index, end) = self.template(*target, context, *line)?;
                *target = index;
                Ok(end)
            }
            Node::Break | Node::Continue => {
                if let Some(exits) = self.loops.last_mut() {
                    exits.push(context);
                }
                Ok(Context::of(State::Dead))
            }
        }
    }

    /// A loop may run once, many times or not at all, and has to end where it began.
    fn range(&mut self, context: Context, branch: &mut Branch) -> Result<Context, TemplateError> {
        let line = branch.pipeline.line;
        let mut again = branch.then.clone();
        let once = self.round(context, &mut branch.then, line)?;
        let twice = if once == context { once } else { self.round(once, &mut again, line)? };
        let end = join(once, twice, line)?;
        let otherwise = self.list(context, &mut branch.otherwise)?;
        join(end, otherwise, line)
    }

    fn round(
        &mut self,
        context: Context,
        nodes: &mut Vec<Node>,
        line: u32,
    ) -> Result<Context, TemplateError> {
        self.loops.push(Vec::new());
        let end = self.list(context, nodes)?;
        let exits = self.loops.pop().unwrap_or_default();
        exits.into_iter().try_fold(end, |end, exit| join(end, exit, line))
    }
}

fn join(left: Context, right: Context, line: u32) -> Result<Context, TemplateError> {
    left.join(right).ok_or_else(|| {
        let (left, right) = (left.place(), right.place());
        let ends = if left == right {
            format!("in different places of {left}")
        } else {
            format!("in {left} and in {right}")
        };
        TemplateError::new(line, format!("the branches of this action end {ends}: let both end alike"))
    })
}

/// What a printed value needs, and the context behind it.
fn print(context: Context, pipeline: &mut Pipeline) -> Result<(Context, super::Escapers), TemplateError> {
    let line = pipeline.line;
    let here = context.nudged();
    inserted::check_own(pipeline, here).or_else(|problem| fail(line, problem))?;
    let wanted = inserted::wanted(here).or_else(|problem| fail(line, problem))?;
    let escapers = inserted::insert(pipeline, wanted);
    let end = match here.state {
        // Behind a value a slash divides.
        State::Script => Context { slash: Slash::Division, ..here },
        State::Tag => Context { state: State::AttributeName, ..here },
        _ => here,
    };
    Ok((end, escapers))
}

/// The context behind a text, and the text without comments and with lone `<` escaped, where that changes it.
fn text(mut context: Context, source: &str, line: u32) -> Result<(Context, Option<String>), TemplateError> {
    let (mut at, mut written) = (0, 0);
    let mut out = String::new();
    while at < source.len() {
        let line = line + u32::try_from(source[..at].matches('\n').count()).unwrap_or(0);
        let (next, length) = markup::step(context, &source[at..]).or_else(|problem| fail(line, problem))?;
        let end = at + length;
        if matches!(context.state, State::Text | State::Rcdata) {
            let tag = if next.state == context.state { None } else { source[at..end].rfind('<') };
            for (lone, _) in source[at..tag.map_or(end, |tag| at + tag)].match_indices('<') {
                let lone = at + lone;
                if !is_doctype(&source[lone..]) {
                    out.push_str(&source[written..lone]);
                    out.push_str("&lt;");
                    written = lone + 1;
                }
            }
        } else if context.state.is_comment() && context.quote == Quote::None {
            match context.state {
                State::ScriptBlockComment
                    if source[written..end].contains(['\n', '\r', '\u{2028}', '\u{2029}']) =>
                {
                    out.push('\n');
                }
                State::ScriptBlockComment | State::StyleBlockComment => out.push(' '),
                _ => {}
            }
            written = end;
        }
        if context.state != next.state && next.state.is_comment() && next.quote == Quote::None {
            let opening = match next.state {
                State::Comment | State::ScriptOpenComment => 4,
                State::ScriptCloseComment => 3,
                _ => 2,
            };
            out.push_str(source.get(written..end.saturating_sub(opening)).unwrap_or(""));
            written = end;
        }
        if context.state.is_script_literal() {
            for (open, _) in
                source[at..end].match_indices('<').filter(|(open, _)| is_script_tag(&source[at + open..end]))
            {
                out.push_str(&source[written..at + open]);
                out.push_str("\\x3C");
                written = at + open + 1;
            }
        }
        if length == 0 && next == context {
            return fail(line, "this HTML can't be followed");
        }
        (context, at) = (next, end);
    }
    if written == 0 {
        return Ok((context, None));
    }
    if !context.state.is_comment() || context.quote != Quote::None {
        out.push_str(&source[written..]);
    }
    Ok((context, Some(out)))
}

fn is_doctype(text: &str) -> bool {
    text.as_bytes().get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!DOCTYPE"))
}

/// `<script`, `</script` or `<!--`, which would confuse a browser even inside of a script's text.
fn is_script_tag(text: &str) -> bool {
    let starts =
        |tag: &[u8]| text.as_bytes().get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    starts(b"<script") || starts(b"</script") || starts(b"<!--")
}

fn fail<T>(line: u32, problem: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError::new(line, problem))
}

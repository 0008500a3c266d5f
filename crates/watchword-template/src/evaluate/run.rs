//! Walks the tree and prints.

use jiff::Timestamp;

use super::field;
use super::item::Item;
use crate::error::{Problem, TemplateError};
use crate::format::print;
use crate::functions::{Body, Call, Function, Wants};
use crate::html::{Escaper, escapers_write};
use crate::limits::{MAX_DEPTH, MAX_OUTPUT, MAX_STEPS};
use crate::syntax::tree::{Branch, Command, Node, Operand, Pipeline, Program};

/// What `program` prints for `data`.
pub(crate) fn render(program: &Program, data: &Item<'_>, now: Timestamp) -> Result<String, TemplateError> {
    let size = program.templates.first().map_or(0, |main| main.nodes.iter().map(length).sum());
    let mut run = Run {
        program,
        now,
        out: String::with_capacity(size),
        variables: vec![data.clone()],
        frame: 0,
        steps: 0,
        depth: 0,
    };
    if let Some(main) = program.templates.first() {
        run.list(&main.nodes, data)?;
    }
    Ok(run.out)
}

/// A guess at how much a node prints.
fn length(node: &Node) -> usize {
    match node {
        Node::Text(text, _) => text.len(),
        _ => 32,
    }
}

/// Where to go on behind a node.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'a> {
    program: &'a Program,
    now: Timestamp,
    out: String,
    /// Of all templates that call each other; the running one's begin at `frame`.
    variables: Vec<Item<'a>>,
    frame: usize,
    steps: u32,
    depth: usize,
}

type Value<'a> = Result<Item<'a>, TemplateError>;

impl<'a> Run<'a> {
    fn list(&mut self, nodes: &'a [Node], dot: &Item<'a>) -> Result<Flow, TemplateError> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &'a Node, dot: &Item<'a>) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(text, line) => {
                self.spend(*line, 1)?;
                self.out.push_str(text);
                self.check_length(*line)?;
            }
            Node::Print(pipeline, escapers) => {
                let item = self.pipeline(pipeline, dot)?;
                if pipeline.slots.is_empty() {
                    self.print(&item, escapers, pipeline.line)?;
                }
            }
            Node::If(branch) => return self.branch(branch, dot, false),
            Node::With(branch) => return self.branch(branch, dot, true),
            Node::Range(branch) => return self.range(branch, dot),
            Node::Call { target, dot: given, line, .. } => {
                let dot = match given {
                    Some(pipeline) => self.pipeline(pipeline, dot)?,
                    None => Item::Nil,
                };
                self.call(*target, &dot, *line)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn print(&mut self, item: &Item<'a>, escapers: &[Escaper], line: u32) -> Result<(), TemplateError> {
        let printed = match (item, escapers) {
            (Item::Text(text), []) => {
                self.out.push_str(text);
                Ok(())
            }
            (Item::Nil, []) => {
                self.out.push_str("<no value>");
                Ok(())
            }
            (item, []) => print::write(&mut self.out, item),
            (item, escapers) => escapers_write(&mut self.out, item, escapers),
        };
        printed.or_else(|problem| fail(line, problem))?;
        self.check_length(line)
    }

    fn check_length(&self, line: u32) -> Result<(), TemplateError> {
        if self.out.len() > MAX_OUTPUT {
            return fail(line, format!("it prints more than {} KiB", MAX_OUTPUT / 1024));
        }
        Ok(())
    }

    fn spend(&mut self, line: u32, steps: usize) -> Result<(), TemplateError> {
        self.steps = self.steps.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        if self.steps > MAX_STEPS {
            return fail(
                line,
                format!(
                    "it does not end within {MAX_STEPS} steps: is there an endless `range`, or a template that calls itself?"
                ),
            );
        }
        Ok(())
    }

    fn deeper(&mut self, line: u32) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail(
                line,
                format!("it goes more than {MAX_DEPTH} deep: does a template call itself without end?"),
            );
        }
        Ok(())
    }

    fn branch(&mut self, branch: &'a Branch, dot: &Item<'a>, with: bool) -> Result<Flow, TemplateError> {
        self.deeper(branch.pipeline.line)?;
        let item = self.pipeline(&branch.pipeline, dot)?;
        let flow = if item.is_true() {
            self.list(&branch.then, if with { &item } else { dot })
        } else {
            self.list(&branch.otherwise, dot)
        };
        self.depth -= 1;
        flow
    }

    fn range(&mut self, branch: &'a Branch, dot: &Item<'a>) -> Result<Flow, TemplateError> {
        let line = branch.pipeline.line;
        self.deeper(line)?;
        let slots = &branch.pipeline.slots;
        let item = self.commands(&branch.pipeline, dot)?;
        let mut ran = false;
        match item {
            Item::Nil => {}
            Item::Int(_) | Item::Duration(_) if slots.len() > 1 => {
                return fail(line, "`range` over a number sets one variable, not two");
            }
            // Go counts a length of time in nanoseconds here too.
            Item::Int(count) | Item::Duration(count) => {
                for at in 0..count {
                    ran = true;
                    if !self.round(branch, Item::Nil, &Item::Int(at))? {
                        break;
                    }
                }
            }
            Item::List(list) => {
                for at in 0..list.len() {
                    let element = list.get(at).unwrap_or(Item::Nil);
                    ran = true;
                    if !self.round(branch, Item::Int(at as i64), &element)? {
                        break;
                    }
                }
            }
            Item::Map(map) => {
                for (key, element) in map.entries() {
                    ran = true;
                    if !self.round(branch, Item::Text(key), &element)? {
                        break;
                    }
                }
            }
            other => return fail(line, format!("`range` can't go over {}", other.kind())),
        }
        let flow = if ran { Ok(Flow::On) } else { self.list(&branch.otherwise, dot) };
        self.depth -= 1;
        flow
    }

    /// One element of a range. False after `break`.
    fn round(
        &mut self,
        branch: &'a Branch,
        key: Item<'a>,
        element: &Item<'a>,
    ) -> Result<bool, TemplateError> {
        self.spend(branch.pipeline.line, 1)?;
        match branch.pipeline.slots.as_slice() {
            [slot] => self.set(*slot, element.clone()),
            [first, second] => {
                self.set(*first, key);
                self.set(*second, element.clone());
            }
            _ => {}
        }
        Ok(self.list(&branch.then, element)? != Flow::Break)
    }

    fn call(&mut self, target: usize, dot: &Item<'a>, line: u32) -> Result<(), TemplateError> {
        let program: &'a Program = self.program;
        let Some(template) = program.templates.get(target) else {
            return fail(line, "there is no such template");
        };
        self.deeper(line)?;
        self.spend(line, 1)?;
        let frame = std::mem::replace(&mut self.frame, self.variables.len());
        self.variables.push(dot.clone());
        self.list(&template.nodes, dot)?;
        self.variables.truncate(self.frame);
        self.frame = frame;
        self.depth -= 1;
        Ok(())
    }

    fn set(&mut self, slot: usize, item: Item<'a>) {
        let slot = self.frame + slot;
        if slot >= self.variables.len() {
            self.variables.resize(slot + 1, Item::Nil);
        }
        self.variables[slot] = item;
    }

    fn variable(&self, slot: usize) -> Item<'a> {
        self.variables.get(self.frame + slot).cloned().unwrap_or(Item::Nil)
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Item<'a>) -> Value<'a> {
        let item = self.commands(pipeline, dot)?;
        for slot in &pipeline.slots {
            self.set(*slot, item.clone());
        }
        Ok(item)
    }

    fn commands(&mut self, pipeline: &'a Pipeline, dot: &Item<'a>) -> Value<'a> {
        let mut item = None;
        for command in &pipeline.commands {
            item = Some(self.command(command, dot, item)?);
        }
        Ok(item.unwrap_or(Item::Nil))
    }

    /// `piped`: the value of the command before, which comes as the last argument.
    fn command(&mut self, command: &'a Command, dot: &Item<'a>, piped: Option<Item<'a>>) -> Value<'a> {
        let line = command.line;
        self.spend(line, 1)?;
        match &command.head {
            Operand::Function(function) => self.function(function, &command.arguments, dot, piped, line),
            head if command.arguments.is_empty() && piped.is_none() => self.operand(head, dot, line),
            head => {
                let mut arguments = Vec::with_capacity(command.arguments.len() + 1);
                for argument in &command.arguments {
                    arguments.push(self.operand(argument, dot, line)?);
                }
                arguments.extend(piped);
                let (item, fields) = match head {
                    Operand::Fields(fields) => (dot.clone(), fields),
                    Operand::Variable(slot, fields) => (self.variable(*slot), fields),
                    Operand::Chain(inner, fields) => (self.operand(inner, dot, line)?, fields),
                    _ => return fail(line, "a value that is no function was given a value"),
                };
                let Some((last, before)) = fields.split_last() else { return Ok(item) };
                let item = walk(item, before, line)?;
                if matches!(item, Item::Nil) {
                    return fail(
                        line,
                        format!("`.{last}` is given a value, but what it is asked of is nothing"),
                    );
                }
                field::get(&item, last, &arguments).or_else(|problem| fail(line, problem))
            }
        }
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Item<'a>, line: u32) -> Value<'a> {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Item::Nil),
            Operand::Bool(truth) => Ok(Item::Bool(*truth)),
            Operand::Int(int) => Ok(Item::Int(*int)),
            Operand::Float(float, _) => Ok(Item::Float(*float)),
            Operand::Text(text) => Ok(Item::text(&**text)),
            Operand::Fields(fields) => walk_from(dot, fields, line),
            Operand::Variable(slot, fields) if fields.is_empty() => Ok(self.variable(*slot)),
            Operand::Variable(slot, fields) => walk(self.variable(*slot), fields, line),
            Operand::Function(function) => self.function(function, &[], dot, None, line),
            Operand::Parens(pipeline) => {
                self.deeper(pipeline.line)?;
                let item = self.pipeline(pipeline, dot)?;
                self.depth -= 1;
                Ok(item)
            }
            Operand::Chain(inner, fields) => {
                let item = self.operand(inner, dot, line)?;
                walk(item, fields, line)
            }
        }
    }

    fn function(
        &mut self,
        function: &'static Function,
        arguments: &'a [Operand],
        dot: &Item<'a>,
        piped: Option<Item<'a>>,
        line: u32,
    ) -> Value<'a> {
        let body = match &function.body {
            Body::Plain(body) => body,
            Body::Until(truth) => {
                let mut item = Item::Nil;
                for argument in arguments {
                    self.spend(line, 1)?;
                    item = self.operand(argument, dot, line)?;
                    if item.is_true() == *truth {
                        return Ok(item);
                    }
                }
                return Ok(piped.unwrap_or(item));
            }
        };
        let mut items = Vec::with_capacity(arguments.len() + 1);
        for (index, argument) in arguments.iter().enumerate() {
            items.push(match argument {
                Operand::Float(_, Some(whole)) if function.wants(index) == Wants::Int => Item::Int(*whole),
                argument => self.operand(argument, dot, line)?,
            });
        }
        items.extend(piped);
        let mut size = 0;
        for (index, item) in items.iter().enumerate() {
            function.check(index, item).or_else(|problem| fail(line, problem))?;
            size += 32 + item.size();
        }
        self.spend(line, size / 64)?;
        let item = body(&Call { items: &items, now: self.now }).or_else(|problem| fail(line, problem))?;
        if let Item::Text(text) = &item
            && text.len() > MAX_OUTPUT
        {
            return fail(
                line,
                format!("`{}` makes a text of more than {} KiB", function.name, MAX_OUTPUT / 1024),
            );
        }
        self.spend(line, item.size() / 64)?;
        Ok(item)
    }
}

/// The field of a field of `item`.
fn walk<'a>(item: Item<'a>, fields: &[Box<str>], line: u32) -> Value<'a> {
    match fields {
        [] => Ok(item),
        fields => walk_from(&item, fields, line),
    }
}

fn walk_from<'a>(item: &Item<'a>, fields: &[Box<str>], line: u32) -> Value<'a> {
    let Some((first, rest)) = fields.split_first() else { return Ok(item.clone()) };
    let mut found = field::get(item, first, &[]).or_else(|problem| fail(line, problem))?;
    // Go tells a field that is there, and nothing, from one that is not there: only the latter may be asked for fields.
    let mut nothing = !rest.is_empty() && is_nothing(item, first);
    for name in rest {
        if nothing {
            return fail(line, format!("`.{name}` is asked of a field that is nothing"));
        }
        nothing = is_nothing(&found, name);
        found = field::get(&found, name, &[]).or_else(|problem| fail(line, problem))?;
    }
    Ok(found)
}

fn is_nothing(item: &Item<'_>, name: &str) -> bool {
    matches!(item, Item::Map(map) if matches!(map.get(name), Some(Item::Nil)))
}

fn fail<T>(line: u32, problem: impl Into<Problem>) -> Result<T, TemplateError> {
    Err(TemplateError::new(line, problem.into()))
}

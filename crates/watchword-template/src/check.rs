//! Looks at every branch of a template with samples at hand: which fields are known where.

use std::collections::BTreeMap;

use crate::error::{TemplateError, nearest};
use crate::evaluate::field;
use crate::syntax::tree::{Branch, Node, Operand, Pipeline, Program};
use crate::value::Value;

/// Walks everything that `program` could do with data like `sample`.
pub(crate) fn check(program: &Program, sample: &Value) -> Result<(), TemplateError> {
    let mut walk = Walk { program, seen: vec![Vec::new(); program.templates.len()] };
    walk.template(0, Shape::Known(sample))
}

/// What is known of a value.
#[derive(Clone, Copy)]
enum Shape<'v> {
    Known(&'v Value),
    Unknown,
}

struct Walk<'p, 'v> {
    program: &'p Program,
    /// The shapes of dot that each template was walked with.
    seen: Vec<Vec<Shape<'v>>>,
}

/// What variables are, by slot. Only `$`, and those that are set once, are followed.
type Variables<'v> = BTreeMap<usize, Shape<'v>>;

impl<'v> Walk<'_, 'v> {
    fn template(&mut self, target: usize, dot: Shape<'v>) -> Result<(), TemplateError> {
        let (Some(template), Some(seen)) = (self.program.templates.get(target), self.seen.get_mut(target))
        else {
            return Ok(());
        };
        let same = |other: &Shape<'v>| match (dot, other) {
            (Shape::Known(a), Shape::Known(b)) => std::ptr::eq(a, *b),
            (Shape::Unknown, Shape::Unknown) => true,
            _ => false,
        };
        // A template that was walked with several is walked without knowledge from then on: this has to end.
        if seen.iter().any(same) || seen.len() > 8 {
            return Ok(());
        }
        seen.push(dot);
        let nodes = &template.nodes;
        self.list(nodes, dot, &mut Variables::from([(0, dot)]))
    }

    fn list(
        &mut self,
        nodes: &[Node],
        dot: Shape<'v>,
        variables: &mut Variables<'v>,
    ) -> Result<(), TemplateError> {
        for node in nodes {
            match node {
                Node::Text(..) | Node::Break | Node::Continue => {}
                Node::Print(pipeline, _) => {
                    self.pipeline(pipeline, dot, variables)?;
                }
                Node::If(branch) => {
                    self.pipeline(&branch.pipeline, dot, variables)?;
                    self.branch(branch, dot, dot, variables)?;
                }
                Node::With(branch) => {
                    let inside = self.pipeline(&branch.pipeline, dot, variables)?;
                    self.branch(branch, inside, dot, variables)?;
                }
                Node::Range(branch) => {
                    let list = self.pipeline(&branch.pipeline, dot, variables)?;
                    for slot in &branch.pipeline.slots {
                        variables.insert(*slot, Shape::Unknown);
                    }
                    let element = match list {
                        Shape::Known(Value::List(items)) => {
                            items.first().map_or(Shape::Unknown, Shape::Known)
                        }
                        _ => Shape::Unknown,
                    };
                    self.branch(branch, element, dot, variables)?;
                }
                Node::Call { target, dot: given, .. } => {
                    let inside = match given {
                        Some(pipeline) => self.pipeline(pipeline, dot, variables)?,
                        None => Shape::Unknown,
                    };
                    self.template(*target, inside)?;
                }
            }
        }
        Ok(())
    }

    fn branch(
        &mut self,
        branch: &Branch,
        inside: Shape<'v>,
        outside: Shape<'v>,
        variables: &mut Variables<'v>,
    ) -> Result<(), TemplateError> {
        self.list(&branch.then, inside, variables)?;
        self.list(&branch.otherwise, outside, variables)
    }

    fn pipeline(
        &self,
        pipeline: &Pipeline,
        dot: Shape<'v>,
        variables: &mut Variables<'v>,
    ) -> Result<Shape<'v>, TemplateError> {
        let mut shape = Shape::Unknown;
        for command in &pipeline.commands {
            let called = !command.arguments.is_empty();
            shape = self.operand(&command.head, dot, variables, command.line)?;
            for argument in &command.arguments {
                self.operand(argument, dot, variables, command.line)?;
            }
            if called {
                shape = Shape::Unknown;
            }
        }
        for slot in &pipeline.slots {
            // Set for a second time, it could be either.
            let known = if variables.contains_key(slot) { Shape::Unknown } else { shape };
            variables.insert(*slot, known);
        }
        Ok(shape)
    }

    fn operand(
        &self,
        operand: &Operand,
        dot: Shape<'v>,
        variables: &mut Variables<'v>,
        line: u32,
    ) -> Result<Shape<'v>, TemplateError> {
        match operand {
            Operand::Dot => Ok(dot),
            Operand::Fields(fields) => self.fields(dot, fields, line),
            Operand::Variable(slot, fields) => {
                let known = variables.get(slot).copied().unwrap_or(Shape::Unknown);
                self.fields(known, fields, line)
            }
            Operand::Parens(pipeline) => self.pipeline(pipeline, dot, variables),
            Operand::Chain(inner, fields) => {
                let known = self.operand(inner, dot, variables, line)?;
                self.fields(known, fields, line)
            }
            Operand::Nil
            | Operand::Bool(_)
            | Operand::Int(_)
            | Operand::Float(..)
            | Operand::Text(_)
            | Operand::Function(_) => Ok(Shape::Unknown),
        }
    }

    fn fields(
        &self,
        mut shape: Shape<'v>,
        fields: &[Box<str>],
        line: u32,
    ) -> Result<Shape<'v>, TemplateError> {
        for name in fields {
            let Shape::Known(value) = shape else { return Ok(Shape::Unknown) };
            let known: Vec<&str> = match value {
                Value::Map(fields) => {
                    if let Some(value) = fields.get(&**name) {
                        shape = Shape::Known(value);
                        continue;
                    }
                    fields.keys().map(String::as_str).collect()
                }
                Value::Duration(_) => {
                    if field::DURATION.contains(&&**name) {
                        return Ok(Shape::Unknown);
                    }
                    field::DURATION.to_vec()
                }
                _ => Vec::new(),
            };
            let near = nearest(name, ".", known);
            return Err(TemplateError::new(line, format!("there is no field `.{name}` here{near}")));
        }
        Ok(shape)
    }
}

/// Whether `program` could look at the field `name` of its data.
pub(crate) fn uses(program: &Program, name: &str) -> bool {
    program.templates.iter().any(|template| template.nodes.iter().any(|node| node_uses(node, name)))
}

fn node_uses(node: &Node, name: &str) -> bool {
    match node {
        Node::Text(..) | Node::Break | Node::Continue => false,
        Node::Print(pipeline, _) => pipeline_uses(pipeline, name),
        Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
            pipeline_uses(&branch.pipeline, name)
                || branch.then.iter().chain(&branch.otherwise).any(|node| node_uses(node, name))
        }
        // The dot that it is given is looked at where it is used.
        Node::Call { dot, .. } => dot.as_ref().is_some_and(|pipeline| match pipeline.commands.as_slice() {
            [only] if only.arguments.is_empty() && whole(&only.head) => false,
            _ => pipeline_uses(pipeline, name),
        }),
    }
}

fn pipeline_uses(pipeline: &Pipeline, name: &str) -> bool {
    let commands = pipeline.commands.iter();
    commands
        .flat_map(|command| std::iter::once(&command.head).chain(&command.arguments))
        .any(|operand| uses_in(operand, name))
}

fn uses_in(operand: &Operand, name: &str) -> bool {
    match operand {
        // Given whole, anything could be taken from it.
        operand if whole(operand) => true,
        Operand::Fields(fields) | Operand::Variable(_, fields) => fields.iter().any(|field| **field == *name),
        Operand::Parens(pipeline) => pipeline_uses(pipeline, name),
        Operand::Chain(inner, fields) => fields.iter().any(|field| **field == *name) || uses_in(inner, name),
        _ => false,
    }
}

/// Dot itself, or `$`.
fn whole(operand: &Operand) -> bool {
    matches!(operand, Operand::Dot) || matches!(operand, Operand::Variable(0, fields) if fields.is_empty())
}

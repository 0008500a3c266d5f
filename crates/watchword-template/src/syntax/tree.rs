//! What a template is once it is read. Names are looked up: variables are slots, functions and templates are references.

use crate::functions::Function;
use crate::html::Escapers;

/// All templates of a source; the first is the source itself.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) templates: Vec<Definition>,
}

/// A template by its name.
#[derive(Clone)]
pub(crate) struct Definition {
    pub(crate) name: Box<str>,
    pub(crate) nodes: Vec<Node>,
}

/// A part of a template.
#[derive(Clone)]
pub(crate) enum Node {
    /// Printed as it is.
    Text(Box<str>, u32),
    /// A pipeline whose value is printed, unless it declares.
    Print(Pipeline, Escapers),
    If(Branch),
    With(Branch),
    Range(Branch),
    /// Another template, by its place in the program, with its dot.
    Call {
        name: Box<str>,
        target: usize,
        dot: Option<Pipeline>,
        line: u32,
    },
    Break,
    Continue,
}

/// What `if`, `with` and `range` have in common.
#[derive(Clone)]
pub(crate) struct Branch {
    pub(crate) pipeline: Pipeline,
    pub(crate) then: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands, each given the value of the one before.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) line: u32,
    /// Slots that its value goes to. Two only in `range`: the key and the element.
    pub(crate) slots: Vec<usize>,
    pub(crate) commands: Vec<Command>,
}

/// A value, or a function or method with its arguments.
#[derive(Clone)]
pub(crate) struct Command {
    pub(crate) line: u32,
    pub(crate) head: Operand,
    pub(crate) arguments: Vec<Operand>,
}

/// Something that has a value.
#[derive(Clone)]
pub(crate) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    /// With what it is as a whole number, where a function wants one.
    Float(f64, Option<i64>),
    Text(Box<str>),
    /// `.A.B`
    Fields(Vec<Box<str>>),
    /// `$x.A.B`
    Variable(usize, Vec<Box<str>>),
    /// As an argument: called without any.
    Function(&'static Function),
    Parens(Box<Pipeline>),
    /// `(…).A.B` or `f.A.B`
    Chain(Box<Operand>, Vec<Box<str>>),
}

//! A configuration of another product, put into our words: what that makes, whoever's it was.

use watchword_delivery::settings::Secret;

use super::problem::{Problem, dotted};
use super::tree::{Node, Origin};

/// A tree of ours that is being made.
pub(super) struct Translated {
    /// Their settings in our words.
    pub(super) root: Node,
    /// What they are called there.
    pub(super) renames: Renames,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What has no effect, and other things to know.
    pub(super) warnings: Vec<String>,
    /// What is wrong if nobody else says where the state is kept.
    pub(super) without_store: Option<Problem>,
    /// The secret that servers in its place have in common, where it is no setting of ours.
    pub(super) secret: Option<Secret>,
}

impl Translated {
    /// Nothing yet.
    pub(super) fn new(without_store: Option<Problem>) -> Self {
        Self {
            root: Node::table(Origin::BuiltIn),
            renames: Renames::default(),
            problems: Vec::new(),
            warnings: Vec::new(),
            without_store,
            secret: None,
        }
    }

    pub(super) fn problem(&mut self, origin: &Origin, key: &[String], text: impl Into<String>) {
        self.problems.push(Problem::new(origin.clone(), dotted(key), text.into()));
    }

    pub(super) fn warn(&mut self, origin: &Origin, key: &[String], text: impl Into<String>) {
        self.warnings.push(Problem::new(origin.clone(), dotted(key), text.into()).to_string());
    }

    /// Puts a setting of ours, and remembers what it is called there.
    pub(super) fn put(&mut self, ours: &[&str], theirs: &[String], node: Node) {
        self.renames.add(&node.origin, ours, dotted(theirs));
        self.root.insert(ours, node);
    }
}

/// What settings are called in the original.
#[derive(Default)]
pub(super) struct Renames(Vec<Rename>);

struct Rename {
    /// Where the value is. Ours of the same name may have been set elsewhere.
    origin: Origin,
    ours: String,
    theirs: String,
}

impl Renames {
    fn add(&mut self, origin: &Origin, ours: &[&str], theirs: String) {
        self.0.push(Rename { origin: origin.clone(), ours: dotted(ours), theirs });
    }

    /// The problem by the name that the person has written, if it is about something of theirs.
    pub(super) fn apply(&self, problem: Problem) -> Problem {
        let found = self.0.iter().filter_map(|rename| {
            let rest = problem.key().strip_prefix(&rename.ours)?;
            let is_there = problem.is_at(&rename.origin) && (rest.is_empty() || rest.starts_with('.'));
            is_there.then(|| (rename.ours.len(), format!("{}{rest}", rename.theirs)))
        });
        match found.max() {
            Some((_, key)) => problem.named(key),
            None => problem,
        }
    }
}

//! Settings from the environment: `WATCHWORD_GUESS__BURST` is `guess.burst`.

use std::ffi::OsString;
use std::sync::Arc;

use super::problem::Problem;
use super::tree::{Node, Origin};

const PREFIX: &str = "WATCHWORD_";

/// Variables that are no setting of their own section.
const CONFIG: &str = "WATCHWORD_CONFIG";
const KEY: &str = "WATCHWORD_KEY";
const STORE: &str = "WATCHWORD_STORE";
const SPECIAL: [&str; 3] = [CONFIG, KEY, STORE];

/// What the environment says.
#[derive(Default)]
pub(super) struct Environment {
    /// Variable and value, as set; in the order of their names, so that a start is like the one before.
    settings: Vec<(Arc<str>, String)>,
    /// The configuration file to read.
    pub(super) config: Option<String>,
    /// The master keys.
    pub(super) key: Option<String>,
    /// What looks like a mistake and can't be known to be one.
    pub(super) warnings: Vec<String>,
}

impl Environment {
    /// Reads the variables that are ours, in any case. An empty one counts as not set.
    pub(super) fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut environment = Self::default();
        let mut ours: Vec<(Arc<str>, OsString)> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_str()?.into(), value)))
            .filter(|(name, value): &(Arc<str>, _)| has_prefix(name) && !value.is_empty())
            .collect();
        ours.sort();
        for (name, value) in ours {
            match value.into_string() {
                Ok(value) => environment.add(name, value),
                Err(_) => {
                    let origin = Origin::Environment(name);
                    problems.push(Problem::new(origin, String::new(), "is not UTF-8 text".to_owned()));
                }
            }
        }
        environment
    }

    fn add(&mut self, name: Arc<str>, value: String) {
        match name.to_ascii_uppercase().as_str() {
            CONFIG => self.config = Some(value),
            KEY => self.key = Some(value),
            STORE => self.settings.push((name, value)),
            upper if upper.contains("__") => self.settings.push((name, value)),
            // Others may set what begins like ours: Kubernetes does for a service named `watchword`.
            upper => {
                let one_off = |meant: &&&str| strsim::damerau_levenshtein(upper, meant) == 1;
                if let Some(meant) = SPECIAL.iter().find(one_off) {
                    self.warnings.push(format!("{name} is not read; did you mean {meant}?"));
                }
            }
        }
    }

    /// Puts the settings over those of `root`.
    pub(super) fn apply(&self, root: &mut Node) {
        for (name, value) in &self.settings {
            let origin = Origin::Environment(Arc::clone(name));
            let lower = name[PREFIX.len()..].to_ascii_lowercase();
            let path = if lower == "store" { "store__url" } else { &lower };
            root.set(&path.split("__").collect::<Vec<_>>(), value.clone(), &origin);
        }
    }
}

fn has_prefix(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

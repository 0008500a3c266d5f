//! Settings from the environment: `WATCHWORD_GUESS__BURST` is `guess.burst`.

use std::ffi::OsString;
use std::sync::Arc;

use super::problem::Problem;
use super::tree::{Node, Origin};

const PREFIX: &str = "WATCHWORD_";

/// Variables that are no setting of their own section.
const CONFIG: &str = "WATCHWORD_CONFIG";
const KEY: &str = "WATCHWORD_KEY";
/// The token of a Telegram bot, for `watchword telegram` where no provider has one.
pub const TELEGRAM_TOKEN: &str = "WATCHWORD_TELEGRAM_TOKEN";
const SPECIAL: [&str; 5] = [CONFIG, KEY, TELEGRAM_TOKEN, "WATCHWORD_STORE", "WATCHWORD_LISTEN"];

/// Those of them that stand for a setting.
const SHORT: [(&str, &str); 2] = [("store", "store__url"), ("listen", "server__listen")];

/// Sections with settings of fixed names.
const SECTIONS: [&str; 11] =
    ["server", "admin", "store", "keys", "guess", "retention", "log", "telemetry", "otp", "perfumer", "egov"];

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
    pub(super) fn read(variables: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Self {
        let mut environment = Self::default();
        let mut ours: Vec<(&str, &OsString)> = variables
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value)))
            .filter(|(name, value)| has_prefix(name) && !value.is_empty())
            .collect();
        ours.sort_unstable();
        for (name, value) in ours {
            match value.to_str() {
                Some(value) => environment.add(name.into(), value.to_owned()),
                None => {
                    let origin = Origin::Environment(name.into());
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
            TELEGRAM_TOKEN => {}
            upper if SPECIAL.contains(&upper) || upper.contains("__") => self.settings.push((name, value)),
            upper if is_service_link(upper, &value) => {}
            upper => self.warnings.push(format!("{name} is not read; {}", meant(upper))),
        }
    }

    /// Puts the settings over those of `root`.
    pub(super) fn apply(&self, root: &mut Node) {
        for (name, value) in &self.settings {
            let origin = Origin::Environment(Arc::clone(name));
            let lower = name[PREFIX.len()..].to_ascii_lowercase();
            let path = SHORT.iter().find(|(short, _)| *short == lower).map_or(&*lower, |(_, path)| path);
            root.set(&path.split("__").collect::<Vec<_>>(), value.clone(), &origin);
        }
    }
}

fn has_prefix(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// What the person may have meant by a variable with our prefix.
fn meant(name: &str) -> String {
    let one_off = |meant: &&&str| strsim::damerau_levenshtein(name, meant) == 1;
    if let Some(special) = SPECIAL.iter().find(one_off) {
        return format!("did you mean {special}?");
    }
    let in_section = SECTIONS.iter().find_map(|section| {
        let key = name[PREFIX.len()..].strip_prefix(&section.to_ascii_uppercase())?.strip_prefix('_')?;
        Some(format!("did you mean {PREFIX}{}__{key}?", section.to_ascii_uppercase()))
    });
    in_section.unwrap_or_else(|| {
        "a setting's variable has two underscores for each dot, like WATCHWORD_GUESS__BURST".to_owned()
    })
}

/// Whether it is one of the variables that Kubernetes and Docker set for each service they know, which may be named like us:
/// `WATCHWORD_SERVICE_HOST`, `WATCHWORD_PORT=tcp://…`, `WATCHWORD_PORT_9000_TCP_ADDR`.
pub(super) fn is_service_link(name: &str, value: &str) -> bool {
    let of_a_port = |(_, rest): (&str, &str)| {
        let after_digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let protocols = ["_TCP", "_UDP", "_SCTP"];
        after_digits.len() < rest.len() && protocols.iter().any(|one| after_digits.starts_with(one))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(of_a_port)
}

//! What a reply means, by the rules of the configuration.

use super::settings::{Meaning, Reply, Success, Texts};
use super::statuses::Statuses;
use crate::reply::{Path, ReplyBody};

/// The rules of one provider.
pub(super) struct Rules {
    success: Option<Condition>,
    replies: Vec<Rule>,
}

struct Rule {
    statuses: Option<Statuses>,
    condition: Condition,
    meaning: Meaning,
}

/// What must hold for a body; empty: nothing.
#[derive(Default)]
struct Condition {
    field: Option<(Path, Test)>,
    contains: Vec<String>,
}

enum Test {
    Equals(Vec<String>),
    Exists(bool),
}

/// What the rules say of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A rule fits.
    Means(Meaning),
    /// No rule fits: the status says it.
    ByStatus,
    /// A 2xx that does not look like a success.
    NoSuccess,
    /// The body would say it, and its connection broke.
    Unreadable,
}

impl Rules {
    /// # Errors
    /// The setting of a rule that can't be one, and what is wrong with it.
    pub(super) fn new(
        success: Option<&Success>,
        replies: &[Reply],
    ) -> Result<Self, (&'static str, &'static str)> {
        let success = success.map(|rule| {
            let condition = Condition::new(&rule.field, &rule.equals, rule.exists, &rule.contains)?;
            if condition.is_empty() {
                return Err(
                    "must say what a success looks like: `field` with `equals` or `exists`, or `contains`",
                );
            }
            Ok(condition)
        });
        let success = success.transpose().map_err(|problem| ("success", problem))?;
        let replies = replies.iter().map(|rule| {
            let condition = Condition::new(&rule.field, &rule.equals, rule.exists, &rule.contains)?;
            if condition.is_empty() && rule.status.is_none() {
                return Err("has a rule that fits every reply; give it a `status`, a `field` or `contains`");
            }
            Ok(Rule { statuses: rule.status.clone(), condition, meaning: rule.outcome })
        });
        let replies = replies.collect::<Result<_, _>>().map_err(|problem| ("reply", problem))?;
        Ok(Self { success, replies })
    }

    /// Whether anything but the status can matter.
    pub(super) fn read_bodies(&self, status: u16) -> bool {
        let mut rules = self.replies.iter().filter(|rule| rule.fits_status(status));
        rules.any(|rule| !rule.condition.is_empty()) || (self.success.is_some() && is_success(status))
    }

    pub(super) fn judge(&self, status: u16, body: Option<&ReplyBody>) -> Verdict {
        for rule in self.replies.iter().filter(|rule| rule.fits_status(status)) {
            match rule.condition.holds(body) {
                Some(true) => return Verdict::Means(rule.meaning),
                Some(false) => {}
                None => return Verdict::Unreadable,
            }
        }
        match &self.success {
            Some(condition) if is_success(status) => match condition.holds(body) {
                Some(true) => Verdict::Means(Meaning::Accepted),
                Some(false) => Verdict::NoSuccess,
                None => Verdict::Unreadable,
            },
            _ => Verdict::ByStatus,
        }
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

impl Rule {
    fn fits_status(&self, status: u16) -> bool {
        self.statuses.as_ref().is_none_or(|statuses| statuses.contain(status))
    }
}

impl Condition {
    fn new(
        field: &Option<String>,
        equals: &Option<Texts>,
        exists: Option<bool>,
        contains: &Option<Texts>,
    ) -> Result<Self, &'static str> {
        let test = match (equals, exists) {
            (Some(_), Some(_)) => return Err("has `equals` and `exists`; one of them is enough"),
            (Some(Texts(texts)), None) => Some(Test::Equals(texts.clone())),
            (None, Some(exists)) => Some(Test::Exists(exists)),
            (None, None) => None,
        };
        let field = match (field, test) {
            (Some(field), Some(test)) => Some((Path::new(field).ok_or(Path::WRONG)?, test)),
            (None, None) => None,
            (Some(_), None) => return Err("has a `field` without `equals` or `exists`"),
            (None, Some(_)) => return Err("has `equals` or `exists` without the `field` that is meant"),
        };
        let contains = contains.as_ref().map(|Texts(texts)| texts.clone()).unwrap_or_default();
        if contains.iter().any(String::is_empty) {
            return Err("has an empty text in `contains`, which is in every reply");
        }
        Ok(Self { field, contains })
    }

    fn is_empty(&self) -> bool {
        self.field.is_none() && self.contains.is_empty()
    }

    /// `None`: the body would say it.
    fn holds(&self, body: Option<&ReplyBody>) -> Option<bool> {
        if self.is_empty() {
            return Some(true);
        }
        let body = body?;
        let field = self.field.as_ref().is_none_or(|(path, test)| match (test, body.field(path)) {
            (Test::Exists(wanted), found) => found.is_some() == *wanted,
            (Test::Equals(texts), Some(found)) => {
                let found = found.scalar();
                found.is_some_and(|found| texts.iter().any(|text| **text == *found))
            }
            (Test::Equals(_), None) => false,
        });
        let contains = self.contains.is_empty() || self.contains.iter().any(|text| body.contains(text));
        Some(field && contains)
    }
}

//! Every template of `corpus/` says what it says in Go: each is rendered by Go's own packages and by ours, with a few sets of
//! data, and compared byte for byte. Where Go says no, we do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod corpus;
mod damage;
mod data;
mod go;

use corpus::{Case, Mode};
use watchword_template::{Escaping, Template, TemplateError, Value};

/// 2026-02-03T04:05:06.070Z: no two parts of it alike.
const NOW: i64 = 1_770_091_506_070;

#[test]
fn templates_say_what_they_say_in_go() {
    let (compared, wrong) = compare(&known());
    assert!(compared > 800, "only {compared} renderings were compared");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Most damaged templates are refused; what Go still takes, ours may refuse, but not render otherwise.
#[test]
fn damaged_templates_say_what_they_say_in_go() {
    let mut cases = known();
    if go::version() < corpus::NEWER {
        // How it follows scripts has changed since; whole templates avoid that, damaged ones don't.
        cases.retain(|case| case.mode == Mode::Text);
    }
    let cases = damage::damaged(&cases, 4_000);
    let (compared, wrong) = compare(&cases);
    assert!(compared > 10_000, "only {compared} renderings were compared");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The cases that this machine's Go knows.
fn known() -> Vec<Case> {
    let version = go::version();
    corpus::read().into_iter().filter(|case| case.needs <= version).collect()
}

/// How many renderings were compared, and those that differ.
fn compare(cases: &[Case]) -> (usize, Vec<String>) {
    let sets = data::sets();
    let answers = go::render(cases, &sets, NOW);
    assert_eq!(answers.len(), cases.len());
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (case, row) in cases.iter().zip(&answers) {
        for ((set, fields), theirs) in sets.iter().zip(row) {
            if case.ascii && *set == "unicode" {
                continue;
            }
            compared += 1;
            let ours = render(case, fields);
            let alike = match (&ours, theirs) {
                (Ok(ours), Ok(theirs)) => ours == theirs,
                (Err(_), Err(_)) => true,
                (Err(_), Ok(_)) => case.damaged,
                (Ok(_), Err(theirs)) => case.damaged && damage::is_known_difference(theirs),
            };
            if !alike {
                let Case { title, source, .. } = case;
                wrong.push(format!("{title} · {set} · {source:?}\n    go:   {theirs:?}\n    ours: {ours:?}"));
            }
        }
    }
    (compared, wrong)
}

fn render(case: &Case, fields: &Value) -> Result<String, TemplateError> {
    let escaping = match case.mode {
        Mode::Text => Escaping::None,
        Mode::Html => Escaping::Html,
    };
    let template = Template::parse(&case.source, escaping)?;
    if case.message {
        let message = data::message(fields);
        template.check(&message)?;
        return template.render(&message, NOW);
    }
    template.render(fields, NOW)
}

//! `default.toml` and the code say the same.

use watchword_core::guess::{GuessRule, LookupRule};
use watchword_core::ports::Retention;

use super::super::sections::{Keys, PagesSection};
use super::*;
use crate::config::messages::KEYS;
use crate::config::tree::Value;

fn read_sections(text: &str) -> Sections {
    let root = file::parse(text, &"default.toml".into()).unwrap_or_else(|problem| panic!("{problem}"));
    let mut problems = Vec::new();
    let sections = read::read(root, Place::default(), &mut problems, |reader| Sections::deserialize(reader));
    assert_eq!(problems, []);
    sections.unwrap()
}

#[test]
fn the_reference_says_exactly_the_defaults() {
    let sections = read_sections(REFERENCE);
    assert_eq!(sections.server, Server::default());
    assert_eq!(sections.admin, Admin::default());
    assert_eq!(sections.store, Store::default());
    assert_eq!(sections.keys, Keys::default());
    assert_eq!(sections.guess, Guess::default());
    assert_eq!(sections.retention, RetentionSection::default());
    assert_eq!(sections.log, Log::default());
    assert_eq!(sections.otp, Otp::default());
    assert_eq!(sections.pages, PagesSection::default());
    assert!(sections.namespaces.is_empty() && sections.providers.is_empty() && sections.routes.is_empty());

    assert_eq!(sections.guess.rule(), GuessRule::default());
    assert_eq!(sections.guess.lookup_rule(), LookupRule::default());
    assert_eq!(sections.retention.retention(), Retention::default());
}

/// The reference with its settings behind a `#` switched on.
fn reference_with_all() -> String {
    let uncommented = REFERENCE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if rest.starts_with('[') => rest,
        Some(rest) => match rest.split_once(" = ") {
            Some((key, _)) if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => rest,
            _ => line,
        },
        None => line,
    });
    uncommented.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_names_every_setting_and_no_other() {
    let all = reference_with_all();
    let mut written = file::parse(&all, &"default.toml".into()).unwrap_or_else(|problem| panic!("{problem}"));
    // A setting that does not exist makes the reader list those that do.
    let sections =
        ["server", "admin", "store", "keys", "guess", "retention", "log", "telemetry", "otp", "pages"];
    let sections = sections.iter().map(|name| vec![*name]);
    let nested = [vec!["server", "tls"], vec!["namespaces", "myapp"], vec!["routes", "phone"]];
    for section in sections.chain(nested) {
        assert_known(&mut written, &section, |reader| Sections::deserialize(reader).map(drop));
    }
    assert_known(&mut written, &[], |reader| Sections::deserialize(reader).map(drop));
}

#[test]
fn the_reference_shows_every_kind_of_provider_whole() {
    let all = reference_with_all();
    let mut written = file::parse(&all, &"default.toml".into()).unwrap_or_else(|problem| panic!("{problem}"));
    let Some(Node { value: Value::Table(providers), .. }) = written.take(&["providers"]) else { panic!() };
    let mut kinds: Vec<&str> = vec!["inbox"];
    let mut message_settings = 0;
    for (name, mut section) in providers {
        let Some(Node { value: Value::Text(kind), .. }) = section.take(&["kind"]) else { panic!("{name}") };
        message_settings += KEYS.iter().filter_map(|key| section.take(&[key])).count();
        assert_known(&mut section, &[], |reader| ProviderSettings::read(&kind, reader).unwrap().map(drop));
        kinds.extend(ProviderSettings::KINDS.iter().find(|known| **known == kind));
    }
    assert_eq!(message_settings, KEYS.len(), "what every kind has is shown once");
    kinds.sort_unstable();
    let mut known = ProviderSettings::KINDS.to_vec();
    known.sort_unstable();
    assert_eq!(kinds, known, "each kind is shown once; the inbox is for `watchword dev` only");
}

fn assert_known(
    written: &mut Node,
    section: &[&str],
    deserialize: impl Fn(read::Reader<'_>) -> Result<(), read::Mismatch>,
) {
    let mut path = section.to_vec();
    path.push("?");
    written.set(&path, String::new(), &Origin::BuiltIn);
    let mut problems = Vec::new();
    read::read(written.clone(), Place::default(), &mut problems, deserialize);
    let [problem] = &problems[..] else { panic!("{section:?}: {problems:?}") };
    let problem = problem.to_string();
    // A kind without settings knows none.
    let known = problem.split_once("known here: ").map(|(_, known)| known.split(", "));
    let mut known: Vec<&str> = known.into_iter().flatten().map(|name| name.trim_matches('`')).collect();
    known.sort_unstable();
    written.take(&path).unwrap();
    let Value::Table(table) = &written.get(section).unwrap().value else { panic!("{section:?}") };
    assert_eq!(table.keys().map(String::as_str).collect::<Vec<_>>(), known, "{section:?}");
}

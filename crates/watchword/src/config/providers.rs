//! `[providers.NAME]`: what each kind of provider takes, and the providers themselves.

use std::collections::BTreeMap;

use watchword_core::delivery::ProviderId;
use watchword_delivery::registry::{BuildError, ProviderSettings, Registry};

use super::ConfiguredProvider;
use super::messages::{self, MessageTemplates};
use super::problem::{Problem, dotted, nearest};
use super::read::{self, Place};
use super::tree::{Node, Origin, Value};

/// Every provider and the words of its messages. What is wrong is recorded and left out.
pub(super) fn read(
    root: &Node,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ProviderId, (ConfiguredProvider, MessageTemplates)> {
    let Some(Node { value: Value::Table(sections), .. }) = root.get(&["providers"]) else {
        return BTreeMap::new();
    };
    let mut providers = BTreeMap::new();
    for (name, section) in sections {
        // Names that can't be are told of where the sections are read.
        let Ok(id) = ProviderId::new(name) else { continue };
        let mut written = section.clone();
        let Some(kind) = kind(name, &mut written, problems) else { continue };
        let messages = messages::take(name, &kind, &mut written, problems);
        let path = ["providers", name];
        let place = Place { path: &path, also_known: &messages::KEYS };
        let settings = read::read(written.clone(), place, problems, |reader| {
            ProviderSettings::read(&kind, reader).transpose()
        });
        let Some(settings) = settings.flatten() else { continue };
        match registry.build(id.clone(), &settings) {
            Ok(provider) => {
                let trusts = match written.get(&["ca_file"]).map(|node| &node.value) {
                    Some(Value::Text(file)) => std::fs::read(file).ok(),
                    _ => None,
                };
                let configured = ConfiguredProvider { settings, provider, written, trusts };
                providers.insert(id, (configured, messages));
            }
            Err(error) => problems.push(problem(root, name, &error)),
        }
    }
    providers
}

/// Takes out which kind it is of.
fn kind(name: &str, section: &mut Node, problems: &mut Vec<Problem>) -> Option<String> {
    let kinds = ProviderSettings::KINDS;
    let mut wrong = |origin: &Origin, key: &[&str], text: String| {
        problems.push(Problem::new(origin.clone(), dotted(key), text));
        None
    };
    if !matches!(section.value, Value::Table(_)) {
        return wrong(&section.origin, &["providers", name], "must be a section".to_owned());
    }
    let key = ["providers", name, "kind"];
    let known = || format!("; known: {}", kinds.join(", "));
    match section.take(&["kind"]) {
        Some(Node { value: Value::Text(kind), origin }) if !kinds.contains(&kind.as_str()) => {
            let meant = nearest(&kind, kinds).map(|meant| format!("; did you mean `{meant}`?"));
            wrong(&origin, &key, format!("there is no such kind{}", meant.unwrap_or_else(known)))
        }
        Some(Node { value: Value::Text(kind), .. }) => Some(kind),
        Some(Node { origin, .. }) => wrong(&origin, &key, format!("must be a text{}", known())),
        None => wrong(&section.origin, &key, format!("is needed and not set{}", known())),
    }
}

/// The same words, with the place where the setting was made.
fn problem(root: &Node, name: &str, error: &BuildError) -> Problem {
    let (setting, text) = match error {
        BuildError::Setting { setting, problem, .. } => (Some(*setting), (*problem).to_owned()),
        BuildError::Part { setting, problem, .. } => (Some(setting.as_str()), problem.clone()),
        BuildError::Url { setting, .. } => {
            (Some(*setting), "is not a URL; write it like https://example.com/otp".to_owned())
        }
        other => (None, other.to_string()),
    };
    let setting = setting.into_iter().flat_map(|setting| setting.split('.'));
    let path: Vec<&str> = ["providers", name].into_iter().chain(setting).collect();
    Problem::new(root.nearest(&path).origin.clone(), dotted(&path), text)
}

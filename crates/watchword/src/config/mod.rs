//! The configuration: defaults < files < environment < flags, and everything that is wrong with it at once.
//!
//! # How to add one more
//!
//! - **A setting**: a field in its section (`sections.rs`) with its default there, and its line in `default.toml`; a test
//!   fails until both say the same.
//! - **A kind of value**: a type in `value.rs` whose `Deserialize` says in words what it accepts.
//! - **A rule over several settings**: a check in this file, which records a [`Problem`] instead of returning.

mod environment;
mod file;
mod problem;
mod read;
mod sections;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize as _;
use watchword_core::delivery::ProviderId;
use watchword_core::namespace::Namespace;
use watchword_core::ports::Provider;
use watchword_core::verification::RouteName;
use watchword_delivery::registry::{BuildError, ProviderSettings, Registry};
use watchword_delivery::settings::Secret;

use crate::keys::{KeySource, MasterKeys};
use environment::Environment;
use problem::{dotted, nearest};
use sections::Sections;
use tree::{Node, Value};

pub use problem::{ConfigError, Problem};
pub use sections::{Admin, Guess, Log, Otp, RetentionSection, Server, Store, Telemetry, Tls};
pub use tree::Origin;
pub use value::{ListenAddress, LogFormat, LogLevel, ProxyNetwork, RootUrl, StoreUrl};

/// Every setting with its default and what it is for: the reference for operators.
pub const REFERENCE: &str = include_str!("default.toml");

/// The file that is read when none is named, if it is there.
const USUAL_FILE: &str = "watchword.toml";

/// Where settings come from.
#[derive(Clone, Default)]
pub struct Sources {
    /// Settings that go with the command, as TOML: over the defaults, under all else.
    pub preset: Option<&'static str>,
    /// The files, merged in this order. None: the one that `WATCHWORD_CONFIG` names, else `watchword.toml` if it is there.
    pub files: Vec<PathBuf>,
    /// Never look for a file that is not named in `files`.
    pub no_usual_file: bool,
    /// The environment, as the process has it.
    pub environment: Vec<(OsString, OsString)>,
    /// Flags that are settings.
    pub flags: Vec<Flag>,
}

/// A flag of the command line that is a setting.
#[derive(Clone)]
pub struct Flag {
    /// As typed, for messages: `--listen`.
    pub flag: &'static str,
    /// The setting, with dots.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

/// A configuration that can work.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listener for clients.
    pub server: Server,
    /// The listener for operators.
    pub admin: Admin,
    /// Where the state is kept.
    pub store: Store,
    /// Where the keys come from.
    pub keys: KeySource,
    /// The guess limits.
    pub guess: Guess,
    /// How long records are kept.
    pub retention: RetentionSection,
    /// What is logged.
    pub log: Log,
    /// Traces.
    pub telemetry: Telemetry,
    /// What holds where a request does not say it.
    pub otp: Otp,
    /// Who may call, at least one.
    pub namespaces: BTreeMap<Namespace, Secret>,
    /// Who carries messages, at least one.
    pub providers: BTreeMap<ProviderId, ConfiguredProvider>,
    /// Providers by the names that requests use; each is configured.
    pub routes: BTreeMap<RouteName, Vec<ProviderId>>,
    /// What an operator should know though it works, for the log.
    pub warnings: Vec<String>,
}

/// A provider and the settings it was made of.
#[derive(Clone)]
pub struct ConfiguredProvider {
    /// The settings.
    pub settings: ProviderSettings,
    /// The provider.
    pub provider: Arc<dyn Provider>,
    /// The section as it was written.
    written: Node,
}

impl ConfiguredProvider {
    /// Whether both were made of the same settings, wherever those were set.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.written.value == other.written.value
    }
}

impl fmt::Debug for ConfiguredProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

/// Reads and checks everything. Providers are made by `registry`; they connect to nothing yet.
///
/// # Errors
/// All mistakes at once, each with its place. No text holds a secret.
pub fn load(sources: Sources, registry: &Registry) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let environment = Environment::read(sources.environment, &mut problems);
    let mut root = Node::table(Origin::BuiltIn);
    let files = files_to_read(sources.files, sources.no_usual_file, &environment);
    let preset = sources.preset.map(|text| file::parse(text, &"the command".into()));
    for layer in preset.into_iter().chain(files.iter().map(|path| file::read(path))) {
        match layer {
            Ok(layer) => root.merge(layer),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        // What could not be read would be missing everywhere.
        return Err(ConfigError::new(problems));
    }
    environment.apply(&mut root);
    for Flag { flag, key, value } in sources.flags {
        root.set(&key.split('.').collect::<Vec<_>>(), value, &Origin::Flag(flag));
    }
    check(&root, environment, registry, problems)
}

fn files_to_read(named: Vec<PathBuf>, no_usual_file: bool, environment: &Environment) -> Vec<PathBuf> {
    if !named.is_empty() || no_usual_file {
        return named;
    }
    match &environment.config {
        Some(path) => vec![path.into()],
        None => Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists()).into_iter().collect(),
    }
}

fn check(
    root: &Node,
    environment: Environment,
    registry: &Registry,
    mut problems: Vec<Problem>,
) -> Result<Config, ConfigError> {
    let problems = &mut problems;
    // Every section has defaults, so what is left after all mistakes can always be read.
    let sections = read::read(root.clone(), &[], problems, |reader| Sections::deserialize(reader));
    let sections = sections.unwrap_or_default();
    let providers = providers(root, registry, problems);
    let routes = routes(root, &sections, problems);
    at_least_one(
        root,
        "namespaces",
        "no namespace is configured, so nobody could call: add a section \
        [namespaces.NAME] with a `secret`",
        problems,
    );
    at_least_one(
        root,
        "providers",
        "no provider is configured, so nothing could be sent: add a section \
        [providers.NAME] with a `kind`",
        problems,
    );
    let mut warnings = environment.warnings;
    let keys = key_source(&sections, environment.key.as_deref(), &mut warnings, problems);
    let (Some(keys), true) = (keys, problems.is_empty()) else {
        return Err(ConfigError::new(std::mem::take(problems)));
    };
    Ok(Config {
        server: sections.server,
        admin: sections.admin,
        store: sections.store,
        keys,
        guess: sections.guess,
        retention: sections.retention,
        log: sections.log,
        telemetry: sections.telemetry,
        otp: sections.otp,
        namespaces: sections.namespaces.into_iter().map(|(name, section)| (name.0, section.secret)).collect(),
        providers,
        routes,
        warnings,
    })
}

fn at_least_one(root: &Node, section: &str, text: &str, problems: &mut Vec<Problem>) {
    let is_there = |node: &Node| matches!(&node.value, Value::Table(table) if !table.is_empty());
    if !root.get(&[section]).is_some_and(is_there) {
        problems.push(Problem::new(Origin::BuiltIn, section.to_owned(), text.to_owned()));
    }
}

fn providers(
    root: &Node,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ProviderId, ConfiguredProvider> {
    let Some(Node { value: Value::Table(sections), .. }) = root.get(&["providers"]) else {
        return BTreeMap::new();
    };
    let mut providers = BTreeMap::new();
    for (name, section) in sections {
        // Names that can't be are told of where the sections are read.
        let Ok(id) = ProviderId::new(name) else { continue };
        let Some(settings) = provider_settings(name, section.clone(), problems) else { continue };
        match registry.build(id.clone(), &settings) {
            Ok(provider) => {
                providers.insert(id, ConfiguredProvider { settings, provider, written: section.clone() });
            }
            Err(error) => problems.push(provider_problem(root, name, &error)),
        }
    }
    providers
}

fn provider_settings(name: &str, mut section: Node, problems: &mut Vec<Problem>) -> Option<ProviderSettings> {
    let origin = section.origin.clone();
    let kinds = ProviderSettings::KINDS;
    let mut wrong = |origin: Origin, key: &[&str], text: String| {
        problems.push(Problem::new(origin, dotted(key), text));
        None
    };
    if !matches!(section.value, Value::Table(_)) {
        return wrong(origin, &["providers", name], "must be a section".to_owned());
    }
    let kind_key = ["providers", name, "kind"];
    let kind = match section.take(&["kind"]) {
        Some(Node { value: Value::Text(kind), origin }) if !kinds.contains(&kind.as_str()) => {
            let meant = nearest(&kind, kinds).map(|meant| format!("; did you mean `{meant}`?"));
            let text = format!("there is no such kind{}", meant.unwrap_or_else(|| known(kinds)));
            return wrong(origin, &kind_key, text);
        }
        Some(Node { value: Value::Text(kind), .. }) => kind,
        Some(Node { origin, .. }) => {
            return wrong(origin, &kind_key, format!("must be a text{}", known(kinds)));
        }
        None => return wrong(origin, &kind_key, format!("is needed and not set{}", known(kinds))),
    };
    let settings = read::read(section, &kind_key[..2], problems, |reader| {
        ProviderSettings::read(&kind, reader).transpose()
    });
    settings.flatten()
}

fn known(kinds: &[&str]) -> String {
    format!("; known: {}", kinds.join(", "))
}

/// The same words, with the place where the setting was made.
fn provider_problem(root: &Node, name: &str, error: &BuildError) -> Problem {
    let (setting, text) = match error {
        BuildError::Setting { setting, problem, .. } => (Some(*setting), (*problem).to_owned()),
        BuildError::Url { setting, .. } => {
            (Some(*setting), "is not a URL; write it like https://example.com/otp".to_owned())
        }
        other => (None, other.to_string()),
    };
    let path: Vec<&str> = ["providers", name].into_iter().chain(setting).collect();
    Problem::new(root.nearest(&path).origin.clone(), dotted(&path), text)
}

/// The routes that are configured, and one for each provider that has no route of its name.
fn routes(
    root: &Node,
    sections: &Sections,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RouteName, Vec<ProviderId>> {
    let mut routes = BTreeMap::new();
    for (name, section) in &sections.routes {
        let path = ["routes", name.0.as_str(), "providers"];
        let mut wrong = |text: String| {
            problems.push(Problem::new(root.nearest(&path).origin.clone(), dotted(&path), text));
        };
        if section.providers.is_empty() {
            wrong("must name at least one provider".to_owned());
        }
        let mut seen = BTreeSet::new();
        for provider in &section.providers {
            if !sections.providers.contains_key(provider) {
                wrong(format!("there is no provider `{}`", provider.0));
            } else if !seen.insert(provider) {
                wrong(format!("names the provider `{}` twice", provider.0));
            }
        }
        let providers = section.providers.iter().map(|provider| provider.0.clone()).collect();
        routes.insert(name.0.clone(), providers);
    }
    for provider in sections.providers.keys() {
        // Both kinds of names have the same limits.
        if let Ok(name) = RouteName::new(provider.0.as_str()) {
            routes.entry(name).or_insert_with(|| vec![provider.0.clone()]);
        }
    }
    routes
}

fn key_source(
    sections: &Sections,
    given: Option<&str>,
    warnings: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) -> Option<KeySource> {
    let Some(given) = given else {
        let StoreUrl::Sqlite(store) = &sections.store.url;
        return Some(KeySource::File(sections.keys.file.clone().unwrap_or_else(|| key_file_of(store))));
    };
    if sections.keys.file.is_some() {
        warnings.push("WATCHWORD_KEY is set, so the file that keys.file names is not read".to_owned());
    }
    match MasterKeys::parse(given) {
        Ok(keys) => Some(KeySource::Environment(keys)),
        Err(error) => {
            let origin = Origin::Environment("WATCHWORD_KEY".into());
            problems.push(Problem::new(origin, String::new(), error.to_string()));
            None
        }
    }
}

/// Next to the store: `watchword.db` has `watchword.key`.
fn key_file_of(store: &Path) -> PathBuf {
    store.with_extension("key")
}

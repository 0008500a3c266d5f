//! The configuration: defaults < files < environment < flags, and everything that is wrong with it at once.
//!
//! # How to add one more
//!
//! - **A setting**: a field in its section (`sections.rs`) with its default there, and its line in `default.toml`; a test
//!   fails until both say the same.
//! - **A kind of value**: a type in `value.rs` whose `Deserialize` says in words what it accepts.
//! - **A rule over several settings**: a check in this file, which records a [`Problem`] instead of returning.

mod egov;
mod environment;
mod file;
mod import;
mod keys;
mod layers;
mod messages;
mod otpgateway;
mod pages;
mod perfumer;
mod problem;
mod providers;
mod read;
mod sections;
mod show;
#[cfg(test)]
mod tests;
mod translated;
mod tree;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize as _;
use watchword_core::delivery::ProviderId;
use watchword_core::namespace::Namespace;
use watchword_core::ports::Provider;
use watchword_core::verification::RouteName;
use watchword_delivery::registry::{ProviderSettings, Registry};
use watchword_delivery::settings::Secret;
use watchword_http::pages::FrameAncestor;

use watchword_http::server::Certificate;

use crate::keys::KeySource;
use layers::Layers;
use problem::dotted;
use read::Place;
use sections::{NamespaceSection, Sections};
use tree::Node;

pub use environment::TELEGRAM_TOKEN;
pub use import::import;
pub use messages::{BodyTemplate, MessageTemplates};
pub use pages::PagesConfig;
pub use problem::{ConfigError, Problem};
pub use sections::{
    Admin, Egov, Guess, Log, Otp, Perfumer, RetentionSection, Server, Store, Telemetry, Tls, Webhook,
};
pub use show::{ShownSetting, show};
pub use tree::Origin;
use value::NamespaceName;
pub use value::{
    Dialect, ListenAddress, LogFormat, LogLevel, ProxyNetwork, PublishKey, RootUrl, ServiceUrl, StoreUrl,
};

/// Every setting with its default and what it is for: the reference for operators.
pub const REFERENCE: &str = include_str!("default.toml");

/// Where settings come from.
#[derive(Clone, Default)]
pub struct Sources {
    /// Settings that go with the command, as TOML: over the defaults, under all else.
    pub preset: Option<&'static str>,
    /// The product that Watchword stands in for. `files` are its own then, `watchword.toml` goes over them, and is read only
    /// where `WATCHWORD_CONFIG` names it.
    pub original: Option<Original>,
    /// The files, merged in this order. None: the one that `WATCHWORD_CONFIG` names, else `watchword.toml` if it is there.
    pub files: Vec<PathBuf>,
    /// Never look for a file that is not named in `files`.
    pub no_usual_file: bool,
    /// The environment, as the process has it.
    pub environment: Vec<(OsString, OsString)>,
    /// Flags that are settings.
    pub flags: Vec<Flag>,
}

/// A product whose configuration can be read in place of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Original {
    /// otpgateway: its TOML files and `OTP_GATEWAY_…`.
    Otpgateway,
    /// Perfumer OTP: `OTP_…`, `PG_…`, `HTTP_AUTH_…` and `DUMMY`. It has no file.
    Perfumer,
    /// DIGIT's user-otp and egov-otp: Spring properties, in files and in the environment.
    Egov,
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
    /// What holds where the dialect is perfumer.
    pub perfumer: Perfumer,
    /// What holds where the dialect is egov.
    pub egov: Egov,
    /// What people see.
    pub pages: PagesConfig,
    /// The sites that may frame the pages of a namespace; any may frame those of one that is not here.
    pub frame_ancestors: BTreeMap<Namespace, Vec<FrameAncestor>>,
    /// Who may call: at least one, where the dialect asks for names.
    pub namespaces: BTreeMap<Namespace, Secret>,
    /// Who carries messages, at least one.
    pub providers: BTreeMap<ProviderId, ConfiguredProvider>,
    /// What their messages say, for those that have a template.
    pub messages: BTreeMap<ProviderId, MessageTemplates>,
    /// Providers by the names that requests use; each is configured.
    pub routes: BTreeMap<RouteName, Vec<ProviderId>>,
    /// The files it was read from, in their order.
    pub files: Vec<PathBuf>,
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
    /// The section as it was written, without its `kind`.
    written: Node,
    /// What its `ca_file` held: the name may stay while the content changes.
    trusts: Option<Vec<u8>>,
}

impl ConfiguredProvider {
    /// Whether both were made of the same settings, wherever those were set.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.settings.kind() == other.settings.kind()
            && self.written.value == other.written.value
            && self.trusts == other.trusts
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
    check(Layers::read(sources)?, registry)
}

/// Where the admin listener of a server with this configuration is. Mistakes elsewhere don't matter.
///
/// # Errors
/// A source can't be read, or this setting is wrong.
pub fn admin_listen(sources: Sources) -> Result<SocketAddr, ConfigError> {
    let mut layers = Layers::read(sources)?;
    let mut problems = Vec::new();
    let mut rest = Node::table(Origin::BuiltIn);
    if let Some(admin) = layers.root.take(&["admin"]) {
        rest.insert(&["admin"], admin);
    }
    let sections = read::read(rest, Place::default(), &mut problems, |reader| Sections::deserialize(reader));
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    Ok(sections.unwrap_or_default().admin.listen.map_or(Admin::DEFAULT, |listen| listen.0))
}

fn check(mut layers: Layers, registry: &Registry) -> Result<Config, ConfigError> {
    let mut problems = std::mem::take(&mut layers.problems);
    let (root, found) = (&layers.root, &mut problems);
    // Every section has defaults, so what is left after all mistakes can always be read.
    let place = Place::default();
    let sections = read::read(root.clone(), place, found, |reader| Sections::deserialize(reader));
    let mut sections = sections.unwrap_or_default();
    let (providers, messages): (_, BTreeMap<_, _>) = providers::read(root, registry, found)
        .into_iter()
        .map(|(id, (provider, messages))| ((id.clone(), provider), (id, messages)))
        .unzip();
    let messages = messages.into_iter().filter(|(_, words)| *words != MessageTemplates::default()).collect();
    let routes = routes(root, &sections, found);
    let pages = pages::read(root, std::mem::take(&mut sections.pages), found);
    at_least_one(&layers, sections.server.dialect, found);
    if let StoreUrl::Sqlite(store) = &mut sections.store.url {
        *store = absolute(store);
        if store.is_dir() {
            let text =
                format!("{0} is a folder; name a file in it, like sqlite:{0}/watchword.db", store.display());
            let origin = root.nearest(&["store", "url"]).origin.clone();
            found.push(Problem::new(origin, "store.url".to_owned(), text));
        }
    }
    let mut warnings = std::mem::take(&mut layers.warnings);
    warnings.extend(registry.take_warnings());
    if let Some(tls) = &sections.server.tls
        && let Err(error) = Certificate::read(&tls.certificate, &tls.key)
    {
        let origin = root.nearest(&["server", "tls"]).origin.clone();
        found.push(Problem::new(origin, "server.tls".to_owned(), error.to_string()));
    }
    perfumer_access(&sections, root, found);
    warnings.extend(unserved_channels(sections.server.dialect, &routes));
    publish_key(&sections.store, &layers, &mut warnings, found);
    let keys = keys::source(&sections, &layers, &mut warnings, found);
    let (Some(keys), true) = (keys, problems.is_empty()) else {
        layers.problems = problems;
        return Err(layers.error());
    };
    let (namespaces, frame_ancestors) = by_namespace(sections.namespaces);
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
        perfumer: sections.perfumer,
        egov: sections.egov,
        pages,
        frame_ancestors,
        namespaces,
        providers,
        messages,
        routes,
        files: layers.files,
        warnings,
    })
}

/// The secret of each namespace, and the sites that may frame the pages of those that say so.
fn by_namespace(
    sections: BTreeMap<NamespaceName, NamespaceSection>,
) -> (BTreeMap<Namespace, Secret>, BTreeMap<Namespace, Vec<FrameAncestor>>) {
    let (mut secrets, mut ancestors) = (BTreeMap::new(), BTreeMap::new());
    for (NamespaceName(namespace), section) in sections {
        if let Some(sites) = section.frame_ancestors {
            ancestors.insert(namespace.clone(), sites.into_iter().map(|site| site.0).collect());
        }
        secrets.insert(namespace, section.secret);
    }
    (secrets, ancestors)
}

/// What a person is shown, and what stays the same wherever the process goes.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Without somebody to call it and something to send by, a server can do nothing.
fn at_least_one(layers: &Layers, dialect: Dialect, problems: &mut Vec<Problem>) {
    // Only otpgateway's callers have names.
    let has_namespace = dialect != Dialect::Otpgateway || layers.has("namespaces");
    let has_provider = layers.has("providers");
    if layers.no_file && !(has_namespace && has_provider) {
        let missing = match (has_namespace, has_provider) {
            (false, false) => "no namespace and no provider",
            (false, true) => "no namespace",
            (true, _) => "no provider",
        };
        let folder = absolute(Path::new("."));
        let text = format!(
            "{missing} is configured: there is no watchword.toml in {}, and WATCHWORD_CONFIG is not set; run \
             `watchword init` to write one, or name one with --config",
            folder.display()
        );
        problems.push(Problem::new(Origin::BuiltIn, String::new(), text));
        return;
    }
    let (namespace, provider) = match layers.original {
        None => (
            "add a section [namespaces.NAME] with a `secret`",
            "add a section [providers.NAME] with a `kind`",
        ),
        Some(Original::Otpgateway) => (
            "add a section [auth.NAME] with `namespace` and `secret`",
            "give one in [providers] or [webhooks] `enabled = true`",
        ),
        Some(Original::Perfumer) => (
            "",
            "OTP_QUEUE_URL is set to nothing, so add a section [providers.sms] with a `kind` to the file that \
             WATCHWORD_CONFIG names, and one each for call, email and telegram where they are used",
        ),
        Some(Original::Egov) => (
            "",
            "spring.kafka.bootstrap.servers is set to nothing, so add a section [providers.sms] with a `kind` to the file that \
             WATCHWORD_CONFIG names, and [providers.email] where mail is wanted",
        ),
    };
    for (section, is_there, text) in [
        (
            "namespaces",
            has_namespace,
            format!("no namespace is configured, so nobody could call: {namespace}"),
        ),
        (
            "providers",
            has_provider,
            format!("no provider is configured, so nothing could be sent: {provider}"),
        ),
    ] {
        // What was left out because of a mistake is not missing as well.
        let theirs = match section {
            "namespaces" => "auth",
            _ => "webhooks",
        };
        let is_told = problems.iter().any(|problem| problem.is_in(section) || problem.is_in(theirs));
        if !is_there && !is_told {
            problems.push(Problem::new(Origin::BuiltIn, section.to_owned(), text));
        }
    }
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

/// What an operator should know about channels that nothing carries, where the dialect has channels of fixed names.
fn unserved_channels(dialect: Dialect, routes: &BTreeMap<RouteName, Vec<ProviderId>>) -> Option<String> {
    let (channels, then): (&[&str], _) = match dialect {
        Dialect::Otpgateway => return None,
        Dialect::Perfumer => (&["sms", "call", "email", "telegram"], "what is sent there is refused"),
        // Mail is beside the SMS there, and nobody is refused for it.
        Dialect::Egov => (&["sms", "email"], "none is sent"),
    };
    let is_carried = |name: &str| routes.keys().any(|route| route.as_str() == name);
    let names: Vec<&str> = channels.iter().copied().filter(|name| !is_carried(name)).collect();
    let (last, others) = names.split_last()?;
    let named =
        if others.is_empty() { (*last).to_owned() } else { format!("{} or {last}", others.join(", ")) };
    Some(format!("no route and no provider is named {named}: {then}"))
}

/// BasicAuth takes both or neither, and a user name without a colon (RFC 7617, section 2).
fn perfumer_access(sections: &Sections, root: &Node, problems: &mut Vec<Problem>) {
    let Perfumer { username, password, .. } = &sections.perfumer;
    let mut wrong = |key: &str, text: &str| {
        let path = ["perfumer", key];
        // What was left out because of a mistake is not missing as well.
        if !problems.iter().any(|problem| problem.is_in("perfumer")) {
            problems.push(Problem::new(root.nearest(&path).origin.clone(), dotted(&path), text.to_owned()));
        }
    };
    match (username, password) {
        (None, Some(_)) => wrong("password", "is set without `username`: set both, or neither"),
        (Some(_), None) => wrong("username", "is set without `password`: set both, or neither"),
        (Some(name), Some(_)) if name.is_empty() => wrong("username", "must not be empty"),
        (Some(name), Some(_)) if name.contains(':') => {
            wrong("username", "can't have a colon, as a user name of BasicAuth");
        }
        _ => {}
    }
}

/// Only Redis publishes. Where another store was put in the place of the original's Redis, that is no mistake.
fn publish_key(store: &Store, layers: &Layers, warnings: &mut Vec<String>, problems: &mut Vec<Problem>) {
    let is_told = problems.iter().any(|problem| problem.is_in("store"));
    if store.publish_key.is_none() || matches!(store.url, StoreUrl::Redis(_)) || is_told {
        return;
    }
    let path = ["store", "publish_key"];
    let problem =
        |text: &str| Problem::new(layers.root.nearest(&path).origin.clone(), dotted(&path), text.to_owned());
    if layers.original.is_some() {
        let warning = problem("has no effect: only a store in Redis publishes");
        warnings.push(layers.renames.apply(warning).to_string());
    } else {
        problems.push(problem("only a store in Redis publishes: leave it out, or set store.url to one"));
    }
}

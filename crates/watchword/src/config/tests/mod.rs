//! What the tests of the configuration share.

mod egov;
mod import;
mod layers;
mod messages;
mod mistakes;
mod otpgateway;
mod pages;
mod perfumer;
mod reference;
mod store;

use super::*;
use crate::clock::SystemClock;
use crate::keys::KeyPlace;

fn registry() -> Registry {
    Registry::new(Arc::new(SystemClock::new()))
}

fn with(file: &str, environment: &[(&str, &str)], flags: Vec<Flag>) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchword.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let sources = Sources { files: vec![path], environment, flags, ..Sources::default() };
    load(sources, &registry())
}

/// What is wrong with it, without the folder.
fn mistakes(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let error = with(file, environment, Vec::new()).unwrap_err();
    let without_folder = |line: String| match line.split_once("watchword.toml") {
        Some((_, rest)) => format!("watchword.toml{rest}"),
        None => line,
    };
    error.problems().iter().map(|problem| without_folder(problem.to_string())).collect()
}

/// The least that works.
const LEAST: &str = "
    [namespaces.app]
    secret = \"s3cret\"
    [providers.sms]
    kind = \"webhook\"
    url = \"http://127.0.0.1:1/\"
";

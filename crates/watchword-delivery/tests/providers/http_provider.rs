//! Providers of the kind `http`, from the words of a configuration file.

use std::sync::Arc;

use watchword_core::ports::Provider;
use watchword_delivery::http::HttpSettings;
use watchword_delivery::registry::{BuildError, ProviderSettings, Registry};

use crate::sample::{clock, provider_id};

/// The lines of a section `[providers.gateway]`.
pub(crate) fn settings(toml: &str) -> Result<ProviderSettings, String> {
    toml::from_str::<HttpSettings>(toml)
        .map(ProviderSettings::Http)
        .map_err(|error| error.message().to_owned())
}

pub(crate) fn build(settings: &ProviderSettings) -> Result<Arc<dyn Provider>, BuildError> {
    Registry::new(clock()).build(provider_id("gateway"), settings)
}

/// A provider that posts to `url`; all else as `toml` says.
pub(crate) fn provider(url: &str, toml: &str) -> Arc<dyn Provider> {
    let settings = settings(&format!("url = {url:?}\n{toml}")).unwrap_or_else(|error| panic!("{error}"));
    build(&settings).unwrap_or_else(|error| panic!("{error}"))
}

//! Otpgateway's own configuration, with its Redis.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use watchword_testkit::redis::{Keeping, Server as Redis};

use super::server::Server;

/// A Redis, and a `config.toml` that names it. Its webhook is `sms`.
pub(crate) struct RedisSite {
    pub(crate) redis: Redis,
    pub(crate) folder: TempDir,
    pub(crate) config: PathBuf,
    webhook: String,
}

impl RedisSite {
    /// With these namespaces, each with its secret.
    pub(crate) fn new(webhook: &str, namespaces: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        let redis = Redis::start(Keeping::Everything);
        let site = Self { redis, folder, config, webhook: webhook.to_owned() };
        site.configure(namespaces);
        site
    }

    /// Has these from the next start on.
    pub(crate) fn configure(&self, namespaces: &[(&str, &str)]) {
        let auth: String = namespaces
            .iter()
            .map(|(name, secret)| format!("[auth.{name}]\nnamespace = \"{name}\"\nsecret = \"{secret}\"\n"))
            .collect();
        let text = format!(
            "[app]\naddress = \"127.0.0.1:0\"\nroot_url = \"http://otp.example\"\n\
             [store.redis]\nhost = \"127.0.0.1\"\nport = \"{}\"\n{auth}\
             [webhooks.sms]\nenabled = true\nurl = \"{}\"\nchannel_name = \"SMS\"\naddress_name = \"Number\"\n\
             max_otp_len = 6\nmax_address_len = 15\n",
            self.redis.port, self.webhook
        );
        fs::write(&self.config, text).unwrap();
    }

    /// `watchword serve --as otpgateway`, called with these credentials.
    pub(crate) fn serve(&self, credentials: (&str, &str)) -> Server {
        Server::as_otpgateway(&self.config, credentials, &[("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:0")])
    }
}

//! `[server.tls]`: the program with a certificate, and with a renewed one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rcgen::CertifiedKey;
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use watchword_testkit::deadline::DEADLINE;

use crate::support::{Receiver, Server, client, ended};

/// A folder with a certificate of 127.0.0.1 and a configuration that names it.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) fn new(webhook: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        let text = format!(
            "[store]\nurl = \"sqlite:{folder}/watchword.db\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [server.tls]\ncertificate = \"{folder}/tls.pem\"\nkey = \"{folder}/tls.key\"\n\
             [namespaces.app]\nsecret = \"app-secret\"\n[providers.sms]\nkind = \"webhook\"\nurl = \"{webhook}\"\n",
            folder = site.folder.path().display()
        );
        fs::write(site.config(), text).unwrap();
        site
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("watchword.toml")
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    /// Puts a new certificate there. What comes back trusts it, and no other.
    pub(crate) fn renew(&self) -> Client {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        self.write("tls.pem", &cert.pem(), 0o644);
        self.write("tls.key", &signing_key.serialize_pem(), 0o600);
        let root = reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap();
        Client::builder().tls_certs_only([root]).no_proxy().timeout(DEADLINE).build().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_up_and_a_bad_one_is_not() {
    let receiver = Receiver::answering().await;
    let site = Site::new(&receiver.url());
    let first = site.renew();
    let mut server = Server::serve(&site.config(), &[]).over_tls(first);
    let reply = server.put("johns-id", &[("provider", "sms"), ("to", "42")]).await;
    let reply: Value = reply.json().await.unwrap();
    let url = reply["data"]["url"].as_str().unwrap();
    assert!(url.starts_with(&server.origin) && url.starts_with("https:"), "{url}");

    let admin = server.admin();
    let reload = async || {
        let call = client().post(format!("{admin}/reload")).header("X-Watchword-Reload", "1");
        let reply = call.send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let untouched = "the configuration was read; nothing that a running server takes up has changed\n";
    assert_eq!(reload().await, (200, untouched.to_owned()));
    let second = site.renew();
    assert_eq!(reload().await, (200, "taken up: server.tls\n".to_owned()));
    // The first client's connection stands.
    assert_eq!(server.put("janes-id", &[("provider", "sms"), ("to", "42")]).await.status(), 200);
    let server = server.over_tls(second);
    assert_eq!(server.put("joes-id", &[("provider", "sms"), ("to", "42")]).await.status(), 200);

    // Another pair's key: nothing changes.
    let key = fs::read_to_string(site.folder.path().join("tls.key")).unwrap();
    site.renew();
    site.write("tls.key", &key, 0o600);
    let (status, text) = reload().await;
    assert!(status == 422 && text.contains("tls.key is not the key of"), "{text}");
    assert_eq!(server.put("jims-id", &[("provider", "sms"), ("to", "42")]).await.status(), 200);
    let metrics = client().get(format!("{admin}/metrics")).send().await.unwrap().text().await.unwrap();
    for line in [
        "watchword_config_last_reload_successful 0",
        "watchword_config_reloads_total{result=\"ok\"} 2",
        "watchword_config_reloads_total{result=\"failed\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn a_certificate_that_cant_be_used_is_a_mistake_of_the_configuration() {
    let site = Site::new("http://127.0.0.1:9/hook");
    site.renew();
    site.write("tls.key", &fs::read_to_string(site.folder.path().join("tls.key")).unwrap(), 0o644);
    let config = site.config();
    let (code, lines) =
        ended(["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()], &[]);
    let line = lines.last().unwrap();
    assert_eq!(code, Some(2), "{lines:?}");
    assert!(line.contains(": server.tls: ") && line.contains("can be read by everybody"), "{lines:?}");
    assert!(!site.folder.path().join("watchword.db").exists(), "nothing was touched");
}

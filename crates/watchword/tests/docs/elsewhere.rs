//! What stands in for other people's machines: a webhook's receiver, and a real mail server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use watchword_testkit::process::Process;

use crate::page::project;

/// The account that every page uses.
const USERNAME: &str = "otp@example.com";
const PASSWORD: &str = "the password of that mailbox";

pub(crate) struct Elsewhere {
    /// Says yes to every message that is posted to it.
    pub(crate) webhook: SocketAddr,
    folder: TempDir,
    mail: OnceLock<(u16, Process)>,
}

impl Elsewhere {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhook = listener.local_addr().unwrap();
        // It ends with the test.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                thread::spawn(move || answer(connection));
            }
        });
        let elsewhere = Self { webhook, folder: tempfile::tempdir().unwrap(), mail: OnceLock::new() };
        elsewhere.certify();
        elsewhere
    }

    /// Where certificates are, as `/etc/watchword/tls` is in the pages.
    pub(crate) fn certificates(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The certificate of whoever certified the mail server.
    pub(crate) fn root(&self) -> PathBuf {
        self.file("root.pem")
    }

    fn certify(&self) {
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = root.self_signed(&root_key).unwrap();
        fs::write(self.root(), certificate.pem()).unwrap();
        let issuer = Issuer::new(root, root_key);
        let names = vec!["localhost".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        fs::write(self.file("fullchain.pem"), certificate.pem()).unwrap();
        fs::write(self.file("privkey.pem"), key.serialize_pem()).unwrap();
        fs::set_permissions(self.file("privkey.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The port of a mail server on this machine, which wants STARTTLS and a password.
    pub(crate) fn mail_port(&self) -> u16 {
        self.mail
            .get_or_init(|| {
                let options = json!({
                    "auth": ["PLAIN", "LOGIN"], "username": USERNAME, "password": PASSWORD,
                    "tls": "starttls", "key": self.file("privkey.pem"), "cert": self.file("fullchain.pem"),
                });
                let script = project().join("tests/mail/server.mjs").into_os_string();
                let arguments = [script, options.to_string().into()];
                let mut process = Process::start(Path::new("node"), arguments, &[]);
                let port = process
                    .wait_for_line("\"listening\" (is `npm ci --prefix tests/mail` done?)", |line| {
                        serde_json::from_str::<Value>(line).ok()?["port"].as_u64()
                    });
                (u16::try_from(port).unwrap(), process)
            })
            .0
    }
}

fn answer(mut connection: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = connection.read(&mut buffer) {
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lowered = head.to_lowercase();
        let length = lowered.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            request.clear();
            if connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                return;
            }
        }
    }
}

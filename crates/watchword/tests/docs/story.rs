//! Runs a page.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use watchword_testkit::net::free_port;

use crate::elsewhere::Elsewhere;
use crate::page::{Block, Page};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What these may do can't be tried here: they change the machine.
const HOST_COMMANDS: [&str; 18] = [
    "apt",
    "cargo",
    "certbot",
    "chmod",
    "chown",
    "cp",
    "docker",
    "git",
    "install",
    "journalctl",
    "podman",
    "scp",
    "scripts/test",
    "sudo",
    "rm",
    "systemctl",
    "systemd-analyze",
    "useradd",
];

/// A mail server of the reader's, in every page.
const MAIL_HOST: &str = "smtp.example.com";

/// A configuration that works, for fragments to be laid over.
const BASE: &str = "[store]\nurl = \"sqlite:base.db\"\n[namespaces.base]\nsecret = \"base-secret\"\n\
                    [providers.base]\nkind = \"webhook\"\nurl = \"https://example.com/otp\"\n";

/// A page as it is run: its folder, its servers, what came up so far.
pub(crate) struct Story<'a> {
    page: &'a Page,
    folder: TempDir,
    ports: [u16; 2],
    elsewhere: Elsewhere,
    servers: Vec<Child>,
    known: Vec<(&'static str, String)>,
    printed: String,
}

impl<'a> Story<'a> {
    pub(crate) fn new(page: &'a Page) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_watchword"), folder.path().join("bin/watchword")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        Self {
            page,
            folder,
            ports: [free_port(), free_port()],
            elsewhere: Elsewhere::start(),
            servers: Vec::new(),
            known: Vec::new(),
            printed: String::new(),
        }
    }

    /// Tells it to its end.
    pub(crate) fn run(mut self) {
        let page = self.page;
        // Where the last command ended, if nothing but an empty line came since.
        let mut command_ended = 0;
        for block in page.blocks() {
            let after_command = block.line <= command_ended + 2;
            let ran = block.info == "sh";
            match block.info {
                "sh" => self.commands(&block),
                "sh host" => self.only_for_hosts(&block),
                "toml" => self.configuration(&block),
                "text" | "json" if after_command => self.expect(&block),
                // Examples of what others write.
                "text" | "json" | "css" | "go" | "html" | "http" | "js" | "rust" | "yaml" | "promql"
                | "ini" => {}
                other => self.fail(block.line, &format!("a block of the unknown kind {other:?}")),
            }
            command_ended = if ran { block.line + block.text.lines().count() + 1 } else { 0 };
        }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn fail(&self, line: usize, why: &str) -> ! {
        panic!("{}:{line}: {why}", self.page.name());
    }

    /// What the page says, for this machine.
    fn here(&self, text: &str) -> String {
        let [public, admin] = self.ports;
        let mut text = text
            .replace("127.0.0.1:9000", &format!("127.0.0.1:{public}"))
            .replace("localhost:9000", &format!("localhost:{public}"))
            .replace("127.0.0.1:9001", &format!("127.0.0.1:{admin}"))
            .replace("localhost:9001", &format!("localhost:{admin}"))
            .replace("/etc/watchword/tls", &self.elsewhere.certificates())
            .replace("https://sms.example.com", &format!("http://{}", self.elsewhere.webhook));
        if text.contains(MAIL_HOST) {
            let port = self.elsewhere.mail_port().to_string();
            let lines = text.lines().filter(|line| !line.starts_with("port = "));
            let quoted_host = format!("{MAIL_HOST}\"");
            let here = |line: &str| line.replace(&quoted_host, &format!("localhost\"\nport = {port}"));
            text = lines.map(here).fold(String::new(), |text, line| text + &line + "\n");
        }
        for (name, value) in &self.known {
            text = text.replace(name, value);
        }
        text
    }

    fn command(&self, shell: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let [public, admin] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", shell])
            .current_dir(self.work())
            .env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()))
            .env("HOME", self.folder.path())
            .env("WATCHWORD_SERVER__LISTEN", public)
            .env("WATCHWORD_ADMIN__LISTEN", admin)
            .env("SSL_CERT_FILE", self.elsewhere.root())
            .stdin(Stdio::null());
        command
    }

    fn commands(&mut self, block: &Block<'_>) {
        let joined = block.text.replace("\\\n", " ");
        for line in
            joined.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        {
            let wanted = line.rsplit_once("# exits ").map_or(0, |(_, code)| code.trim().parse().unwrap());
            let shell = self.here(line);
            // Variables may be set before a command.
            let words: Vec<&str> = shell.split_whitespace().skip_while(|word| word.contains('=')).collect();
            match &words[..] {
                ["watchword", "serve" | "dev", rest @ ..] if !rest.contains(&"--help") => {
                    self.serve(block.line, &shell, words[1] == "dev");
                }
                _ => self.once(block.line, &shell, wanted),
            }
        }
    }

    fn once(&mut self, line: usize, shell: &str, wanted: i32) {
        let mut child = self
            .command(&format!("timeout {} bash -euo pipefail -c {}", PATIENCE.as_secs(), quoted(shell)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).map(|_| text)
        });
        let mut printed = String::new();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        let errors = errors.join().unwrap().unwrap();
        let code = child.wait().unwrap().code();
        if code != Some(wanted) {
            self.fail(line, &format!("`{shell}` ends with {code:?}, not {wanted}:\n{printed}{errors}"));
        }
        self.remember(&printed);
        self.printed = printed + &errors;
    }

    /// Keeps what later commands name.
    fn remember(&mut self, printed: &str) {
        let config = fs::read_to_string(self.work().join("watchword.toml")).unwrap_or_default();
        let mut know = |name: &'static str, value: &str| {
            self.known.retain(|(known, _)| *known != name);
            self.known.push((name, value.to_owned()));
        };
        if let Some((_, rest)) = printed.split_once("\"otp\":\"") {
            know("THE_CODE", rest.split('"').next().unwrap());
        }
        let words = || printed.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
        if let Some(id) = words().find(|word| word.len() == 36 && word.matches('-').count() == 4) {
            know("THE_DELIVERY", id);
        }
        if let Some(key) = words().rfind(|word| word.len() == 16 && !word.contains('-')) {
            know("THE_KEY", key);
        }
        if let Some((_, rest)) = config.split_once("\nsecret = \"") {
            know("THE_SECRET", rest.split('"').next().unwrap());
        }
    }

    fn serve(&mut self, line: usize, shell: &str, dev: bool) {
        // Whoever reads on has stopped the one before.
        self.stop_servers();
        let [public, _] = self.ports;
        let listen = if dev { format!(" --listen 127.0.0.1:{public}") } else { String::new() };
        let shell = shell.split('#').next().unwrap().trim_end();
        let log = self.folder.path().join("server.log");
        // Its own group, so that all of it is stopped.
        let child = self
            .command(&format!("exec env {shell}{listen}"))
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::OpenOptions::new().append(true).create(true).open(&log).unwrap())
            .process_group(0)
            .spawn()
            .unwrap();
        self.servers.push(child);
        let began = Instant::now();
        while !self.is_ready() {
            let ended = self.servers.last_mut().unwrap().try_wait().unwrap();
            if ended.is_some() || began.elapsed() > PATIENCE {
                let log = fs::read_to_string(&log).unwrap();
                self.fail(line, &format!("`{shell}` does not listen ({ended:?}):\n{log}"));
            }
            thread::yield_now();
        }
    }

    /// Whether the admin listener says so.
    fn is_ready(&self) -> bool {
        let [_, admin] = self.ports;
        let Ok(mut connection) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], admin))) else {
            return false;
        };
        let mut reply = String::new();
        let asked = connection.write_all(b"GET /ready HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        asked.and_then(|()| connection.read_to_string(&mut reply)).is_ok() && reply.contains(" 200 ")
    }

    fn stop_servers(&mut self) {
        for mut server in self.servers.drain(..) {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn only_for_hosts(&self, block: &Block<'_>) {
        for line in block.text.replace("\\\n", " ").lines() {
            let first = line.split_whitespace().next().unwrap_or("#");
            if !first.starts_with('#') && !HOST_COMMANDS.contains(&first) {
                self.fail(
                    block.line,
                    &format!("`{first}` can be run here; a block of `sh host` is for what can't"),
                );
            }
        }
    }

    fn configuration(&mut self, block: &Block<'_>) {
        let text = self.here(&block.text);
        let named = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let file =
            named.and_then(|name| name.split_whitespace().next()).filter(|name| name.ends_with(".toml"));
        if let Some(file) = file {
            fs::write(self.work().join(file), text).unwrap();
            return;
        }
        let folder = self.folder.path().join("fragment");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("base.toml"), BASE).unwrap();
        fs::write(folder.join("fragment.toml"), &text).unwrap();
        let check = format!(
            "cd {} && watchword config check --config base.toml --config fragment.toml",
            folder.display()
        );
        self.once(block.line, &check, 0);
    }

    fn expect(&self, block: &Block<'_>) {
        let mut rest = self.printed.trim();
        let wanted = self.here(block.text.trim());
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (wanted, printed) = (flat(&wanted), flat(rest));
        rest = &printed;
        let parts: Vec<&str> = wanted.split('…').map(str::trim).collect();
        for (index, part) in parts.iter().enumerate() {
            match rest.find(part) {
                Some(at) if index > 0 || at == 0 => rest = &rest[at + part.len()..],
                _ => self.fail(block.line, &format!("the page says\n{wanted}\nand it was\n{printed}")),
            }
        }
        if !wanted.ends_with('…') && !rest.is_empty() {
            self.fail(block.line, &format!("the page leaves out {rest:?}"));
        }
    }
}

impl Drop for Story<'_> {
    fn drop(&mut self) {
        self.stop_servers();
    }
}

fn quoted(shell: &str) -> String {
    format!("'{}'", shell.replace('\'', "'\\''"))
}

//! A real broker of Kafka, on free ports of 127.0.0.1, and `kcat`, which reads what it was sent. It needs Java 17, the Debian
//! package `kcat`, and the jars that `mvn -f tests/kafka dependency:copy-dependencies` puts into `target/kafka`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::value::RawValue;
use tempfile::TempDir;

use crate::net::free_port;
use crate::process::Process;

/// Small and quick to start rather than quick to run.
const JAVA: [&str; 4] = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"];

/// Who may sign in.
pub const USERNAME: &str = "watchword";

/// And how that is proved.
pub const PASSWORD: &str = "s3cret-of-a-broker";

/// A broker that is its own controller; killed when this is dropped. Topics come about when they are written to, or asked for.
#[derive(Debug)]
pub struct Broker {
    process: Option<Process>,
    port: u16,
    signed_in_port: Option<u16>,
    folder: TempDir,
}

/// What a broker shows and signs with: in PEM, the key as PKCS#8.
#[derive(Clone, Debug)]
pub struct Certified {
    /// Its certificate, for `localhost`.
    pub certificate: String,
    /// The key to that.
    pub key: String,
}

/// A record, as `kcat` has read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Null, or a text.
    pub key: Option<String>,
    /// In their order.
    pub headers: Vec<(String, String)>,
    /// The value, to the byte.
    pub value: String,
}

impl Broker {
    /// Starts one that is spoken to in plain, and waits until it answers.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// As [`Self::start`], with a second listener, [`Self::signed_in`], for SASL over TLS: `PLAIN`, `SCRAM-SHA-256` and
    /// `SCRAM-SHA-512`, by [`USERNAME`] and [`PASSWORD`].
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_over_tls(certified: &Certified) -> Self {
        Self::start_with(Some(certified))
    }

    fn start_with(certified: Option<&Certified>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, signed_in_port) = (free_port(), certified.map(|_| free_port()));
        let settings = settings(folder.path(), port, signed_in_port.zip(certified));
        std::fs::write(folder.path().join("server.properties"), settings).unwrap();
        let mut broker = Self { process: None, port, signed_in_port, folder };
        broker.format();
        broker.start_again();
        broker
    }

    /// Makes the folder that it keeps records in.
    fn format(&self) {
        let mut tool = Command::new("java");
        tool.args(JAVA).arg(jars()).args([
            "kafka.tools.StorageTool",
            "format",
            "-t",
            "MkU3OEVBNTcwNTJENDM2Qg",
            "-c",
        ]);
        tool.arg(self.settings_file());
        if self.signed_in_port.is_some() {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                tool.args(["--add-scram", &format!("{mechanism}=[name={USERNAME},password={PASSWORD}]")]);
            }
        }
        run(&mut tool, "install the package default-jre-headless");
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    /// Starts it on its ports, with what it kept, and waits until it answers.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start_again(&mut self) {
        let mut arguments = JAVA.map(str::to_owned).to_vec();
        arguments.extend([jars(), "kafka.Kafka".to_owned(), self.settings_file().display().to_string()]);
        self.process = Some(Process::start(Path::new("java"), arguments, &[]));
        for _ in 0..60 {
            // It waits for a second by itself.
            let asked = Command::new("kcat").args(["-L", "-m", "1", "-b", &self.url()]).output();
            if asked.expect("`kcat` can be run; install the package kcat").status.success() {
                return;
            }
        }
        let printed = self.process.as_ref().map(Process::output).unwrap_or_default();
        panic!("the broker does not start:\n{}", printed.join("\n"));
    }

    /// Kills it; what it answered for is kept.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Panics
    /// It does not by the deadline.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    /// It runs, and does nothing, until [`Self::let_go_on`].
    ///
    /// # Panics
    /// It is stopped.
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").signal("-STOP");
    }

    /// After [`Self::freeze`].
    ///
    /// # Panics
    /// It is stopped.
    pub fn let_go_on(&self) {
        self.process.as_ref().expect("it runs").signal("-CONT");
    }

    /// Where it is spoken to in plain.
    pub fn url(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it is spoken to over TLS, signed in.
    ///
    /// # Panics
    /// It has no such listener.
    pub fn signed_in(&self) -> String {
        format!("localhost:{}", self.signed_in_port.expect("started over TLS"))
    }

    /// Makes sure that a topic is there.
    ///
    /// # Panics
    /// It can't be made.
    pub fn create(&self, topic: &str) {
        for _ in 0..20 {
            let listed = kcat(&["-L", "-m", "5", "-b", &self.url(), "-t", topic]);
            if String::from_utf8_lossy(&listed.stdout).contains("partition 0, leader 1") {
                return;
            }
        }
        panic!("the topic {topic} does not come about");
    }

    /// Every record of a topic so far.
    ///
    /// # Panics
    /// It can't be read.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let read = kcat(&["-C", "-J", "-e", "-q", "-o", "beginning", "-b", &self.url(), "-t", topic]);
        let lines = String::from_utf8(read.stdout).expect("JSON is UTF-8");
        lines.lines().map(Record::from_json).collect()
    }
}

impl Record {
    fn from_json(line: &str) -> Self {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(default)]
            headers: Vec<String>,
            key: Option<String>,
            #[serde(borrow)]
            payload: &'a RawValue,
        }
        let read: Envelope<'_> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let headers = read.headers.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let value = serde_json::from_str(read.payload.get()).expect("a text");
        Self { key: read.key, headers, value }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn settings(folder: &Path, port: u16, over_tls: Option<(u16, &Certified)>) -> String {
    let controller = free_port();
    let mut listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}");
    let mut advertised = format!("PLAINTEXT://127.0.0.1:{port}");
    let mut more = String::new();
    if let Some((port, Certified { certificate, key })) = over_tls {
        listeners += &format!(",SASL_SSL://127.0.0.1:{port}");
        advertised += &format!(",SASL_SSL://localhost:{port}");
        let plain = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required user_{USERNAME}=\"{PASSWORD}\";"
        );
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        // A line of Java's properties: PEM has no backslash of its own.
        let property = |text: &str| text.trim().replace('\n', "\\n");
        more = format!(
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             listener.name.sasl_ssl.plain.sasl.jaas.config={plain}\n\
             listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={scram}\n\
             listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram}\n\
             ssl.keystore.type=PEM\nssl.keystore.certificate.chain={}\nssl.keystore.key={}\n",
            property(certificate),
            property(key),
        );
    }
    format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\nlisteners={listeners}\nadvertised.listeners={advertised}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL\n\
         log.dirs={}\nnum.partitions=1\nauto.create.topics.enable=true\nlog.message.timestamp.type=LogAppendTime\noffsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nmessage.max.bytes=20000\n{more}",
        folder.join("records").display()
    )
}

/// Where the jars are.
fn jars() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kafka");
    assert!(folder.is_dir(), "no jars of Kafka; run `mvn -f tests/kafka dependency:copy-dependencies`");
    format!("{}/*", folder.display())
}

fn kcat(arguments: &[&str]) -> Output {
    run(Command::new("kcat").args(arguments), "install the package kcat")
}

fn run(command: &mut Command, without_it: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {without_it}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

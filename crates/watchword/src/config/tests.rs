use std::time::Duration;

use watchword_core::guess::{GuessRule, LookupRule};
use watchword_core::ports::Retention;

use super::sections::Keys;
use super::*;
use crate::clock::SystemClock;

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

fn read_sections(text: &str) -> Sections {
    let root = file::parse(text, &"default.toml".into()).unwrap_or_else(|problem| panic!("{problem}"));
    let mut problems = Vec::new();
    let sections = read::read(root, &[], &mut problems, |reader| Sections::deserialize(reader));
    assert_eq!(problems, []);
    sections.unwrap()
}

#[test]
fn the_reference_says_exactly_the_defaults() {
    let sections = read_sections(REFERENCE);
    assert_eq!(sections.server, Server::default());
    assert_eq!(sections.admin, Admin::default());
    assert_eq!(sections.store, Store::default());
    assert_eq!(sections.keys, Keys::default());
    assert_eq!(sections.guess, Guess::default());
    assert_eq!(sections.retention, RetentionSection::default());
    assert_eq!(sections.log, Log::default());
    assert_eq!(sections.otp, Otp::default());
    assert!(sections.namespaces.is_empty() && sections.providers.is_empty() && sections.routes.is_empty());

    assert_eq!(sections.guess.rule(), GuessRule::default());
    assert_eq!(sections.guess.lookup_rule(), LookupRule::default());
    assert_eq!(sections.retention.retention(), Retention::default());
}

/// The reference with its settings behind a `#` switched on.
fn reference_with_all() -> String {
    let uncommented = REFERENCE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if rest.starts_with('[') => rest,
        Some(rest) => match rest.split_once(" = ") {
            Some((key, _)) if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => rest,
            _ => line,
        },
        None => line,
    });
    uncommented.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_names_every_setting_and_no_other() {
    let all = reference_with_all();
    let mut written = file::parse(&all, &"default.toml".into()).unwrap_or_else(|problem| panic!("{problem}"));
    // A setting that does not exist makes the reader list those that do.
    let sections = ["server", "admin", "store", "keys", "guess", "retention", "log", "otp"];
    for section in
        sections.iter().map(|name| vec![*name]).chain([vec!["namespaces", "myapp"], vec!["routes", "phone"]])
    {
        assert_known(&mut written, &section, |reader| Sections::deserialize(reader).map(drop));
    }
    assert_known(&mut written, &[], |reader| Sections::deserialize(reader).map(drop));
    let mut webhook = written.take(&["providers", "sms"]).unwrap();
    webhook.take(&["kind"]).unwrap();
    assert_known(&mut webhook, &[], |reader| ProviderSettings::read("webhook", reader).unwrap().map(drop));
}

fn assert_known(
    written: &mut Node,
    section: &[&str],
    deserialize: impl Fn(read::Reader<'_>) -> Result<(), read::Mismatch>,
) {
    let mut path = section.to_vec();
    path.push("?");
    written.set(&path, String::new(), &Origin::BuiltIn);
    let mut problems = Vec::new();
    read::read(written.clone(), &[], &mut problems, deserialize);
    let [problem] = &problems[..] else { panic!("{section:?}: {problems:?}") };
    let problem = problem.to_string();
    let (_, known) = problem.split_once("known here: ").unwrap();
    let mut known: Vec<&str> = known.split(", ").map(|name| name.trim_matches('`')).collect();
    known.sort_unstable();
    written.take(&path).unwrap();
    let Value::Table(table) = &written.get(section).unwrap().value else { panic!("{section:?}") };
    assert_eq!(table.keys().map(String::as_str).collect::<Vec<_>>(), known, "{section:?}");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let file = r#"
[server]
lisen = "127.0.0.1:1"
timeout = 5
max_connections = -1
[guess]
burst = "ten"
max_wait = "15"
[store]
url = "postgres://user:hunter2@db/otp"
[otp]
max_atempts = 3
[namespaces.app]
secrets = "hunter2"
[providers.sms]
kind = "webhok"
[providers.mail]
kind = "webhook"
url = "ftp://example.com"
max_con = 7
[routes.phone]
providers = ["sms", "pigeon"]
[whatever]
x = 1
"#;
    let environment = [("WATCHWORD_LOG__LEVEL", "loud=loud=loud"), ("WATCHWORD_KEY", "hunter2")];
    assert_eq!(
        mistakes(file, &environment),
        [
            "watchword.toml:3: server.lisen: unknown; did you mean `listen`?",
            "watchword.toml:4: server.timeout: must be a length of time in quotes, like \"15m\", not a number",
            "watchword.toml:5: server.max_connections: must be a whole number from 1 to 1000000",
            "watchword.toml:7: guess.burst: must be a whole number from 0 to 4294967295, not a text",
            "watchword.toml:8: guess.max_wait: a length of time is a number and a unit (ms, s, m, h), like \"3s\" or \
             \"1m30s\"",
            "watchword.toml:10: store.url: stores of the kind `postgres:` are not there yet; this version has `sqlite:` \
             only; write it like \"sqlite:watchword.db\" or \"sqlite:/var/lib/watchword/watchword.db\"",
            "watchword.toml:12: otp.max_atempts: unknown; did you mean `max_attempts`?",
            "watchword.toml:13: namespaces.app.secret: is needed and not set",
            "watchword.toml:14: namespaces.app.secrets: unknown; did you mean `secret`?",
            "watchword.toml:16: providers.sms.kind: there is no such kind; did you mean `webhook`?",
            "watchword.toml:19: providers.mail.url: must begin with http:// or https://",
            "watchword.toml:20: providers.mail.max_con: unknown; did you mean `max_conns`?",
            "watchword.toml:22: routes.phone.providers: there is no provider `pigeon`",
            "watchword.toml:23: whatever: unknown; known here: `server`, `admin`, `store`, `keys`, `guess`, `retention`, \
             `log`, `otp`, `namespaces`, `providers`, `routes`",
            "WATCHWORD_KEY: key 1 is not 32 bytes in hex or base64; make one with: openssl rand -hex 32",
            "WATCHWORD_LOG__LEVEL: log.level: must be `error`, `warn`, `info`, `debug` or `trace`, or levels by module \
             like \"info,watchword_store=debug\"",
        ]
    );
}

#[test]
fn a_configuration_that_can_do_nothing_says_what_is_missing() {
    let [namespaces, providers] = &mistakes("", &[])[..] else { panic!() };
    assert!(namespaces.starts_with("namespaces: no namespace is configured"), "{namespaces}");
    assert!(providers.starts_with("providers: no provider is configured"), "{providers}");
}

#[test]
fn what_is_not_toml_or_not_there_is_told_without_the_noise_that_follows() {
    let [broken] = &mistakes("[server]\nlisten = \n", &[])[..] else { panic!() };
    assert!(broken.starts_with("watchword.toml:2: not valid TOML: "), "{broken}");
    let sources = Sources { files: vec!["/nowhere/watchword.toml".into()], ..Sources::default() };
    let error = load(sources, &registry()).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/watchword.toml: there is no such file");
}

#[test]
fn values_that_can_not_work_are_refused() {
    for (file, mistake) in [
        ("[server]\nlisten = \"localhost\"", "server.listen: must be an IP address and a port"),
        ("[server]\ntimeout = \"500ms\"", "server.timeout: must be from 1s to 5m"),
        (
            "[server]\nmax_concurrent_requests = 0",
            "server.max_concurrent_requests: must be a whole number from 1",
        ),
        (
            "[server]\nmax_connections = 1.5",
            "server.max_connections: must be a whole number from 1 to 1000000, not a fraction",
        ),
        ("[server]\nroot_url = \"example.com\"", "server.root_url: must be a URL"),
        ("[server]\nroot_url = \"https://example.com/?a\"", "server.root_url: must be a URL"),
        ("[store]\nurl = \"watchword.db\"", "store.url: must begin with the kind of store"),
        ("[store]\nurl = \"sqlite:\"", "store.url: must name a file"),
        ("[store]\nurl = \"mysql:x\"", "store.url: there is no store of the kind `mysql:`"),
        (
            "[log]\nformat = \"jason\"",
            "log.format: must be one of `auto`, `text`, `json`; did you mean `json`?",
        ),
        ("[log]\nformat = 7", "log.format: must be one of"),
        ("[otp]\nttl = \"0s\"", "otp.ttl: must be from 1s to 8760h"),
        ("[otp]\nttl = \"1500ms\"", "otp.ttl: must be whole seconds"),
        ("[otp]\nmax_generate = 0", "otp.max_generate: must be a whole number from 1 to 1000000"),
        ("[guess]\nburst = 4294967296", "guess.burst: must be a whole number from 0 to 4294967295"),
        ("[namespaces.\"a:b\"]\nsecret = \"x\"", "namespaces.\"a:b\": a namespace's name can't have a colon"),
        ("[namespaces.b]\nsecret = \"\"", "namespaces.b.secret: must not be empty"),
        ("[namespaces.b]\nsecret = 5", "namespaces.b.secret: must be a text in quotes, not a number"),
        ("namespaces.b = 2020-01-01", "namespaces.b: must be a section, not a date"),
        ("server = true", "server: must be a section, not true or false"),
        ("[providers.x]\nurl = \"http://x/\"", "providers.x.kind: is needed and not set; known: webhook"),
        ("[providers.x]\nkind = \"webhook\"", "providers.x.url: is needed and not set"),
        ("[providers.x]\nkind = \"inbox\"", "providers.x: provider `x`: the kind `inbox`"),
        ("providers.x = 1", "providers.x: must be a section"),
        ("[routes.x]\nproviders = []", "routes.x.providers: must name at least one provider"),
        ("[routes.x]\nproviders = [\"sms\", \"sms\"]", "routes.x.providers: names the provider `sms` twice"),
        ("[routes.x]\nproviders = \"sms\"", "routes.x.providers: must be a list, not a text"),
    ] {
        // Keys before the first section belong to none.
        let text =
            if file.starts_with('[') { format!("{LEAST}\n{file}") } else { format!("{file}\n{LEAST}") };
        let found = mistakes(&text, &[]);
        let [only] = &found[..] else { panic!("{file}: {found:#?}") };
        assert!(only.contains(mistake), "{file}: {only}");
    }
}

#[test]
fn later_sources_win_key_by_key() {
    let file = format!("{LEAST}\n[guess]\nburst = 5\nbudget = 50\n[server]\nlisten = \"127.0.0.1:1\"");
    let environment = [
        ("WATCHWORD_GUESS__BUDGET", "40"),
        ("watchword_guess__lookup_wait", "3s"),
        ("WATCHWORD_SERVER__LISTEN", "127.0.0.1:2"),
        ("WATCHWORD_ADMIN__LISTEN", "127.0.0.1:4"),
        ("WATCHWORD_NAMESPACES__APP__SECRET", "12345"),
        ("WATCHWORD_PROVIDERS__SMS__MAX_CONNS", "3"),
        ("WATCHWORD_ROUTES__PHONE__PROVIDERS", "sms"),
        ("WATCHWORD_STORE", "sqlite:///tmp/x.db"),
        ("WATCHWORD_LOG__LEVEL", ""),
    ];
    let flags = vec![Flag { flag: "--listen", key: "server.listen", value: "127.0.0.1:3".to_owned() }];
    let config = with(&file, &environment, flags).unwrap();
    let rule = config.guess.rule();
    assert_eq!((rule.burst, rule.budget, rule.max_wait), (5, 40, GuessRule::default().max_wait));
    assert_eq!(config.guess.lookup_rule().wait, Duration::from_secs(3));
    assert_eq!(config.server.listen.0.port(), 3);
    assert_eq!(config.admin.listen.unwrap().0.port(), 4);
    assert_eq!(config.store.url, StoreUrl::Sqlite("/tmp/x.db".into()));
    assert_eq!(config.log, Log::default());
    let app = Namespace::new("app").unwrap();
    assert_eq!(config.namespaces[&app].expose(), "12345");
    let sms = ProviderId::new("sms").unwrap();
    assert_eq!(config.providers[&sms].provider.max_concurrent(), 3);
    let routes: Vec<_> = config.routes.iter().map(|(name, to)| (name.as_str(), to.clone())).collect();
    assert_eq!(routes, [("phone", vec![sms.clone()]), ("sms", vec![sms])]);
    let KeySource::File(keys) = config.keys else { panic!() };
    assert_eq!(keys, PathBuf::from("/tmp/x.key"));
}

#[test]
fn a_mistake_in_the_environment_or_a_flag_is_named_by_it() {
    let environment = [("WATCHWORD_GUES__BURST", "1"), ("Watchword_Guess__Max_Wait", "soon")];
    let flags = vec![Flag { flag: "--listen", key: "server.listen", value: "nine".to_owned() }];
    let error = with(LEAST, &environment, flags).unwrap_err().to_string();
    for line in [
        "the configuration has 3 mistakes:",
        "  WATCHWORD_GUES__BURST: gues: unknown; did you mean `guess`?",
        "  Watchword_Guess__Max_Wait: guess.max_wait: a length of time is",
        "  --listen: server.listen: must be an IP address and a port",
    ] {
        assert!(error.lines().any(|found| found.starts_with(line)), "{line}\n{error}");
    }
}

#[test]
fn variables_of_others_are_left_alone() {
    // What Kubernetes sets for a service named `watchword`.
    let environment = [
        ("WATCHWORD_PORT", "tcp://10.0.0.1:9000"),
        ("WATCHWORD_SERVICE_HOST", "10.0.0.1"),
        ("WATCHWORD_PORT_9000_TCP_ADDR", "10.0.0.1"),
        ("WATCHWORD_KEYS", "meant otherwise"),
    ];
    let config = with(LEAST, &environment, Vec::new()).unwrap();
    assert_eq!(config.warnings, ["WATCHWORD_KEYS is not read; did you mean WATCHWORD_KEY?"]);
}

#[test]
fn no_debug_output_shows_a_secret() {
    let key = "2222222222222222222222222222222222222222222222222222222222222222";
    let file = LEAST.replace("http://127.0.0.1:1/", "http://user:pa55@127.0.0.1:1/");
    let config = with(&file, &[("WATCHWORD_KEY", key)], Vec::new()).unwrap();
    let shown = format!("{config:?}");
    for secret in ["s3cret", "pa55", "2222"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_log_level_that_is_none_is_refused_instead_of_silencing_the_log() {
    for bad in ["loud", "inof", "info,debgu"] {
        let mistakes = mistakes("", &[("WATCHWORD_LOG__LEVEL", bad)]);
        assert!(
            mistakes.iter().any(|mistake| mistake.contains("log.level: must be")),
            "{bad:?}: {mistakes:?}"
        );
    }
    for good in ["INFO", "warn", "info,watchword_store=debug"] {
        let mistakes = mistakes("", &[("WATCHWORD_LOG__LEVEL", good)]);
        assert!(!mistakes.iter().any(|mistake| mistake.contains("log.level")), "{good:?}: {mistakes:?}");
    }
}

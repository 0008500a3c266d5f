//! `watchword config`.

use std::fs;
use std::path::Path;

use crate::support::{Run, run_in};

const LEAST: &str = "\
[namespaces.app]
secret = \"app-secret\"
[providers.sms]
kind = \"webhook\"
url = \"http://user:pa55@127.0.0.1:1/\"
";

fn check(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    run_in(folder, ["config", "check"].iter().chain(arguments), environment)
}

#[test]
fn ten_mistakes_are_ten_lines_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    let config = "\
[server]
lisen = \"127.0.0.1:1\"
timeout = 5
[guess]
burst = \"ten\"
max_wait = \"15\"
[store]
url = \"sqlite:state\"
[namespaces.app]
secrets = \"hunter2\"
[providers.sms]
kind = \"webhok\"
[providers.mail]
kind = \"webhook\"
url = \"http://127.0.0.1:1/\"
template = \"nowhere.txt\"
[routes.phone]
providers = [\"sms\", \"pigeon\"]
";
    fs::write(folder.path().join("watchword.toml"), config).unwrap();
    let run = check(folder.path(), &[], &[]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    let here = fs::canonicalize(folder.path()).unwrap();
    let here = here.display();
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(
        lines,
        [
            "watchword.toml:2: server.lisen: unknown; did you mean `listen`?",
            "watchword.toml:3: server.timeout: must be a length of time in quotes, like \"15m\", not a number",
            "watchword.toml:5: guess.burst: must be a whole number from 0 to 4294967295, not a text",
            "watchword.toml:6: guess.max_wait: a length of time is a number and a unit (ms, s, m, h), like \"3s\" or \
             \"1m30s\"",
            &format!(
                "watchword.toml:8: store.url: {here}/state is a folder; name a file in it, like \
                 sqlite:{here}/state/watchword.db"
            ),
            "watchword.toml:9: namespaces.app.secret: is needed and not set",
            "watchword.toml:10: namespaces.app.secrets: unknown; did you mean `secret`?",
            "watchword.toml:12: providers.sms.kind: there is no such kind; did you mean `webhook`?",
            &format!("watchword.toml:16: providers.mail.template: there is no file {here}/nowhere.txt"),
            "watchword.toml:18: routes.phone.providers: there is no provider `pigeon`",
        ]
    );
}

#[test]
fn a_good_one_is_one_line_and_its_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        format!("{LEAST}[routes.phone]\nproviders = [\"sms\"]\n[store]\nurl = \"sqlite:/tmp/x.db\"\n");
    fs::write(folder.path().join("other.toml"), config).unwrap();
    let environment = [("WATCHWORD_LOG_LEVEL", "debug"), ("WATCHWORD_PORT", "tcp://10.0.0.1:9000")];
    let run = check(folder.path(), &["--config", "other.toml"], &environment);
    assert_eq!(
        run,
        Run {
            code: Some(0),
            out: "good: listens on 127.0.0.1:9000, store sqlite:/tmp/x.db, 1 namespace, providers sms (webhook), routes phone\n\
                  warning: WATCHWORD_LOG_LEVEL is not read; did you mean WATCHWORD_LOG__LEVEL?\n"
                .to_owned(),
            err: String::new(),
        }
    );
}

#[test]
fn without_any_file_it_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = fs::canonicalize(folder.path()).unwrap();
    let expected = format!(
        "no namespace and no provider is configured: there is no watchword.toml in {}, and WATCHWORD_CONFIG is not set; \
         run `watchword init` to write one, or name one with --config\n",
        here.display()
    );
    let run = check(folder.path(), &[], &[]);
    assert_eq!((run.code, run.err), (Some(2), expected.clone()));
    let run = run_in(folder.path(), ["serve"], &[]);
    assert_eq!((run.code, run.err), (Some(2), format!("watchword: {expected}")));
}

#[test]
fn the_reference_is_a_configuration_itself() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), ["config", "reference"], &[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    fs::write(folder.path().join("watchword.toml"), run.out + LEAST).unwrap();
    let run = check(folder.path(), &[], &[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
}

#[test]
fn what_is_set_is_shown_with_its_place_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("watchword.toml"), LEAST).unwrap();
    let run = run_in(folder.path(), ["config", "show"], &[("WATCHWORD_GUESS__BURST", "5")]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for line in [
        "guess.budget = 100  # the defaults",
        "guess.burst = \"5\"  # WATCHWORD_GUESS__BURST",
        "namespaces.app.secret = …  # watchword.toml:2",
        "providers.sms.kind = \"webhook\"  # watchword.toml:4",
        "providers.sms.url = …  # watchword.toml:5",
    ] {
        assert!(run.out.lines().any(|found| found == line), "{line}\n{}", run.out);
    }
    assert!(!run.out.contains("app-secret") && !run.out.contains("pa55"), "{}", run.out);
}

//! What is wrong is told at once, each thing with its place.

use super::*;

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
url = "mysql://user:hunter2@db/otp"
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
            "watchword.toml:10: store.url: there is no store of the kind `mysql:`; write it like \"sqlite:watchword.db\", \
             \"postgres://user:password@127.0.0.1:5432/database\" or \"redis://127.0.0.1:6379\"",
            "watchword.toml:12: otp.max_atempts: unknown; did you mean `max_attempts`?",
            "watchword.toml:13: namespaces.app.secret: is needed and not set",
            "watchword.toml:14: namespaces.app.secrets: unknown; did you mean `secret`?",
            "watchword.toml:16: providers.sms.kind: there is no such kind; did you mean `webhook`?",
            "watchword.toml:19: providers.mail.url: must begin with http:// or https://",
            "watchword.toml:20: providers.mail.max_con: unknown; did you mean `max_conns`?",
            "watchword.toml:22: routes.phone.providers: there is no provider `pigeon`",
            "watchword.toml:23: whatever: unknown; known here: `server`, `admin`, `store`, `keys`, `guess`, `retention`, \
             `log`, `telemetry`, `otp`, `pages`, `perfumer`, `egov`, `namespaces`, `providers`, `routes`",
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
        ("[store]\ntimeout = \"99ms\"", "store.timeout: must be from 100ms to 1m"),
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
        ("[store]\npublish_key = \"\"", "store.publish_key: must be the name of a channel"),
        ("[store]\npublish_key = \"otp\"", "store.publish_key: only a store in Redis publishes"),
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
        ("[providers.x]\nurl = \"http://x/\"", "providers.x.kind: is needed and not set; known: "),
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
fn a_mistake_in_a_part_of_a_provider_is_told_with_its_place() {
    let file = r#"
[namespaces.app]
secret = "s3cret"
[providers.one]
kind = "http"
url = "https://example.com/{{ .Tow }}"
[providers.two]
kind = "http"
url = "https://example.com/"
method = "POSTT"
[providers.two.form]
text = { a = 1 }
[[providers.two.reply]]
status = "2xx"
outcome = "accepted"
[providers.three]
kind = "http"
url = "https://example.com/"
[providers.three.json]
to = "{{ .To }}"
text = [ "{{ .Boddy }}" ]
"#;
    let mistakes = mistakes(file, &[]);
    let beginnings = [
        "watchword.toml:6: providers.one.url: is no sound template: line 1: ",
        "watchword.toml:10: providers.two.method: must be one of `POST`, `GET`, `PUT`, `PATCH`; did you mean `POST`?",
        "watchword.toml:12: providers.two.form.text: must be a text, a number, or a list of such, not a section",
        "watchword.toml:13: providers.two.reply.status: must be a status like 429, statuses like \"200-299\", or a list of such",
        "watchword.toml:21: providers.three.json.text: is no sound template: line 1: ",
    ];
    assert_eq!(mistakes.len(), beginnings.len(), "{mistakes:#?}");
    for (mistake, beginning) in mistakes.iter().zip(beginnings) {
        assert!(mistake.starts_with(beginning), "{mistake}\n{beginning}");
    }
}

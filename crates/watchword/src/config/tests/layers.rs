//! Which source wins, and which variables are ours.

use std::time::Duration;

use watchword_core::guess::GuessRule;

use super::*;

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
    let KeyPlace::File(keys) = config.keys.place else { panic!() };
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

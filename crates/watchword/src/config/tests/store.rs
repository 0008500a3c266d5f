//! What a store is told: how long it is waited for, and how long it keeps records.

use std::time::Duration;

use watchword_core::ports::Retention;

use super::*;

const KEY: (&str, &str) =
    ("WATCHWORD_KEY", "0707070707070707070707070707070707070707070707070707070707070707");

#[test]
fn the_original_says_how_long_its_redis_is_waited_for() {
    for (line, expected, is_changed) in [
        ("", 5_000, false),
        ("timeout = \"3s\"", 3_000, false),
        ("timeout = \"1ms\"", 100, true),
        ("timeout = 5", 100, true),
        ("timeout = \"2m\"", 60_000, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let text = format!(
            "[auth.app]\nnamespace = \"app\"\nsecret = \"s3cret\"\n[store.redis]\nhost = \"localhost\"\n{line}\n\
             [webhooks.sms]\nenabled = true\nurl = \"http://127.0.0.1:1/\"\n"
        );
        std::fs::write(&path, text).unwrap();
        let environment = vec![(KEY.0.into(), KEY.1.into())];
        let original = Some(Original::Otpgateway);
        let sources = Sources { files: vec![path], environment, original, ..Sources::default() };
        let config = load(sources, &registry()).unwrap();
        assert_eq!(config.store.timeout, Duration::from_millis(expected), "{line}");
        let changed = config.warnings.iter().any(|warning| warning.contains("store.redis.timeout"));
        assert_eq!(changed, is_changed, "{line}: {:?}", config.warnings);
    }
}

#[test]
fn every_url_of_a_redis_names_one() {
    for url in [
        "redis://one",
        "rediss://one?ca_file=/etc/ca.pem",
        "redis+sentinel://one,two/mymaster",
        "rediss+sentinel://one,two/mymaster/3?sentinel_password=s3cret",
        "redis+cluster://one,two",
        "rediss+cluster://one,two",
    ] {
        let config = with(LEAST, &[KEY, ("WATCHWORD_STORE", url)], Vec::new()).unwrap();
        assert!(matches!(config.store.url, StoreUrl::Redis(_)), "{url}");
    }
}

#[test]
fn records_are_kept_as_the_store_does_unless_it_is_said() {
    let none = Retention { delivery_records: Duration::ZERO };
    for (more, on_disk, in_memory) in [
        ("", Retention::default(), none),
        ("[retention]\ndelivery_records = \"0s\"", none, none),
        (
            "[retention]\ndelivery_records = \"1h\"",
            Retention { delivery_records: Duration::from_hours(1) },
            Retention { delivery_records: Duration::from_hours(1) },
        ),
    ] {
        let config = with(&format!("{LEAST}\n{more}"), &[], Vec::new()).unwrap();
        assert_eq!((config.retention.retention(), config.retention.or(none)), (on_disk, in_memory), "{more}");
    }
}

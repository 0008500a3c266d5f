use super::*;

#[test]
fn a_url_is_shown_by_its_hosts_alone() {
    for (url, shown) in [
        ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
        ("redis://[::1]:7000", "redis://[::1]:7000"),
        ("rediss://user:s3cret@db.example:6380/2", "rediss://db.example:6380"),
        ("redis://:s3c%40ret@db.example/0", "redis://db.example:6379"),
        ("redis+cluster://:s3cret@one:1,two:2", "redis+cluster://one:1,two:2"),
        ("rediss+cluster://one:1/", "rediss+cluster://one:1"),
        ("redis://:s3cret@one:1/3?key_prefix=OTP", "redis://one:1"),
        ("rediss://one:1?ca_file=/etc/ca.pem&key_prefix=OTP", "rediss://one:1"),
        (
            "redis+sentinel://:s3cret@one,two:2,[::1]/mymaster/1",
            "redis+sentinel://one:26379,two:2,[::1]:26379/mymaster",
        ),
        (
            "rediss+sentinel://one/my-master?sentinel_username=a&sentinel_password=s3cret",
            "rediss+sentinel://one:26379/my-master",
        ),
    ] {
        let parsed = RedisUrl::parse(url).unwrap();
        assert_eq!(parsed.to_string(), shown);
        assert!(!format!("{parsed:?}").contains("s3c"));
    }
}

#[test]
fn what_is_no_url_is_refused_without_being_shown() {
    for url in [
        "redis",
        "redis:127.0.0.1",
        "http://s3cret@one",
        "redis://:s3cret@one:port",
        "redis://:s3cret@one/name",
        "rediss://:s3cret@one/#insecure",
        "rediss://:s3cret@one/?key_prefix=a#insecure",
        "redis+cluster://:s3cret@one:1,two:2/3",
        "redis+cluster://:s3cret@one:1,,two:2",
        "redis://:s3cret@one:1?key_prefix={a}",
        "redis://:s3cret@one:1?timeout=1",
        "redis://:s3cret@one:1?ca_file=/etc/ca.pem",
        "rediss://:s3cret@one:1?ca_file=",
        "redis://one:1?sentinel_password=s3cret",
        "redis+sentinel://:s3cret@one:1",
        "redis+sentinel://:s3cret@one:1/",
        "redis+sentinel://:s3cret@one:1/mymaster/name",
        "redis+sentinel://:s3cret@one:1/my{master}",
    ] {
        let error = RedisUrl::parse(url).unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_sentinels_own_credentials_are_not_the_servers() {
    let url = "redis+sentinel://app:one@s:1/mymaster/7?sentinel_username=watch&sentinel_password=t%26wo";
    let Place::Sentinels(sentinels) = RedisUrl::parse(url).unwrap().place else {
        panic!("it is of sentinels")
    };
    let server = sentinels.infos[0].redis_settings();
    assert_eq!((server.username(), server.password(), server.db()), (Some("app"), Some("one"), 7));
    assert_eq!((sentinels.username.as_deref(), sentinels.password.as_deref()), (Some("watch"), Some("t&wo")));
}

#[test]
fn a_ca_file_must_hold_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let url = RedisUrl::parse(&format!("rediss://one?ca_file={}", path.display())).unwrap();
    let error = || url.certificates().unwrap_err().to_string();
    assert!(error().contains("can't be used"), "{}", error());
    std::fs::write(&path, "no certificate").unwrap();
    assert!(error().contains("holds no certificate"), "{}", error());
}
